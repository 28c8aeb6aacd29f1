"""Lists the configs that --config takes by name, and the modes."""

from __future__ import annotations

import dataclasses

from gan_jax.cli import config_files, modes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """`--mode=list` has no flags."""


def main(flags: Flags) -> int:
    """Prints the list; returns the exit status."""
    print(f"{configs_section()}\n\n{modes_section(modes.load())}")
    return 0


def configs_section() -> str:
    """The packaged configs, one per line, under a heading."""
    return _section("configs, as in --config=NAME or --config=NAME:smoke", config_files.summaries())


def modes_section(table: dict[str, modes.Mode]) -> str:
    """The modes, one per line, under a heading."""
    heading = f"modes, as in --mode=NAME; {modes.DEFAULT} by default"
    return _section(heading, {name: mode.summary for name, mode in table.items()})


def _section(heading: str, lines: dict[str, str]) -> str:
    width = max(map(len, lines))
    return "\n".join([heading, *(f"  {name:{width}}  {text}" for name, text in lines.items())])
