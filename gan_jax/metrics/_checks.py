"""Checks of what users pass to the statistics: one clear line for what is wrong."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

# Rows of a feature matrix that are held in float64 at a time.
BLOCK_ROWS = 4096


def blocks(count: int, size: int = BLOCK_ROWS) -> Iterator[slice]:
    """Slices that divide `count` rows into blocks of at most `size`."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def matrix(values: ArrayLike, name: str, *, least: int = 1) -> NDArray:
    """Checks an array of one row per sample, without copying it.

    Args:
        values: real numbers [N, D].
        name: what they are, for the message.
        least: the fewest samples that will do.

    Returns:
        The same values as a NumPy array, in their own dtype; a memory map stays one.

    Raises:
        ValueError: if they are no finite real matrix, or N < least.
    """
    array = np.asanyarray(values)
    if array.ndim != 2 or array.shape[1] == 0:
        shape = list(array.shape)
        raise ValueError(f"{name} must be a matrix [N, D] of one row per sample, not {shape}")
    if not (jnp.issubdtype(array.dtype, jnp.floating) or np.issubdtype(array.dtype, np.integer)):
        raise ValueError(f"{name} must be real numbers, not {array.dtype}")
    if len(array) < least:
        raise ValueError(f"{name} must hold at least {least} samples, not {len(array)}")
    bad = sum(int((~np.isfinite(array[rows]).all(axis=1)).sum()) for rows in blocks(len(array)))
    if bad:
        raise ValueError(f"{name} must be finite: {bad} of {len(array)} rows hold NaN or infinity")
    return array


def same_dimensions(first: int, second: int, first_name: str, second_name: str) -> None:
    """Checks that two sets live in one space.

    Raises:
        ValueError: if they do not.
    """
    if first != second:
        raise ValueError(
            f"{first_name} have {first} dimensions and {second_name} {second}: "
            "take both from the same extractor"
        )


def at_least(value: int, least: int, name: str) -> None:
    """Checks a count.

    Raises:
        ValueError: if it is no integer, or below `least`.
    """
    if not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, not {value}")
