"""After which steps a run logs, draws and saves, and how many steps go to the device between."""

from __future__ import annotations

import math
from collections.abc import Iterable


def steps_per_call(wanted: int, events: Iterable[int]) -> int:
    """Steps to send to the device at once: as many as wanted, if they divide all events.

    A call then never straddles a log line, a grid, a checkpoint or the end.

    Args:
      wanted: At most so many, at least 1.
      events: Steps between two events of a kind, and the length of the run; 0 for never.

    Returns:
      The largest common divisor that is no larger than `wanted`.
    """
    common = math.gcd(*(event for event in events if event > 0))
    return max(size for size in range(1, min(wanted, common) + 1) if common % size == 0)


def sample_steps(
    steps: int,
    every: int,
    epochs: Iterable[float],
    *,
    images_per_step: int,
    images_per_epoch: int,
    steps_per_call: int,
) -> frozenset[int]:
    """The steps after which a grid is drawn: the regular ones, chosen epochs, first and last.

    Args:
      steps: Length of the run.
      every: Steps between two regular grids; 0 for none.
      epochs: Epochs whose end is drawn besides, at the next end of a call.
      images_per_step: Real images that a step consumes.
      images_per_epoch: Length of an epoch.
      steps_per_call: As the function of that name.
    """
    drawn = {0, steps}
    if every > 0:
        drawn |= set(range(0, steps + 1, every))
    for epoch in epochs:
        end = math.ceil(epoch * images_per_epoch / images_per_step)
        drawn.add(math.ceil(end / steps_per_call) * steps_per_call)
    return frozenset(step for step in drawn if step <= steps)
