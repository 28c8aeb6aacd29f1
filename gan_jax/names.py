"""Names that a user may get wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Of more names than a line holds only the nearest are listed: there are hundreds of data sets.
MAX_LISTED = 30
NEAREST_LISTED = 10
MAX_SHOWN = 100  # Characters of a name.


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name` in any case; None where nothing is known."""
    return next(iter(_by_likeness(name, known, 1)), None)


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
      ValueError: In one line, with the nearest name and all of them; of more than `MAX_LISTED`
        with their number and the nearest.
    """
    known = tuple(known)
    if name not in known:
        raise ValueError(unknown_name(what, name, known))


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """The message of `check_name` on a name that is not known."""
    known = tuple(known)
    shown = name if len(str(name)) <= MAX_SHOWN else f"{str(name)[:MAX_SHOWN]}..."
    if not known:
        return f"unknown {what} '{shown}': there are none"
    question = f"unknown {what} '{shown}': did you mean '{nearest(name, known)}'?"
    if len(known) <= MAX_LISTED:
        return f"{question} There are {', '.join(known)}"
    listed = ", ".join(_by_likeness(name, known, NEAREST_LISTED))
    return f"{question} The nearest of {len(known)} are {listed}"


def _by_likeness(name: str, known: Iterable[str], count: int) -> list[str]:
    spelled = {one.lower(): one for one in known}
    close = difflib.get_close_matches(str(name).lower(), list(spelled), n=count, cutoff=0.0)
    return [spelled[one] for one in close]
