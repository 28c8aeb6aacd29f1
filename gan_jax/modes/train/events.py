"""After which steps a run logs, samples and saves, and how many steps go to the device between."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable

from gan_jax.core import Experiment


def steps_per_call(wanted: int, events: Iterable[int]) -> int:
    """Steps to send to the device at once: as many as wanted, if they divide all events.

    A call then never straddles a log line, a grid or a checkpoint.

    Args:
      wanted: At most so many, at least 1.
      events: Steps between two events of a kind; 0 for never. At least one is not 0.

    Returns:
      The largest common divisor that is no larger than `wanted`.
    """
    common = math.gcd(*(event for event in events if event > 0))
    return max(size for size in range(1, min(wanted, common) + 1) if common % size == 0)


def sample_steps(
    experiment: Experiment,
    *,
    every: int,
    epochs: Iterable[float],
    examples_per_epoch: int,
    steps_per_call: int,
) -> frozenset[int]:
    """The steps after which a grid is generated: the regular ones, chosen epochs, first and last.

    The last step of every phase is among them.

    Args:
      experiment: The experiment that is trained.
      every: Steps between two regular grids; 0 for none.
      epochs: Epochs after whose end a grid is generated too, at the next end of a call.
      examples_per_epoch: Length of an epoch.
      steps_per_call: Steps per call, as the function of that name returns.
    """
    ends = (*experiment.starts[1:], experiment.steps)
    sampled = {0, *ends}
    if every > 0:
        sampled |= set(range(0, experiment.steps + 1, every))
    for epoch in epochs:
        wanted = math.ceil(epoch * examples_per_epoch)
        steps = range(experiment.steps + 1)
        end = bisect.bisect_left(steps, wanted, key=experiment.examples_before)
        if end <= experiment.steps:
            of_phase = next(last for last in ends if last >= end)
            sampled.add(min(math.ceil(end / steps_per_call) * steps_per_call, of_phase))
    return frozenset(sampled)
