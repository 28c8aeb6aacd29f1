"""What is logged of the steps between two log lines: means of the metrics, and rates."""

from __future__ import annotations

import collections
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax import core, telemetry


class Window:
    """Sums of the metrics since the last log line.

    A metric is logged under its own name, or as `name/player` where several players report that
    name; a loss is `loss/player`. The sums are part of a checkpoint's progress: a run that is
    killed between two log lines and resumed still writes the same next line.
    """

    def __init__(self, gan: core.Gan, progress: Mapping[str, Any] | None = None):
        self._gan = gan
        self._sums = {name: list(pair) for name, pair in (progress or {}).items()}

    def add(self, first_step: int, metrics: Mapping[str, Mapping[str, np.ndarray]]) -> int:
        """Adds a call: `{player: {name: float [steps]}}`, the first of which is `first_step`.

        Returns:
          The number of steps.

        Raises:
          NonFiniteLossError: If a loss or another metric is NaN or infinite, naming its step.
        """
        steps = first_step + np.arange(len(next(iter(next(iter(metrics.values())).values()))))
        names = _names(metrics)
        for index, step in enumerate(steps):
            row = {
                name: float(metrics[player][metric][index])
                for (player, metric), name in names.items()
                if self._reported(int(step), player, metric)
            }
            telemetry.check_finite(self._described(row, names), step=int(step) + 1)
            for name, value in row.items():
                total = self._sums.setdefault(name, [0.0, 0])
                total[0] += value
                total[1] += 1
        return len(steps)

    def _reported(self, step: int, player: str, metric: str) -> bool:
        """Whether a metric counts at a step: zeros of idle players do not."""
        for monitor in self._gan.monitors:
            of_monitor = (step + 1) % monitor.every == 0
            if monitor.name == player:
                return of_monitor
            if metric in monitor.pairs and not of_monitor:
                return False
        every = next(one.every for one in self._gan.players if one.name == player)
        return step % every == 0

    def _described(self, row: Mapping[str, float], names: Mapping[tuple[str, str], str]):
        """The row by names that say whose doing a value is: a monitor sees the last update's."""
        monitors = {monitor.name for monitor in self._gan.monitors}
        last = self._gan.players[-1].name
        of_monitors = {name for (player, _), name in names.items() if player in monitors}
        return {
            f"{name} after the update of {last}" if name in of_monitors else name: value
            for name, value in row.items()
        }

    def means(self) -> dict[str, float]:
        """Means since the last call, which starts a new window."""
        means = {name: total / count for name, (total, count) in sorted(self._sums.items())}
        self._sums = {}
        return means

    def progress(self) -> dict[str, list[float]]:
        """The sums, JSON-able."""
        return {name: list(pair) for name, pair in self._sums.items()}


def _names(metrics: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """What each metric of each player is logged as: `{(player, metric): name}`."""
    count = collections.Counter(metric for own in metrics.values() for metric in own)
    return {
        (player, metric): f"{metric}/{player}" if count[metric] > 1 or metric == "loss" else metric
        for player, own in metrics.items()
        for metric in own
    }


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
        """Steps and real images per second, and seconds per epoch."""
        if self._last is None or step == self._last[1]:
            return {}
        now, (then, last) = time.perf_counter(), self._last
        self._last = (now, step)
        steps_per_second = (step - last) / max(now - then, 1e-9)
        images_per_second = steps_per_second * self._per_step
        return {
            "time/steps_per_second": steps_per_second,
            "time/images_per_second": images_per_second,
            "time/epoch_seconds": self._per_epoch / max(images_per_second, 1e-9),
        }
