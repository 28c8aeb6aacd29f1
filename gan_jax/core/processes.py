"""What one process does and all must know: done by process 0, broadcast to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import jax
import numpy as np

T = TypeVar("T")


class OtherProcessError(OSError):
    """Process 0 failed at what the others were waiting for."""


def by_first_process(work: Callable[[], T], default: T) -> T:
    """Lets process 0 do something while the others wait; all fail if it fails.

    Args:
      work: What to do.
      default: What the other processes return.

    Raises:
      OtherProcessError: On the others. Process 0 raises what `work` raised.
    """
    if jax.process_count() == 1:
        return work()
    result, error = default, None
    if jax.process_index() == 0:
        try:
            result = work()
        except Exception as raised:
            error = raised
    (failed,) = broadcast((float(error is not None),))
    if error is not None:
        raise error
    if failed:
        raise OtherProcessError("process 0 failed, its error says why")
    return result


def broadcast(values: Sequence[float]) -> tuple[float, ...]:
    """Process 0's numbers, on every process.

    Args:
      values: The numbers of process 0; elsewhere any numbers, as many.
    """
    if jax.process_count() == 1:
        return tuple(values)
    from jax.experimental import multihost_utils

    # As words: JAX would round float64 to float32.
    words = multihost_utils.broadcast_one_to_all(np.float64(values).view(np.uint32))
    return tuple(np.asarray(words).view(np.float64).tolist())
