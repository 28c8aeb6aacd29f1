"""The families: config in, game out. `FAMILIES` is the one table of their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ml_collections import ConfigDict

from gan_jax.core import Experiment, check_name
from gan_jax.gans import families
from gan_jax.gans.families import DataInfo

FAMILIES: Mapping[str, Callable[[ConfigDict, DataInfo], Experiment]] = MappingProxyType(
    {
        "vanilla": families.vanilla,
        "dcgan": families.dcgan,
        "cgan": families.cgan,
        "lsgan": families.lsgan,
        "hinge": families.hinge,
        "wgan": families.wgan,
        "wgan_gp": families.wgan_gp,
        "cwgan_gp": families.cwgan_gp,
    }
)


def build(config: ConfigDict, data: DataInfo) -> Experiment:
    """Builds the experiment that a config describes.

    Args:
      config: As `configs/common.py` makes it.
      data: Shape and number of classes of the images.

    Returns:
      A tuple of phases; one for every family here.

    Raises:
      ValueError: In one line, if the config asks for a family, network, loss or combination that
        does not exist, naming the nearest that does.
    """
    check_name("family", config.family, FAMILIES)
    return FAMILIES[config.family](config, data)


__all__ = ["FAMILIES", "DataInfo", "build"]
