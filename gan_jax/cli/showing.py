"""Explains every key of a config: its value, what it may be and what it does."""

from __future__ import annotations

import dataclasses
import textwrap
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from ml_collections import ConfigDict

_WIDTH = 88


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of `--mode=show`."""

    config: Annotated[ConfigDict, "The experiment."]


def main(flags: Flags) -> int:
    """Prints the keys; returns the exit status."""
    from gan_jax import gans
    from gan_jax.gans.settings import as_dict
    from gan_jax.runs import settings

    settings.check(flags.config)
    values = flags.config.to_dict()
    model = values.pop("model")
    family = gans.FAMILIES[flags.config.family].settings
    print("Keys of the config, each a flag as --config.KEY=VALUE; * where it is not the default.")
    for line in _group(settings.RunSettings(), values, "config", "The run"):
        print(line)
    own = as_dict(gans.read_settings(flags.config.family, model))
    for line in _group(family(), own, "config.model", f"The family {flags.config.family}"):
        print(line)
    return 0


def _group(default: Any, values: Mapping[str, Any], prefix: str, title: str) -> Iterator[str]:
    """The lines of a group of keys, then those of the groups in it."""
    yield f"\n{title.rstrip('.')}"
    hints = typing.get_type_hints(type(default))
    groups = []
    for field in dataclasses.fields(default):
        hint, standard = hints[field.name], getattr(default, field.name)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            groups.append((standard, values[field.name], field))
        else:
            yield from _key(field, hint, values[field.name], standard, f"{prefix}.{field.name}")
    for standard, group, field in groups:
        yield from _group(standard, group, f"{prefix}.{field.name}", field.metadata["doc"])


def _key(field: dataclasses.Field, hint: Any, value: Any, default: Any, name: str) -> Iterator[str]:
    from gan_jax.gans.settings import choices_of, range_of

    mark = "" if value == default or field.name in ("name", "family") else "  *"
    yield f"  {name} = {_shown(value)}{mark}"
    limits = str(range_of(field))
    if choices := choices_of(field):
        limits = f"one of {', '.join(choices)}"
    notes = [part for part in (_kind(hint), limits) if part]
    if mark:
        notes.append(f"{_shown(default)} by default")
    text = field.metadata["doc"] + (f" ({'; '.join(notes)})" if notes else "")
    yield textwrap.fill(
        text,
        width=_WIDTH,
        initial_indent=" " * 6,
        subsequent_indent=" " * 6,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_shown(one)}" for name, one in value.items()) + "}"
    return '""' if value == "" else f"{value}"


def _kind(hint: Any) -> str:
    """A type as people call it."""
    from gan_jax.core import Number

    if hint == Number:
        return "a number or a schedule"
    words = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}
    if hint in words:
        return words[hint]
    if typing.get_origin(hint) is tuple:
        return (
            "a tuple, as in (1, 2)" if int in _parts(hint) or float in _parts(hint) else "a tuple"
        )
    return ""


def _parts(hint: Any) -> set[Any]:
    """The types of a tuple's entries."""
    first = typing.get_args(hint)[0]
    return {first, *typing.get_args(first)}
