"""Checkpoints of any pytree: asynchronous, crash-safe, checked on the way back in."""

from gan_jax.checkpoint.checkpointer import Checkpointer
from gan_jax.checkpoint.errors import CheckpointError

__all__ = ["CheckpointError", "Checkpointer"]
