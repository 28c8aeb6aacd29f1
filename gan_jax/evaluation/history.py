"""How a score has gone so far: where it was best, and for how long it has not been."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple


class Watch(NamedTuple):
    """The course of a score; part of a checkpoint's progress.

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


def resume(protocol: str, progress: Mapping[str, Any] | None) -> Watch:
    """The watch of an earlier start of the run, if its scores can be compared with what is next."""
    if progress and progress["protocol"] == protocol:
        return Watch(**progress)
    return Watch(protocol)


def observe(watch: Watch, step: int, score: float, *, lower_is_better: bool) -> Watch:
    """Takes note of a score; one that is not a number is never the best."""
    best = watch.best
    better = best is None or (score < best if lower_is_better else score > best)
    if better and not math.isnan(score):
        return watch._replace(best=score, best_step=step, since_best=0)
    return watch._replace(since_best=watch.since_best + 1)


def has_turned(watch: Watch, patience: int) -> bool:
    """Whether the last `patience` evaluations were all no better than one before; 0 for never."""
    return 0 < patience <= watch.since_best
