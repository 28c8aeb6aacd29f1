"""What a JSON value must be, declared; what is not is refused in one line that names the key."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from gan_jax.untrusted.opening import read_bytes
from gan_jax.untrusted.strict_json import CONTROL, parse_json, printable, shown


class Form:
    """What a JSON value must be; each says so in its `words`, part of a sentence."""

    words: ClassVar[str]

    def check(self, value: Any, key: str) -> None:
        """Checks a value.

        Args:
          value: As `parse_json` returns it.
          key: How messages name its place; empty for the whole file.

        Raises:
          ValueError: In one line, if it is not of the form; names the key.
        """
        if not self.holds(value):
            raise ValueError(f"{key or 'it'} must be {self.words}, not {shown(value)}")

    def holds(self, value: Any) -> bool:
        """Whether a value is of the form, as far as it can be said without its parts."""
        return True


class Anything(Form):
    """Any JSON value."""

    words = "anything"


@dataclasses.dataclass(frozen=True)
class Whole(Form):
    """A whole number in a range."""

    least: int = -(2**63)
    most: int = 2**64 - 1

    @property
    def words(self) -> str:  # type: ignore[override]
        """As "a whole number from 0 to 9"."""
        return f"a whole number from {self.least} to {self.most}"

    def holds(self, value: Any) -> bool:
        """See `Form.holds`."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and self.least <= value <= self.most


@dataclasses.dataclass(frozen=True)
class Of(Form):
    """A value of some kind.

    Attributes:
      kind: What it must be, as part of a sentence.
      test: Whether a value is.
    """

    kind: str
    test: Callable[[Any], bool]

    @property
    def words(self) -> str:  # type: ignore[override]
        """As "a number"."""
        return self.kind

    def holds(self, value: Any) -> bool:
        """See `Form.holds`."""
        return self.test(value)


REAL = Of("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool))
FLAG = Of("true or false", lambda v: isinstance(v, bool))
NULL = Of("null", lambda v: v is None)
TEXT = Of(
    "a string without control characters",
    lambda v: isinstance(v, str) and not CONTROL.search(v),
)
# Names of files may hold any character but this.
PATH = Of("the name of a file or folder", lambda v: isinstance(v, str) and "\0" not in v)
NAME = Of(
    "a name of letters, digits, - and _",
    lambda v: isinstance(v, str) and re.fullmatch(r"[\w-]{1,64}", v) is not None,
)


@dataclasses.dataclass(frozen=True)
class ListOf(Form):
    """A list, each part of one form."""

    part: Form
    most: int | None = None

    @property
    def words(self) -> str:  # type: ignore[override]
        """As "a list"."""
        return "a list" if self.most is None else f"a list of up to {self.most} values"

    def holds(self, value: Any) -> bool:
        """See `Form.holds`."""
        return isinstance(value, list) and (self.most is None or len(value) <= self.most)

    def check(self, value: Any, key: str) -> None:
        """See `Form.check`."""
        super().check(value, key)
        for index, part in enumerate(value):
            self.part.check(part, f"{key}[{index}]")


@dataclasses.dataclass(frozen=True)
class MapOf(Form):
    """A group of any keys, each value of one form."""

    part: Form
    name: Form = TEXT
    words = "a group of keys"

    def holds(self, value: Any) -> bool:
        """See `Form.holds`."""
        return isinstance(value, dict)

    def check(self, value: Any, key: str) -> None:
        """See `Form.check`."""
        super().check(value, key)
        for name, part in value.items():
            self.name.check(name, f"a key of {key}" if key else "a key")
            self.part.check(part, _joined(key, name))


@dataclasses.dataclass(frozen=True)
class Keys(Form):
    """A group of these keys, each value of a form of its own.

    Attributes:
      needed: `{key: form}`.
      optional: The same of keys that may be missing.
      others: The form of the values of other keys.
    """

    needed: Mapping[str, Form]
    optional: Mapping[str, Form] = dataclasses.field(default_factory=dict)
    others: Form = dataclasses.field(default_factory=Anything)
    words = "a group of keys"

    def holds(self, value: Any) -> bool:
        """See `Form.holds`."""
        return isinstance(value, dict)

    def check(self, value: Any, key: str) -> None:
        """See `Form.check`."""
        super().check(value, key)
        for name in self.needed:
            if name not in value:
                raise ValueError(f"{_joined(key, name)} is missing")
        forms = {**self.needed, **self.optional}
        for name, part in value.items():
            TEXT.check(name, f"a key of {key}" if key else "a key")
            forms.get(name, self.others).check(part, _joined(key, name))


@dataclasses.dataclass(frozen=True)
class Either(Form):
    """A value of one of some forms without parts."""

    forms: tuple[Form, ...]

    @property
    def words(self) -> str:  # type: ignore[override]
        """All that it may be."""
        return " or ".join(form.words for form in self.forms)

    def holds(self, value: Any) -> bool:
        """See `Form.holds`."""
        return any(form.holds(value) for form in self.forms)

    def check(self, value: Any, key: str) -> None:
        """See `Form.check`."""
        super().check(value, key)
        next(form for form in self.forms if form.holds(value)).check(value, key)


def _joined(key: str, name: str) -> str:
    return f"{key}.{printable(name)}" if key else printable(name)


def read_json(path: str | os.PathLike, form: Form, *, most: int) -> Any:
    """Reads a JSON file of a declared form.

    Args:
      path: The file.
      form: What it must hold.
      most: The bytes that it may have.

    Raises:
      OSError: As `open_regular`.
      ValueError: In one line: it is larger, no JSON by `parse_json`, or not of the form.
    """
    value = parse_json(read_bytes(path, most=most))
    form.check(value, "")
    return value
