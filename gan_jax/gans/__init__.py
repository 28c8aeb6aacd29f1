"""The families: settings in, experiment out. `NAMES` is the one table of them."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from gan_jax.core import ArraySpec, Experiment
from gan_jax.gans import settings
from gan_jax.gans.settings import Run, setting
from gan_jax.names import check_name


@dataclasses.dataclass(frozen=True)
class Family:
    """A family of GANs.

    Attributes:
      settings: A frozen dataclass of `setting` fields: the keys of `config.model`.
      build: `(settings, {array: ArraySpec}, run) -> Experiment`, pure.
    """

    settings: type
    build: Callable[[Any, Mapping[str, ArraySpec], Run], Experiment]


# Each is a module of this package, with `Settings` and `build`. One line per family.
NAMES = (
    "adversarial",
    "infogan",
)  # fmt: skip


def _family(name: str) -> Family:
    module = importlib.import_module(f"{__name__}.{name}")
    return Family(module.Settings, module.build)


FAMILIES: dict[str, Family] = {name: _family(name) for name in NAMES}


def read_settings(family: str, model: Mapping[str, Any]) -> Any:
    """The settings of a family from the values of `config.model`.

    Raises:
      ValueError: In one line, if the family, a key or a value is not one that there is.
    """
    check_name("family", family, FAMILIES)
    return settings.read(FAMILIES[family].settings, model)


def build(
    family: str, model: Mapping[str, Any], arrays: Mapping[str, ArraySpec], run: Run
) -> Experiment:
    """Builds the experiment that a config describes.

    Args:
      family: A key of `FAMILIES`.
      model: The values of `config.model`, nested.
      arrays: Shapes of the data's arrays.
      run: What the family must know of the run.

    Raises:
      ValueError: In one line: an unknown family, key or value (the nearest is named), a value out
        of its range, settings that do not go together, or a key that was set and has no effect.
    """
    chosen, reads = read_settings(family, model), set[str]()
    experiment = FAMILIES[family].build(settings.Tracked(chosen, reads), arrays, run)
    settings.check_all_read(chosen, reads)
    ends = experiment.ends_with_the_run or bool(run.resolved)
    return dataclasses.replace(experiment, ends_with_the_run=ends)


def defaults(family: str) -> dict[str, Any]:
    """The values of `config.model` where nothing is set, nested."""
    return settings.as_dict(FAMILIES[family].settings())


__all__ = [
    "FAMILIES",
    "Family",
    "Run",
    "build",
    "defaults",
    "read_settings",
    "setting",
]
