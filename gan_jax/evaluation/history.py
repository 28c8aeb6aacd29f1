"""The history of a score, for early stopping: where it was best, and since when it is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple


class History(NamedTuple):
    """The history of a score; part of a checkpoint's progress.

    Attributes:
      protocol: Names what the scores can be compared with; another one starts anew.
      best: The best score; None before the first.
      best_step: The step it belongs to.
      since_best: Evaluations since then, none of which was better.
    """

    protocol: str
    best: float | None = None
    best_step: int = 0
    since_best: int = 0

    def progress(self) -> dict[str, Any]:
        """JSON-able."""
        return self._asdict()


def resume(protocol: str, progress: Mapping[str, Any] | None) -> History:
    """The history of an earlier start of the run, if the scores to come can be compared with it."""
    if progress and progress["protocol"] == protocol:
        return History(**progress)
    return History(protocol)


def record(history: History, step: int, score: float, *, lower_is_better: bool) -> History:
    """Adds a score; one that is not a number is never the best."""
    best = history.best
    better = best is None or (score < best if lower_is_better else score > best)
    if better and not math.isnan(score):
        return history._replace(best=score, best_step=step, since_best=0)
    return history._replace(since_best=history.since_best + 1)


def has_not_improved(history: History, patience: int) -> bool:
    """Whether the last `patience` evaluations were all no better than one before; 0 for never."""
    return 0 < patience <= history.since_best
