"""Names that a user may get wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """Refuses a name that is not known.

    Args:
      what: What the name is of, for the message.
      name: As given.
      known: The names there are.

    Raises:
      ValueError: In one line, with the nearest name and all of them.
    """
    known = tuple(known)
    if name not in known:
        nearest = difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"unknown {what} '{name}': did you mean '{nearest}'? There are {', '.join(known)}"
        )
