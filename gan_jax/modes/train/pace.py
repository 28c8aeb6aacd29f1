"""How many steps go to the device at once: as many as take a moment, by measurement."""

from __future__ import annotations

from gan_jax.core.processes import broadcast
from gan_jax.runs.settings import MOST_STEPS_PER_CALL

# A run is interrupted between two calls, of which two are under way: so long does one take that has
# more than one step.
SECONDS = 0.25


class Pace:
    """The number of steps per call, measured on the first calls of a compiled step.

    Attributes:
      size: Steps of a call at most.
      seconds_per_step: As measured; None before that.
    """

    def __init__(self, fixed: int = 0):
        """Begins unmeasured, with calls of one step.

        Args:
          fixed: Steps of every call, however long they take; 0 to follow the measurement.
        """
        self._fixed = fixed
        self.size = fixed or 1
        self.seconds_per_step: float | None = None
        self._lengths: set[int] = set()

    @property
    def overlaps(self) -> bool:
        """Whether a call is sent before the one before it has ended.

        A call that takes long gains nothing by that, and would delay an interruption.
        """
        return self.seconds_per_step is not None and self.seconds_per_step * self.size <= SECONDS

    def add(self, count: int, seconds: float) -> bool:
        """Learns what a call took; all processes must call it at once.

        The first call of a length compiles a program; the second one is measured.

        Args:
          count: Its number of steps.
          seconds: From sending it to having its metrics.

        Returns:
          Whether this was the call that was measured.
        """
        if self.seconds_per_step is not None:
            return False
        if count not in self._lengths:
            self._lengths.add(count)
            return False
        # Every process measures something else, and all need calls of one length.
        (seconds,) = broadcast((seconds,))
        self.seconds_per_step = seconds / count
        self.size = self._fixed or fitting_size(self.seconds_per_step)
        return True


def fitting_size(seconds_per_step: float) -> int:
    """Steps that take at most `SECONDS` together, from 1 to `MOST_STEPS_PER_CALL`."""
    return max(1, min(MOST_STEPS_PER_CALL, int(SECONDS / seconds_per_step)))
