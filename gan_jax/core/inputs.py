"""The inputs of a sampler, described: so that images can be drawn from any game.

A sampler names its inputs and says of each what it is: noise, a label or code, a row of the data,
or a random key. Sampling, grids, interpolation and evaluation read these descriptions, and no
family needs a word of its own there.
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Normal:
    """Standard normal noise.

    Attributes:
      shape: Of one example.
    """

    shape: tuple[int, ...]

    def draw(self, key: jax.Array) -> jax.Array:
        """One example, float32 [*shape]."""
        return jax.random.normal(key, self.shape, jnp.float32)


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Uniform noise in [low, high).

    Attributes:
      shape: Of one example.
      low: Lower bound.
      high: Upper bound.

    Raises:
      ValueError: If `low` is not below `high`.
    """

    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self):
        if not self.low < self.high:
            raise ValueError(f"a uniform input needs low < high, not {self.low} and {self.high}")

    def draw(self, key: jax.Array) -> jax.Array:
        """One example, float32 [*shape]."""
        return jax.random.uniform(key, self.shape, jnp.float32, self.low, self.high)


@dataclasses.dataclass(frozen=True)
class Category:
    """One of `size` categories: a label of the data, or a code.

    Attributes:
      size: Number of categories, at least 1.
      labels: The array of the data whose labels these are; their names and frequencies are then
        those of the data. None for a code without names, drawn uniformly.

    Raises:
      ValueError: If `size` is below 1.
    """

    size: int
    labels: str | None = None

    def __post_init__(self):
        if self.size < 1:
            raise ValueError(f"a category has at least 1 value, not {self.size}")

    def draw(self, key: jax.Array, frequencies: jax.Array | None = None) -> jax.Array:
        """One example, scalar int32 in [0, size).

        Args:
          key: Typed PRNG key.
          frequencies: float [size], how often each value occurs; None for all alike.
        """
        if frequencies is None:
            return jax.random.randint(key, (), 0, self.size)
        return jax.random.categorical(key, jnp.log(frequencies)).astype(jnp.int32)


@dataclasses.dataclass(frozen=True)
class FromData:
    """A row of the data: image number i takes row i of the split.

    Attributes:
      array: The name of the array.
    """

    array: str


@dataclasses.dataclass(frozen=True)
class Key:
    """A typed PRNG key for each image: noise that is drawn within the networks."""

    def draw(self, key: jax.Array) -> jax.Array:
        """The key itself."""
        return key


Input = Normal | Uniform | Category | FromData | Key


class Weights(NamedTuple):
    """What drawing reads of a state, and all that is loaded of a checkpoint.

    Attributes:
      params: `{network: tree}`, averaged where there is an average.
      variables: `{network: {collection: tree}}`.
      memory: `{name: tree}`.
    """

    params: Mapping[str, PyTree]
    variables: Mapping[str, PyTree] = MappingProxyType({})
    memory: Mapping[str, PyTree] = MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Sampler:
    """How images are drawn from a trained game.

    Attributes:
      inputs: `{name: Input}`, in the order in which people think of them.
      apply: `(weights, {name: array [B, ...]}, **options) -> images [B, H, W, C]`, float in
        [-1, 1]. A `Category` arrives as int32 [B], a `FromData` as the networks see it (images
        float32 in [-1, 1]), a `Key` as typed keys [B].
      networks: The networks that `apply` reads, so that no other need be loaded.
      memory: The memories that `apply` reads.
      target: The array of the data that the images are to look like.
      options: What `apply` takes besides, with its defaults: `{"truncation": None}`. None is
        "off".
    """

    inputs: Mapping[str, Input]
    apply: Callable[..., jax.Array]
    networks: tuple[str, ...]
    memory: tuple[str, ...] = ()
    target: str = "image"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def first(self, kind: type) -> str | None:
        """The name of the first input of a kind, or None: `sampler.first(Category)`."""
        return next((name for name, one in self.inputs.items() if isinstance(one, kind)), None)


def input_key(seed: int | jax.Array, name: str, index: int | jax.Array) -> jax.Array:
    """The key of one input of image number `index`.

    A function of the seed, the name of the input and the number of the image alone: not of how
    many images are drawn, in which batches, or on which devices.

    Args:
      seed: In 0..2**32 - 1, or a typed PRNG key.
      name: Of the input.
      index: int32, at least 0.
    """
    key = seed if isinstance(seed, jax.Array) else jax.random.key(seed)
    # 31 bits: fold_in takes what fits an int32 without a sign.
    return jax.random.fold_in(jax.random.fold_in(key, zlib.crc32(name.encode()) >> 1), index)


def draw_inputs(
    inputs: Mapping[str, Input],
    seed: int | jax.Array,
    indices: jax.Array,
    *,
    frequencies: Mapping[str, jax.Array] = MappingProxyType({}),
) -> dict[str, jax.Array]:
    """The drawn inputs of some images; pure, and may be traced.

    Args:
      inputs: `{name: Input}`. A `FromData` is left out: whoever has the data reads its rows.
      seed: In 0..2**32 - 1, or a typed PRNG key.
      indices: int32 [B], the numbers of the images.
      frequencies: `{name of a Category: float [size]}`; uniform for those that are not named.

    Returns:
      `{name: array [B, ...]}`.
    """

    def draw(name: str, one: Normal | Uniform | Category | Key, index: jax.Array) -> jax.Array:
        key = input_key(seed, name, index)
        if isinstance(one, Category):
            return one.draw(key, frequencies.get(name))
        return one.draw(key)

    return {
        name: jax.vmap(lambda index, name=name, one=one: draw(name, one, index))(indices)
        for name, one in inputs.items()
        if not isinstance(one, FromData)
    }


def truncated_normal(normal: jax.Array, bound: float | None) -> jax.Array:
    """Maps standard normal noise to standard normal noise given that it lies within a bound.

    Truncation trades variety for quality (Brock et al. 2019, arXiv:1809.11096). As a monotone
    function of the noise it keeps the image's number: the same latent, drawn closer to the mean.

    Args:
      normal: float, N(0, 1), any shape.
      bound: Largest absolute value of an entry; None for no truncation.

    Returns:
      The same shape and dtype, in [-bound, bound].

    Raises:
      ValueError: If `bound` is not positive and finite.
    """
    if bound is None:
        return normal
    if not 0.0 < bound < math.inf:
        raise ValueError(
            f"truncation is a bound on the latents' entries: a positive number, not {bound}"
        )
    edge = jax.scipy.special.ndtr(jnp.float32(bound))
    share = jax.scipy.special.ndtr(normal.astype(jnp.float32))
    inside = (1.0 - edge) + share * (2.0 * edge - 1.0)
    mapped = jax.scipy.special.ndtri(inside)
    return jnp.clip(mapped, -bound, bound).astype(normal.dtype)
