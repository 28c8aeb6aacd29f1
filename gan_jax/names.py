"""Names that a user may get wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name`; None where nothing is known."""
    return next(iter(difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.0)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message on an unknown name: ": did you mean NEAREST?", or nothing."""
    close = nearest(name, known)
    return "" if close is None else f": did you mean {close}?"


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """Refuses a name that is not known.

    Args:
      what: What the name stands for, for the message.
      name: The name as given.
      known: The names there are.

    Raises:
      ValueError: In one line, with the nearest name and all of them.
    """
    known = tuple(known)
    if name not in known:
        raise ValueError(
            f"unknown {what} '{name}': did you mean '{nearest(name, known)}'? "
            f"There are {', '.join(known)}"
        )
