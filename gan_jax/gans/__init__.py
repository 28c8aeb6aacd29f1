"""The families: config in, game out. `FAMILIES` is the one table of their names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from ml_collections import ConfigDict

from gan_jax.core import Experiment
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
    if config.family not in FAMILIES:
        nearest = difflib.get_close_matches(str(config.family), FAMILIES, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"unknown family '{config.family}': did you mean '{nearest}'? "
            f"There are {', '.join(FAMILIES)}"
        )
    return FAMILIES[config.family](config, data)


__all__ = ["FAMILIES", "DataInfo", "build"]
