"""SIGTERM and Ctrl-C as a question that the loop asks between two calls of the device."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils


class Interrupt:
    """A context manager under which the first signal only asks for a clean stop.

    A second signal of the same kind acts as if nothing had been installed, so that a run that
    hangs can still be ended by hand. Outside the main thread it catches no signal.

    Attributes:
      signum: The signal that came, or None.
    """

    def __init__(self, signals: tuple[int, ...] = (signal.SIGTERM, signal.SIGINT)):
        self._signals = signals
        self._old: dict[int, Any] = {}
        self.signum: int | None = None

    def __enter__(self) -> Interrupt:
        try:
            for signum in self._signals:
                self._old[signum] = signal.signal(signum, self._catch)
        except ValueError:
            self._old.clear()
        return self

    def __exit__(self, *_) -> None:
        for signum, handler in self._old.items():
            signal.signal(signum, handler)
        self._old.clear()

    def _catch(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        signal.signal(signum, self._old.pop(signum))

    def requested(self) -> bool:
        """Whether any process was asked to stop; all processes must call it at once."""
        mine = self.signum is not None
        if jax.process_count() == 1:
            return mine
        return bool(np.any(multihost_utils.process_allgather(np.asarray(mine))))
