"""The toy families: only tests register them."""

from gan_jax import gans
from tests.toys import ada_like, cyclegan, growing, infogan, pix2pix, stylegan_like

TOYS = {
    f"toy_{module.__name__.rpartition('.')[2]}": gans.Family(module.Settings, module.build)
    for module in (infogan, pix2pix, cyclegan, growing, stylegan_like, ada_like)
}


def register() -> None:
    gans.FAMILIES.update(TOYS)
