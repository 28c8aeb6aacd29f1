"""Generators and discriminators, by the name of their recipe.

`make_generator("dcgan_4x4", image_size=32, num_classes=10)` builds a module. A generator maps
latents [B, latent_dim] (and labels [B]) to float32 images [B, H, W, C] in [-1, 1]; a discriminator,
or critic, maps images to float32 logits [B]. Both take `train` by keyword.

    mlp             vanilla GAN, fully connected
    dcgan_8x8       dense 8x8x256, 128, 64, 3x3 to the image / 64, 128
    dcgan_4x4       dense 4x4x512, 256, 128, image, LeakyReLU / 128, 256, 512 with dropout;
                    WGAN-GP's without
    dcgan_radford   as Radford et al.: convolutions only, batch normalization in both
    resnet          SNGAN's residual blocks: 256 channels, batch normalization / 128, spectral
                    normalization, a sum over pixels
    sagan           the same with SAGAN's constants, for attention and two normalizations
    biggan          the same with BigGAN's: 256 channels in both, N(0, 0.02)
    sndcgan         SNGAN's "standard CNN": that of dcgan_8x8 but 4x4 at first / 64 to 512, a 3x3
                    convolution at each size
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn

from gan_jax.names import check_name, unknown_name
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.networks.heads import ClassifierHead
from gan_jax.networks.infogan import (
    InfoGANCodeHead,
    InfoGANDiscriminatorHead,
    InfoGANGenerator,
    InfoGANTrunk,
)
from gan_jax.networks.inputs import INITIALIZERS
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.networks.resnet import ResNetDiscriminator, ResNetGenerator
from gan_jax.networks.sndcgan import SNDCGANDiscriminator

GENERATORS: Mapping[str, Callable[..., nn.Module]] = {
    "mlp": MLPGenerator,
    "dcgan_8x8": functools.partial(
        DCGANGenerator, features=64, base_size=8, projection="dense", output_kernel=3
    ),
    "dcgan_4x4": functools.partial(
        DCGANGenerator, features=128, base_size=4, projection="dense", negative_slope=0.2
    ),
    "dcgan_radford": functools.partial(
        DCGANGenerator, features=128, base_size=4, projection="conv"
    ),
    "resnet": ResNetGenerator,
    "sagan": functools.partial(ResNetGenerator, batch_norm_epsilon=1e-5),
    "biggan": functools.partial(
        ResNetGenerator,
        initializer="dcgan",
        batch_norm_epsilon=1e-5,
        class_deviation=0.02,
        spectral_epsilon=1e-8,
    ),
    "sndcgan": functools.partial(
        DCGANGenerator, features=64, base_size=4, projection="dense", output_kernel=3
    ),
}
DISCRIMINATORS: Mapping[str, Callable[..., nn.Module]] = {
    "mlp": MLPDiscriminator,
    "dcgan_8x8": functools.partial(DCGANDiscriminator, features=64, base_size=8),
    "dcgan_4x4": functools.partial(DCGANDiscriminator, features=128, base_size=4, dropout_rate=0.3),
    "dcgan_radford": functools.partial(
        DCGANDiscriminator, features=128, base_size=4, head="conv", normalization="batch"
    ),
    "resnet": ResNetDiscriminator,
    "sagan": functools.partial(ResNetDiscriminator, head_bias=True),
    "biggan": functools.partial(
        ResNetDiscriminator,
        features=256,
        initializer="dcgan",
        head_bias=True,
        spectral_epsilon=1e-8,
    ),
    "sndcgan": SNDCGANDiscriminator,
}


def make_generator(name: str, **fields: Any) -> nn.Module:
    """Builds the generator of a recipe.

    Args:
        name: A key of `GENERATORS`.
        **fields: Fields of the module; common to all are image_size, channels, width, num_classes,
            dtype and axis_name.

    Raises:
        ValueError: No recipe has this name, or its generator no such field.
    """
    return _make(GENERATORS, name, fields)


def make_discriminator(name: str, **fields: Any) -> nn.Module:
    """Builds the discriminator, or critic, of a recipe.

    Args:
        name: A key of `DISCRIMINATORS`.
        **fields: Fields of the module; common to all are image_size, channels, width,
            normalization, dropout_rate, num_classes, dtype and axis_name.

    Raises:
        ValueError: No recipe has this name, or its discriminator no such field.
    """
    return _make(DISCRIMINATORS, name, fields)


def fields_of(maker: Callable[..., nn.Module]) -> tuple[str, ...]:
    """The names of the fields that a module may be built with.

    Args:
        maker: A value of `GENERATORS` or `DISCRIMINATORS`.
    """
    module: Any = getattr(maker, "func", maker)
    return tuple(name for name in module.__dataclass_fields__ if name not in ("parent", "name"))


def _make(table, name, fields):
    check_name("network", name, table)
    try:
        return table[name](**fields)
    except TypeError:
        valid = fields_of(table[name])
        wrong = next((field for field in fields if field not in valid), None)
        if wrong is None:
            raise
        raise ValueError(unknown_name(f"field of network {name}", wrong, valid)) from None


__all__ = [
    "DISCRIMINATORS",
    "GENERATORS",
    "INITIALIZERS",
    "ClassifierHead",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "InfoGANCodeHead",
    "InfoGANDiscriminatorHead",
    "InfoGANGenerator",
    "InfoGANTrunk",
    "MLPDiscriminator",
    "MLPGenerator",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "SNDCGANDiscriminator",
    "fields_of",
    "make_discriminator",
    "make_generator",
]
