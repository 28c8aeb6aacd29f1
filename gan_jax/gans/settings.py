"""A family's settings: one frozen dataclass, at once its keys, defaults, documentation and checks.

`config.model` holds the fields of the dataclass. `read` turns it into an instance and refuses what
is unknown or out of range; `track` notes which fields a builder reads, so that a key that was set
and has no effect is refused too.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from gan_jax.core import PRECISIONS, Number, Schedule, resolve
from gan_jax.names import check_name
from gan_jax.ranges import ANY, Range

Choices = tuple[str, ...] | Callable[[], Iterable[str]]


@dataclasses.dataclass(frozen=True)
class Run:
    """What a family must know of the run.

    Attributes:
      steps: The number of steps of the whole run.
      batch_size: Examples per update, over all devices.
      precision: A key of `core.PRECISIONS`.
      axis_name: The mapped axis under pmap, else None.
      monitor_every: Steps between two computations of what is only logged.
      resolved: The schedules whose last step is the run's, as `resolve` was asked for them.
    """

    steps: int
    batch_size: int
    precision: str = "float32"
    axis_name: str | None = None
    monitor_every: int = 1
    resolved: list[Schedule] = dataclasses.field(default_factory=list, compare=False)

    @property
    def dtype(self) -> Any:
        """The dtype of the networks' arithmetic.

        Raises:
          ValueError: In one line, if there is no such precision.
        """
        check_name("config.precision", self.precision, PRECISIONS)
        return PRECISIONS[self.precision].dtype

    def resolve(self, number: Number) -> Number:
        """A number whose schedule, if it has one, knows its last step.

        What ends with the run makes it another experiment when the run is longer; it is noted.
        """
        if isinstance(number, Schedule) and number.ends_with_the_run:
            self.resolved.append(number)
        return resolve(number, self.steps)


def setting(
    default: Any,
    doc: str,
    *,
    choices: Choices = (),
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> Any:
    """A field of a settings dataclass.

    Args:
      default: Its default; a settings dataclass's instance for a group, {} for groups by name.
      doc: What it means, with its unit.
      choices: Strings that it may be; a function that returns them where they may become more.
      least: The smallest number it may be.
      above: A number that it must be above.
      most: The largest number it may be.
      below: A number that it must be below.
    """
    metadata = {
        "doc": doc,
        "choices": choices,
        "range": Range(least=least, above=above, most=most, below=below),
    }
    if isinstance(default, Mapping):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def range_of(field: dataclasses.Field) -> Range:
    """The numbers that a field may be."""
    return field.metadata.get("range", ANY)


def choices_of(field: dataclasses.Field) -> tuple[str, ...]:
    """The strings that a field may be; empty where any will do."""
    choices = field.metadata.get("choices", ())
    return tuple(choices() if callable(choices) else choices)


def as_dict(settings: Any) -> dict[str, Any]:
    """The fields of an instance as nested dicts, for a config."""
    return {
        field.name: as_dict(value)
        if dataclasses.is_dataclass(value := getattr(settings, field.name))
        else value
        for field in dataclasses.fields(settings)
    }


def read(
    cls: type, values: Mapping[str, Any], *, prefix: str = "config.model", default: Any = None
) -> Any:
    """Makes an instance of a settings dataclass from a config's values.

    Args:
      cls: The dataclass.
      values: `{field: value}`, nested; what is missing has its default.
      prefix: How messages name the place of `values`.
      default: The instance whose fields are the defaults; None for those of `cls`.

    Returns:
      The instance.

    Raises:
      ValueError: In one line: an unknown key (the nearest is named), a value of another type or
        out of its range.
    """
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name in values:
        check_name(f"key of {prefix}", name, fields)
    found = {
        name: _convert(hints[name], fields[name], values[name], f"{prefix}.{name}")
        for name in values
    }
    return cls(**found) if default is None else dataclasses.replace(default, **found)


def _convert(hint: Any, field: dataclasses.Field, value: Any, key: str) -> Any:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return read(hint, _items(value, key), prefix=key, default=field.default)
    if typing.get_origin(hint) is Mapping:
        cls, groups = typing.get_args(hint)[1], _items(value, key)
        return {
            name: read(cls, _items(group, f"{key}.{name}"), prefix=f"{key}.{name}")
            for name, group in groups.items()
        }
    if hint == Number and hasattr(value, "items"):
        return _schedule(field, dict(value.items()), key)
    value = _typed(hint, value, key)
    for part in value if isinstance(value, tuple) else (value,):
        if choices := choices_of(field):
            check_name(key, part, choices)
        if isinstance(part, int | float) and not isinstance(part, bool):
            range_of(field).check(key, part)
    return value


def _items(value: Any, key: str) -> dict[str, Any]:
    if not hasattr(value, "items"):
        raise ValueError(f"{key} is a group of keys, not {value!r}")
    return dict(value.items())


def _schedule(field: dataclasses.Field, values: Mapping[str, Any], key: str) -> Schedule:
    found = read(Schedule, values, prefix=key)
    if "value" not in values:
        raise ValueError(f"{key}.value is missing: a schedule begins with a number")
    limits = range_of(field)
    limits.check(f"{key}.value", found.value)
    if found.kind == "constant":
        for name in ("to", "start", "steps"):
            if getattr(found, name):
                raise ValueError(
                    f"{key}.{name}={getattr(found, name)} has no effect with kind=constant: "
                    "leave it out"
                )
        return found
    if limits.above is not None:
        # A rate that must be positive may well go to zero.
        limits = dataclasses.replace(limits, above=None, least=limits.above)
    limits.check(f"{key}.to", found.to)
    return found


def _typed(hint: Any, value: Any, key: str) -> Any:
    """The value as its declared type, where nothing is lost by that."""
    hints = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    options = [typing.get_origin(one) or one for one in hints]
    if bool in options and isinstance(value, bool):
        return value
    if not isinstance(value, bool):
        if int in options and isinstance(value, int):
            return value
        if float in options and isinstance(value, int | float):
            return _real(value)
    if tuple in options and isinstance(value, list | tuple):
        elements = next(typing.get_args(one) for one in hints if typing.get_origin(one) is tuple)
        return tuple(_typed(elements[0], part, key) for part in value)
    if str in options and isinstance(value, str):
        return value
    if value is None and types.NoneType in options:
        return value
    names = " or ".join(option.__name__ for option in options if isinstance(option, type))
    raise ValueError(f"{key} must be {names}, not {value!r}")


def _real(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # A whole number of hundreds of digits.
        return math.inf


class Tracked:
    """A settings instance that notes which of its fields are read."""

    def __init__(self, settings: Any, reads: set[str], prefix: str = ""):
        """Wraps an instance.

        Args:
          settings: The instance.
          reads: Where the dotted names of fields that are read are noted.
          prefix: The prefix of the names.
        """
        self._settings, self._reads, self._prefix = settings, reads, prefix

    def __getattr__(self, name: str) -> Any:
        own = getattr(type(self._settings), name, None)
        # What a method or property reads, it reads of this instance.
        if isinstance(own, property) and own.fget is not None:
            return own.fget(self)
        if isinstance(own, types.FunctionType):
            return types.MethodType(own, self)
        value = getattr(self._settings, name)
        path = f"{self._prefix}{name}"
        if isinstance(value, Schedule) or not dataclasses.is_dataclass(value):
            self._reads.add(path)
            return value
        return Tracked(value, self._reads, f"{path}.")


def flat(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of an instance as (dotted name, value)."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, Schedule) or not dataclasses.is_dataclass(value):
            yield f"{prefix}{field.name}", value
        else:
            yield from flat(value, f"{prefix}{field.name}.")


def check_all_read(settings: Any, reads: set[str], *, prefix: str = "config.model") -> None:
    """Refuses a field that differs from its default and was not read.

    Args:
      settings: The instance.
      reads: The dotted names of the fields that were read.
      prefix: How messages name the place of the settings.

    Raises:
      ValueError: Naming the field, and the choices that leave it without effect.
    """
    defaults = dict(flat(type(settings)()))
    values = dict(flat(settings))
    for name, value in values.items():
        if name in reads or value == defaults[name]:
            continue
        group = name.rpartition(".")[0]
        near = [
            f"{other}={values[other]}"
            for other in values
            if other in reads and other.rpartition(".")[0] == group and _decides(values[other])
        ]
        because = f" with {', '.join(near)}" if near else ""
        raise ValueError(
            f"{prefix}.{name}={_shown(value)} has no effect{because}: leave it at its default, "
            f"{_shown(defaults[name])}"
        )


def _decides(value: Any) -> bool:
    """Whether other fields can depend on it: names and switches do, numbers seldom."""
    return isinstance(value, str | bool)


def _shown(value: Any) -> str:
    return value.kind if isinstance(value, Schedule) else f"{value}"
