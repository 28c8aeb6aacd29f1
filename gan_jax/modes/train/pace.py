"""How many steps go to the device at once: as many as take a moment, by measurement."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from gan_jax.core import Compiled
from gan_jax.core.processes import broadcast

PyTree = Any

# A run is interrupted between two calls, so a call of more than one step takes no longer.
SECONDS = 0.5
# Steps per call at most, where config.steps_per_call leaves it open.
MOST = 50


def local(tree: PyTree) -> PyTree:
    """This process's copy of arrays that are whole on every device."""
    return jax.tree.map(lambda x: x.addressable_data(0) if isinstance(x, jax.Array) else x, tree)


def run_call(
    compiled: Compiled, state: PyTree, inputs: PyTree, resident: PyTree
) -> tuple[PyTree, PyTree]:
    """Runs a call's steps and waits for them.

    An accelerator gets one program of all steps. A CPU gets a program of one step as often as there
    are steps, without waiting in between: it is compiled once for calls of any length, and a step
    there takes far longer than to send it.

    Args:
      compiled: The compiled steps.
      state: The state, which is donated.
      inputs: Host arrays [steps, updates, B, ...], as a feed yields them.
      resident: What lies on the device.

    Returns:
      The state, and the metrics [steps] of this process on the host.
    """
    calls = _single_steps(inputs) if jax.default_backend() == "cpu" else [inputs]
    metrics = []
    for call in calls:
        state, found = compiled.run(state, compiled.put_inputs(call), resident)
        metrics.append(local(found))
    metrics = jax.device_get(metrics)
    return state, jax.tree.map(lambda *parts: np.concatenate(parts), *metrics)


def _single_steps(inputs: PyTree) -> list[PyTree]:
    count = len(jax.tree.leaves(inputs)[0])
    return [jax.tree.map(lambda x, i=i: x[i : i + 1], inputs) for i in range(count)]


class Pace:
    """The number of steps per call, measured on the first calls of a compiled step.

    The first call compiles; the next one of the same length is timed. On a CPU these are calls of
    one step. Lengths are divisors of the largest, so that every event still ends a call.

    Attributes:
      size: Steps of a call.
      seconds_per_step: As measured; None before that.
      compile_seconds: What the calls before took more than their steps should have.
    """

    def __init__(self, most: int, *, fixed: bool):
        """Begins unmeasured.

        Args:
          most: Steps per call at most; it divides all events.
          fixed: Whether calls have this length however long they take.
        """
        self._most, self._fixed = most, fixed
        self.size = 1 if jax.default_backend() == "cpu" and not fixed else most
        self.seconds_per_step: float | None = None
        self.compile_seconds = 0.0
        # The number of steps and the seconds of the calls so far.
        self._counts: list[int] = []
        self._seconds: list[float] = []

    def end_of_call(self, step: int) -> int:
        """The step after the call that begins with `step`; calls end at multiples of the size."""
        return step + self.size - step % self.size

    def add(self, count: int, seconds: float) -> bool:
        """Learns what a call took; all processes must call it at once.

        Args:
          count: Its number of steps.
          seconds: From sending it to having its metrics.

        Returns:
          Whether this was the call that was measured.
        """
        if self.seconds_per_step is not None:
            return False
        known = count in self._counts or (jax.default_backend() == "cpu" and bool(self._counts))
        self._counts.append(count)
        self._seconds.append(seconds)
        if not known:
            return False
        # Every process measures something else, and all need calls of one length.
        total, last = broadcast((sum(self._seconds), seconds))
        self.seconds_per_step = last / count
        self.compile_seconds = max(0.0, total - sum(self._counts) * self.seconds_per_step)
        if not self._fixed:
            self.size = fitting_size(self._most, self.seconds_per_step)
        return True


def fitting_size(most: int, seconds_per_step: float) -> int:
    """The largest divisor of `most` that takes at most `SECONDS`, at least 1."""
    sizes = [size for size in range(1, most + 1) if most % size == 0]
    return max(size for size in sizes if size == 1 or size * seconds_per_step <= SECONDS)
