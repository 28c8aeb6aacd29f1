"""The inputs of a sampler by the numbers of images, and by what is fixed for all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from gan_jax.core import Category, FromData, Input, Key, Sampler, draw_inputs
from gan_jax.images import batches_of, normalize

Inputs = Mapping[str, np.ndarray]
InputsOf = Callable[[np.ndarray], dict[str, np.ndarray]]

# Images whose inputs are computed at once: one compilation for any number of images.
_BLOCK = 64
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def inputs(
    sampler: Sampler,
    indices: np.ndarray,
    *,
    seed: int,
    frequencies: Mapping[str, Any] = _NOTHING,
    rows: Mapping[str, np.ndarray] = _NOTHING,
) -> dict[str, np.ndarray]:
    """The inputs of some images, by their numbers.

    An input of image i is a function of the seed, the input's name and i alone.

    Args:
      sampler: A sampler of the game.
      indices: int [N], the numbers of the images, at least 0; N at least 1.
      seed: Seed of the random numbers, in 0..2**32 - 1.
      frequencies: `{array of labels: float [num_classes]}`, how often each class occurs; classes of
        an array that is not named are equally likely.
      rows: `{array: uint8 [M, H, W, C] or int32 [M]}`; a `FromData` takes row i modulo M.

    Returns:
      `{name: array [N, ...]}` on the host. A `Category` is int32 [N], a `FromData` the stored rows,
      a `Key` the data of the keys, uint32 [N, words]; `make_generate` takes them as they are.

    Raises:
      ValueError: If the seed is out of its range, or the rows of an array are missing.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"the seed must be in 0..2**32 - 1, not {seed}")
    drawn = {name: one for name, one in sampler.inputs.items() if not isinstance(one, FromData)}
    shares = {
        name: np.asarray(frequencies[one.labels], np.float32)
        for name, one in drawn.items()
        if isinstance(one, Category) and one.labels and one.labels in frequencies
    }
    indices = np.asarray(indices, np.int32)
    blocks = [
        _draw_block(tuple(drawn.items()), np.uint32(seed), filled(block, _BLOCK), shares)
        for block in batches_of(indices, _BLOCK)
    ]
    found = {
        name: np.concatenate([np.asarray(block[name]) for block in blocks])[: len(indices)]
        for name in drawn
    }
    found |= {
        name: _rows_of(name, one, rows, indices)
        for name, one in sampler.inputs.items()
        if isinstance(one, FromData)
    }
    return {name: found[name] for name in sampler.inputs}


def network_inputs(sampler: Sampler, stored: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Inputs as `Sampler.apply` takes them; pure, and may be traced.

    Args:
      sampler: A sampler of the game.
      stored: `{name: array [B, ...]}` as `inputs` returns them.

    Returns:
      The same with images as float32 in [-1, 1] and typed keys.
    """
    return {name: _network_input(one, stored[name]) for name, one in sampler.inputs.items()}


@functools.partial(jax.jit, static_argnums=0)
def _draw_block(
    drawn: tuple[tuple[str, Input], ...],
    seed: jax.Array,
    indices: jax.Array,
    frequencies: Mapping[str, jax.Array],
) -> dict[str, jax.Array]:
    found = draw_inputs(dict(drawn), jax.random.key(seed), indices, frequencies=frequencies)
    return {
        name: jax.random.key_data(found[name]) if isinstance(one, Key) else found[name]
        for name, one in drawn
    }


def _network_input(one: Input, array: jax.Array) -> jax.Array:
    if isinstance(one, Key):
        return jax.random.wrap_key_data(array)
    if isinstance(one, FromData) and array.dtype == np.uint8:
        return normalize(array)
    return array


def _rows_of(
    name: str, one: FromData, rows: Mapping[str, np.ndarray], indices: np.ndarray
) -> np.ndarray:
    if one.array not in rows or not len(rows[one.array]):
        raise ValueError(
            f"the input '{name}' is a row of the data's array '{one.array}', of which no rows are "
            "given"
        )
    held = rows[one.array]
    return np.ascontiguousarray(held[indices % len(held)])


def filled(array: np.ndarray, size: int) -> np.ndarray:
    """`array` [N, ...] with its first row repeated at the end, up to `size` rows; N at least 1."""
    return np.concatenate([array, np.repeat(array[:1], size - len(array), axis=0)])
