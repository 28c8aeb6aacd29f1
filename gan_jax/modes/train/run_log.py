"""What a run writes about itself while it trains: its log, TensorBoard's events, plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax import telemetry
from gan_jax.runs.workdir import Workdir


class RunLog:
    """The log of a run, in each of its forms; a context manager. One process of several writes."""

    def __init__(self, where: Workdir, first: int, *, enabled: bool):
        """Drops what an earlier start wrote of later steps.

        Args:
          where: The folder of the run.
          first: The step that the run goes on at.
          enabled: Whether to write anything.

        Raises:
          OSError: If something cannot be written, in one line.
          ValueError: If the log is damaged.
        """
        self._enabled = enabled
        self._metrics = telemetry.MetricsLog(where.metrics)
        self._plotter = telemetry.Plotter(where.plots)
        if enabled:
            self._plotter.add(self._metrics.truncate_after(first))
        self._board = telemetry.TensorBoard(where.path, start=first, enabled=enabled)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_) -> None:
        self._board.close()
        self._plotter.wait()

    def write(self, step: int, scalars: Mapping[str, Any], **texts: str) -> None:
        """Writes a line.

        Args:
          step: Its step.
          scalars: Numbers by name.
          **texts: What else the line of `metrics.jsonl` holds.
        """
        if self._enabled:
            self._metrics.write(step, {**scalars, **texts})
            self._board.write_scalars(step, scalars)
            self._plotter.add([{"step": step, **scalars}])

    def write_image(self, step: int, title: str, pixels: np.ndarray) -> None:
        """Writes an image, uint8 [H, W, C]."""
        self._board.write_image(step, title, pixels)

    def plot(self, *, wait: bool) -> None:
        """Plots all metrics until now, in the background unless `wait`."""
        if not self._enabled:
            return
        if wait:
            self._plotter.plot()
        else:
            self._plotter.plot_in_background()
