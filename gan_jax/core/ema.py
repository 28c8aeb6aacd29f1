"""Exponential moving averages of networks: parameters, and the statistics that go with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.ranges import Range

PyTree = Any
Decay = float | Callable[[jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Ema:
    """Exponential moving average of some networks.

    After step t (counted from 0) the average is `d * average + (1 - d) * new` with
    `d = min(decay, (1 + t) / (10 + t))`, so that the first steps are forgotten quickly, or
    `d = decay` where `warmup` is off. Until the step number `start` is done the average is a copy.

    Attributes:
      decay: The decay, in [0, 1), or a function `step -> decay`.
      networks: The networks whose parameters are averaged.
      collections: Of these networks, the collections that are averaged with them, where they have
        them. Batch statistics by default: averaged weights do not fit the statistics of the last
        step's. What is not a floating-point number is taken from the last step.
      warmup: See above.
      start: See above; steps are counted from 1 here. 0 or 1 is from the first step on.

    Raises:
      ValueError: If `decay` is a number outside of [0, 1), or `start` below 0.
    """

    decay: Decay
    networks: tuple[str, ...]
    collections: tuple[str, ...] = ("batch_stats",)
    warmup: bool = True
    start: int = 0

    def __post_init__(self):
        Range(least=0).check("the EMA's start", self.start)
        if not callable(self.decay):
            Range(least=0.0, below=1.0).check("the EMA's decay", self.decay)

    def of(self, params: Mapping[str, PyTree], variables: Mapping[str, PyTree]) -> dict[str, Any]:
        """What is averaged of a state: `{network: {"params": tree, collection: tree}}`."""
        return {
            network: {
                "params": params[network],
                **{
                    name: tree
                    for name, tree in variables.get(network, {}).items()
                    if name in self.collections
                },
            }
            for network in self.networks
        }

    def update(self, average: PyTree, new: PyTree, step: jax.Array) -> PyTree:
        """The average after step `step`.

        Args:
          average: The average, as `of` returns it.
          new: The new values, as `of` returns them, of the same structure.
          step: Scalar int32, the number of steps finished before this one.
        """
        decay = self.decay(step) if callable(self.decay) else self.decay
        decay = jnp.asarray(decay, jnp.float32)
        if self.warmup:
            decay = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
        if self.start:
            decay = jnp.where(step + 1 < self.start, 0.0, decay)

        def merge(old: jax.Array, fresh: jax.Array) -> jax.Array:
            if not jnp.issubdtype(fresh.dtype, jnp.floating):
                return fresh
            return (decay * old + (1.0 - decay) * fresh).astype(fresh.dtype)

        return jax.tree.map(merge, average, new)
