"""The text of `--help`."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from gan_jax.cli import listing
from gan_jax.cli.declarations import Declaration
from gan_jax.cli.modes import Mode

_VALUES: Mapping[Any, str] = {
    str: "TEXT",
    int: "N",
    float: "X",
    tuple[str, ...]: "A,B",
    tuple[int, ...]: "N,M",
    ConfigDict: "CONFIG",
}
_INDENT = 24
_HEAD = """\
{program} --config=CONFIG --workdir=DIR [--config.KEY=VALUE ...]
{program} --mode=MODE [--FLAG=VALUE ...]

CONFIG is a name of the list below or the path of a config file, with :VARIANT
after it where a variant is wanted. Every key of a config is a flag, as in
--config.batch_size=128; --mode=show --config=CONFIG explains them all.
--mode=MODE --help shows the flags of one mode. --traceback shows, of a mistake
that is told in one line, where in the program it was found."""


def usage(program: str, table: dict[str, Mode], only: str | None = None) -> str:
    """The help.

    Args:
      program: How the command is called.
      table: The modes by name.
      only: The mode whose flags are asked for; None for everything.
    """
    if only is not None:
        return _flags(table[only])
    groups = [_flags(mode) for mode in table.values() if mode.flags]
    head = _HEAD.format(program=program)
    return "\n\n".join([head, listing.modes_section(table), listing.configs_section(), *groups])


def _flags(mode: Mode) -> str:
    return "\n".join([f"flags of --mode={mode.name}", *map(_flag, mode.flags)])


def _flag(flag: Declaration) -> str:
    name = f"[no]{flag.name}" if flag.kind is bool else f"{flag.name}={_VALUES[flag.kind]}"
    default = "on" if flag.default is True else flag.default
    text = flag.help.rstrip(".")
    if str(flag.range):
        text += f"; {flag.range}"
    if flag.required:
        text += "; required"
    elif default:
        text += f"; {default} by default"
    text += "."
    return textwrap.fill(
        text,
        width=min(shutil.get_terminal_size().columns, 100) - 1,
        initial_indent=f"  --{name} ".ljust(_INDENT),
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
    )
