"""The modes of the command line: one line per mode."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from gan_jax.cli.declarations import Declaration, declarations
from gan_jax.names import did_you_mean

DEFAULT = "train"
# In the order of the help. `gan_jax/modes/__init__.py` says what such a module holds.
MODULES = {
    "train": "gan_jax.modes.train",
    "sample": "gan_jax.modes.sample",
    "evaluate": "gan_jax.modes.evaluate",
    "benchmark": "gan_jax.modes.benchmark",
    "plan": "gan_jax.modes.plan",
    "report": "gan_jax.modes.report",
    "list": "gan_jax.cli.listing",
    "show": "gan_jax.cli.showing",
}
# Of the design, and not built yet.
LATER = ("export",)


@dataclasses.dataclass(frozen=True)
class Mode:
    """A mode, as its module declares it.

    Attributes:
      name: Its value of `--mode`.
      summary: The first line of the module's docstring.
      flags: Its flags, in the order of declaration.
      make_flags: The dataclass of their values.
      main: Runs the mode on these values and returns the exit status.
    """

    name: str
    summary: str
    flags: tuple[Declaration, ...]
    make_flags: Callable[..., Any]
    main: Callable[[Any], int]


def load() -> dict[str, Mode]:
    """All modes by name, in the order of the table."""
    return {name: _load(name, module) for name, module in MODULES.items()}


def _load(name: str, module_name: str) -> Mode:
    module = importlib.import_module(module_name)
    summary = (module.__doc__ or "").partition("\n")[0]
    return Mode(name, summary, declarations(module.Flags), module.Flags, module.main)


def choose(name: str, table: Mapping[str, Mode]) -> Mode:
    """The mode that `--mode` names.

    Raises:
      ValueError: In one line, with the nearest mode.
    """
    if name in LATER:
        raise ValueError(f"--mode={name} is not built yet; there are {', '.join(table)}")
    if name not in table:
        raise ValueError(f"unknown --mode={name}{did_you_mean(name, table)}")
    return table[name]
