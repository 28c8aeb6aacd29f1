"""Flags as the modes declare them: fields `name: Annotated[type, "help"] = default`.

A flag of numbers may have a range as well: `Annotated[int, "help", Range(least=1)]`.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from ml_collections import ConfigDict

from gan_jax.ranges import ANY, Range

# What a flag may be; the entries of a tuple are separated by commas on the command line.
KINDS = (str, int, float, bool, tuple[str, ...], tuple[int, ...], ConfigDict)


@dataclasses.dataclass(frozen=True)
class Declaration:
    """One flag of one mode.

    Attributes:
      name: Without the dashes.
      kind: One of `KINDS`.
      help: What it does, in this mode.
      default: Its value where it is not given; None where it is required.
      required: Whether the mode does not start without it.
      range: The numbers that it may be, or that its entries may be.
    """

    name: str
    kind: Any
    help: str
    default: Any
    required: bool
    range: Range = ANY


def declarations(cls: type) -> tuple[Declaration, ...]:
    """Reads the flags of a mode.

    Args:
      cls: A dataclass whose fields are annotated `Annotated[kind, "help"]`, or
        `Annotated[kind | None, "help"]`, of numbers with a `Range` as well; a field without a
        default is a required flag.

    Raises:
      TypeError: If a field is annotated otherwise.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    return tuple(_declaration(field, hints[field.name]) for field in dataclasses.fields(cls))


def _declaration(field: dataclasses.Field, hint: Any) -> Declaration:
    if typing.get_origin(hint) is not typing.Annotated:
        raise TypeError(f'flag {field.name}: annotate it as Annotated[type, "help"]')
    kind, text, *ranges = typing.get_args(hint)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind, *others = (arg for arg in typing.get_args(kind) if arg is not type(None))
        if others:
            raise TypeError(f"flag {field.name} is of one type, or None")
    if kind not in KINDS:
        raise TypeError(f"flag {field.name} is of {kind}, and not of one of {KINDS}")
    required = field.default is dataclasses.MISSING
    default = None if required else field.default
    return Declaration(field.name, kind, text, default, required, *ranges)
