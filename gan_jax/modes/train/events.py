"""After which steps a run logs, samples, scores and saves, and which calls take it there."""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Iterable, Iterator

from gan_jax.core import Experiment
from gan_jax.runs.setup import Setup


@dataclasses.dataclass(frozen=True)
class Events:
    """The steps at which a call to the device ends, since something is done after them.

    Attributes:
      every: Numbers of steps between two events of a kind, at least one; none is 0.
      chosen: Further steps, in ascending order; the last one is that of the run.
    """

    every: tuple[int, ...]
    chosen: tuple[int, ...]

    @classmethod
    def of(cls, every: Iterable[int], chosen: Iterable[int]) -> Events:
        """The events of these intervals, of which 0 stands for never, and of chosen steps."""
        return cls(tuple(n for n in every if n > 0), tuple(sorted(set(chosen))))

    def newest(self, step: int) -> int:
        """The last event up to a step, which may be one; 0 before the first."""
        number = bisect.bisect_right(self.chosen, step)
        chosen = self.chosen[number - 1] if number else 0
        return max(chosen, *(step // every * every for every in self.every))

    def next(self, step: int) -> int:
        """The first event after a step."""
        number = bisect.bisect_right(self.chosen, step)
        chosen = self.chosen[number : number + 1]
        return min(*chosen, *((step // every + 1) * every for every in self.every))

    def call_size(self, wanted: int) -> int:
        """Steps of a call so that all calls from one event to the next are equally long, or nearly.

        Args:
          wanted: At most so many, at least 1.
        """
        shortest = min(self.every)
        return math.ceil(shortest / math.ceil(shortest / wanted))

    def calls(self, start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
        """Cuts the steps from `start` to `stop` into calls (first step, number of steps).

        They are counted from the last event on, so that a run that was interrupted between two
        calls is cut at the same steps as one that was not.

        Args:
          start: The first step.
          stop: The step after the last one.
          size: The most steps per call, at least 1.
        """
        while start < stop:
            event = self.newest(start)
            end = event + ((start - event) // size + 1) * size
            end = min(end, self.next(start), stop)
            yield start, end - start
            start = end


def events_of(setup: Setup) -> tuple[frozenset[int], Events]:
    """The steps after which a run generates grids, as `sample_steps` has them, and all events."""
    config = setup.config
    sample_at = sample_steps(
        setup.experiment,
        every=config.sample_every,
        epochs=config.sample_epochs,
        examples_per_epoch=setup.epoch,
    )
    every = (config.log_every, config.sample_every, config.checkpoint_every, config.evaluate.every)
    return sample_at, Events.of(every, sample_at)


def sample_steps(
    experiment: Experiment, *, every: int, epochs: Iterable[float], examples_per_epoch: int
) -> frozenset[int]:
    """The steps after which a grid is generated: the regular ones, chosen epochs, first and last.

    The last step of every phase is among them.

    Args:
      experiment: The experiment that is trained.
      every: Steps between two regular grids; 0 for none.
      epochs: Epochs after whose last step a grid is generated too.
      examples_per_epoch: Length of an epoch.
    """
    sampled = {0, *experiment.starts[1:], experiment.steps}
    if every > 0:
        sampled |= set(range(0, experiment.steps + 1, every))
    steps = range(experiment.steps + 1)
    for epoch in epochs:
        wanted = math.ceil(epoch * examples_per_epoch)
        end = bisect.bisect_left(steps, wanted, key=experiment.examples_before)
        if end <= experiment.steps:
            sampled.add(end)
    return frozenset(sampled)
