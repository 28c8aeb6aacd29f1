"""Calls of the device, sent before the metrics of those before them are read."""

from __future__ import annotations

import collections
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax import telemetry
from gan_jax.core import Compiled

PyTree = Any


def local(tree: PyTree) -> PyTree:
    """This process's copy of arrays that are whole on every device."""
    return jax.tree.map(lambda x: x.addressable_data(0) if isinstance(x, jax.Array) else x, tree)


class Call(NamedTuple):
    """A call that has ended.

    Attributes:
      first: Its first step.
      steps: Its number of steps.
      metrics: {player: {name: float32 [steps]}}, of this process on the host.
      seconds: From sending it to having its metrics.
    """

    first: int
    steps: int
    metrics: PyTree
    seconds: float


class Calls:
    """Sends the calls of a compiled step, and reads them in their order.

    There are two programs at most, whatever the lengths of the calls are: one of `whole` steps, and
    one of a single step, which makes up all other calls. It is sent without waiting, which takes
    less time than a step. On a CPU, where a program of many steps takes a minute to compile, it
    makes up all of them.
    """

    def __init__(self, compiled: Compiled, resident: PyTree, *, what: str, main: bool = True):
        """Nothing is compiled before the first call.

        Args:
          compiled: The compiled steps.
          resident: What lies on the device.
          what: Names the step, for what is said while it is compiled.
          main: Whether this process says something.
        """
        self._compiled, self._resident = compiled, resident
        self._what, self._main = what, main
        self._lengths: set[int] = set()
        self._sent: collections.deque[tuple[int, int, list[PyTree], float]] = collections.deque()

    def send(self, state: PyTree, inputs: PyTree, first: int, *, whole: int) -> PyTree:
        """Sends a call.

        Args:
          state: The state, which is donated.
          inputs: Host arrays [steps, updates, B, ...], as a feed yields them.
          first: Its first step.
          whole: Steps of the calls that are one program, except on a CPU.

        Returns:
          The state after it, which is being computed.
        """
        start = time.perf_counter()
        count = len(jax.tree.leaves(inputs)[0])
        length = count if count == whole and jax.default_backend() != "cpu" else 1
        metrics = []
        for begin in range(0, count, length):
            part = jax.tree.map(lambda x, begin=begin: x[begin : begin + length], inputs)
            state, found = self._run(state, part, length)
            metrics.append(local(found))
        self._sent.append((first, count, metrics, start))
        return state

    def _run(self, state: PyTree, inputs: PyTree, length: int) -> tuple[PyTree, PyTree]:
        arguments = state, self._compiled.put_inputs(inputs), self._resident
        if length in self._lengths:
            return self._compiled.run(*arguments)
        self._lengths.add(length)
        what = self._what if length == 1 else f"{length} times {self._what}"
        with telemetry.compiling(what, enabled=self._main):
            return self._compiled.run(*arguments)

    def read(self, *, keep: int = 0) -> Iterator[Call]:
        """Waits for the calls that were sent, the first one first.

        Args:
          keep: As many of the last ones are left for the next time.

        Yields:
          Each of the others.
        """
        while len(self._sent) > keep:
            first, count, parts, start = self._sent.popleft()
            parts = jax.device_get(parts)
            metrics = jax.tree.map(lambda *values: np.concatenate(values), *parts)
            yield Call(first, count, metrics, time.perf_counter() - start)
