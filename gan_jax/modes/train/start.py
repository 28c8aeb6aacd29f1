"""The state that a run begins with, or goes on from."""

from __future__ import annotations

from typing import Any

import jax

from gan_jax import core, telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.runs import memory


def newest_or_fresh(
    checkpointer: Checkpointer, gan: core.Gan, seed: int
) -> tuple[core.GanState, dict[str, Any]]:
    """The newest state that can be read, or a fresh one, and the progress saved with it.

    Args:
      checkpointer: The run's checkpoints.
      gan: The game of the first phase.
      seed: Seed of a fresh state.

    Raises:
      CheckpointError: If there are checkpoints, and none can be read.
      ValueError: If a fresh state would not fit into memory.
    """
    if checkpointer.latest_step() is None:
        return core.start(gan, seed, check=memory.check_state), {}
    template = jax.eval_shape(lambda: core.init_state(gan, seed))
    _, state, progress, warnings = checkpointer.restore(template)
    for warning in warnings:
        telemetry.say(f"warning: {warning}")
    return state, progress
