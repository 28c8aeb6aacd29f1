"""What is told of the steps between two log lines: means of the metrics, and rates."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax import core, telemetry


class Window:
    """Sums of the metrics since the last log line.

    The sums are part of a checkpoint's progress: a run that is killed between two log lines and
    resumed still writes the same next line.
    """

    def __init__(self, gan: core.Gan, progress: Mapping[str, Any] | None = None):
        self._every = {player.name: player.every for player in gan.players}
        self._observers: dict[str, str] = {}  # To the player that moved last before it looks.
        mover = ""
        for player in gan.players:
            if player.networks:
                mover = player.name
            else:
                self._observers[player.name] = mover
        self._sums = {name: list(pair) for name, pair in (progress or {}).items()}

    def add(self, first_step: int, metrics: Mapping[str, Mapping[str, np.ndarray]]) -> int:
        """Adds a call: `{player: {name: float [steps]}}`, the first of which is `first_step`.

        Returns:
          The number of steps.

        Raises:
          NonFiniteLossError: If a loss or another metric is NaN or infinite, naming its step.
        """
        steps = first_step + np.arange(len(next(iter(next(iter(metrics.values())).values()))))
        for step_index, step in enumerate(steps):
            row, described = {}, {}
            for player, values in metrics.items():
                if step % self._every[player] == 0:
                    named = self._named(player, values, step_index)
                    row.update(named)
                    described.update({self._describe(player, k): v for k, v in named.items()})
            telemetry.check_finite(described, step=int(step) + 1)
            for name, value in row.items():
                total = self._sums.setdefault(name, [0.0, 0])
                total[0] += value
                total[1] += 1
        return len(steps)

    def _named(self, player: str, values: Mapping[str, np.ndarray], index: int):
        named = {name: float(value[index]) for name, value in values.items()}
        loss = named.pop("loss")
        return named if player in self._observers else {f"loss/{player}": loss, **named}

    def _describe(self, player: str, name: str) -> str:
        """Whose doing it is: an observer sees what the player before it has just done."""
        if mover := self._observers.get(player):
            return f"{name} after the update of {mover}"
        return name

    def means(self) -> dict[str, float]:
        """Means since the last call, which starts a new window."""
        means = {name: total / count for name, (total, count) in sorted(self._sums.items())}
        self._sums = {}
        return means

    def progress(self) -> dict[str, list[float]]:
        """The sums, JSON-able."""
        return {name: list(pair) for name, pair in self._sums.items()}


class Clock:
    """Rates since the last log line, and the time an epoch takes at that rate."""

    def __init__(self, *, images_per_step: int, images_per_epoch: int):
        self._per_step, self._per_epoch = images_per_step, images_per_epoch
        self._last: tuple[float, int] | None = None

    def tick(self, step: int) -> None:
        """Starts the clock, after the first call: what compiling takes is no rate of steps."""
        if self._last is None:
            self._last = (time.perf_counter(), step)

    def leave_out(self, seconds: float) -> None:
        """Does not count seconds in which no steps were taken."""
        if self._last is not None:
            self._last = (self._last[0] + seconds, self._last[1])

    def rates(self, step: int) -> dict[str, float]:
        """Steps and real images a second, and seconds an epoch."""
        now, (then, last) = time.perf_counter(), self._last
        if step == last:
            return {}
        self._last = (now, step)
        steps_per_second = (step - last) / max(now - then, 1e-9)
        images_per_second = steps_per_second * self._per_step
        return {
            "time/steps_per_second": steps_per_second,
            "time/images_per_second": images_per_second,
            "time/epoch_seconds": self._per_epoch / max(images_per_second, 1e-9),
        }
