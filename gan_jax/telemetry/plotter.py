"""Plots of a run that is going on, drawn while it trains."""

from __future__ import annotations

import os
import pathlib
import threading
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from gan_jax.telemetry import plots
from gan_jax.telemetry.progress import say


class Plotter:
    """Keeps the metrics of a run in memory and plots them as ``plot_groups`` does.

    A plot that fails is told in a line and changes nothing of the run.
    """

    # A thread of low priority would hold Python's lock while it waits for a processor, and with it
    # the loop; a process of its own would first import everything for seconds.

    def __init__(self, folder: str | os.PathLike):
        """Begins with no metrics; nothing is made before the first plot.

        Args:
          folder: Where to write the plots.
        """
        self._folder = pathlib.Path(folder)
        self._curves: dict[str, tuple[array, array]] = {}
        self._thread: threading.Thread | None = None

    def add(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Adds lines of ``metrics.jsonl``, each with its ``step``."""
        for line in lines:
            plots.add_line(self._curves, line)

    def plot_in_background(self) -> bool:
        """Plots what is known, in a thread; the run does not wait for it.

        Returns:
          Whether it does: not while the last plot is still being drawn.
        """
        if self._thread is not None and self._thread.is_alive():
            return False
        # The lists of the lines go on growing meanwhile.
        curves = {name: (steps[:], values[:]) for name, (steps, values) in self._curves.items()}
        self._thread = threading.Thread(
            target=self._draw, args=(curves,), name="gan_jax.telemetry.plotter", daemon=True
        )
        self._thread.start()
        return True

    def plot(self) -> None:
        """Plots what is known, and returns when that is done."""
        self.wait()
        self._draw(self._curves)

    def wait(self) -> None:
        """Returns when no plot is being drawn any more."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _draw(self, curves: plots.Curves) -> None:
        try:
            plots.plot_curves(curves, self._folder)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            say(f"warning: no plots: {reason}")
