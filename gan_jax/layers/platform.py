"""The platform that a program is traced for.

A layer that has several forms of its mathematics chooses by the platform it will run on. That is
JAX's default one, unless a program is compiled ahead of time for devices that are not at hand.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import jax

_CHOSEN: contextvars.ContextVar[str | None] = contextvars.ContextVar("platform", default=None)


def target() -> str:
    """The platform that is being traced for, in lower case: "cpu", "gpu" or "tpu"."""
    return _CHOSEN.get() or jax.default_backend()


@contextlib.contextmanager
def compiling_for(platform: str) -> Iterator[None]:
    """Traces for another platform than JAX's default one.

    JAX keeps what it has traced by function and shapes, and does not know of this choice: trace a
    function that was made for it, not one that was traced for another platform before.

    Args:
      platform: "cpu", "gpu" or "tpu".

    Yields:
      Nothing; within the block `target()` is this platform, in this thread.
    """
    before = _CHOSEN.set(platform)
    try:
        yield
    finally:
        _CHOSEN.reset(before)
