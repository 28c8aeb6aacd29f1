"""Checkpoints of any pytree: asynchronous, crash-safe, verified when read."""

from gan_jax.checkpoint.checkpointer import Checkpointer
from gan_jax.checkpoint.errors import CheckpointError

__all__ = ["CheckpointError", "Checkpointer"]
