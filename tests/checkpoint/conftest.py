"""A state of every kind of leaf, and ways to compare and to damage what was saved."""

import pathlib
import typing

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest


class Pair(typing.NamedTuple):
    first: jax.Array
    second: jax.Array


@pytest.fixture(scope="session")
def state() -> dict:
    """Every kind of leaf a training state may hold, with NaNs, infinities and signed zeros."""
    numbers = np.random.default_rng(0)
    kernel = jnp.asarray(numbers.normal(size=(16, 9)), jnp.float32)
    odd = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 3.4e38], np.float32)
    odd = jnp.asarray(odd)
    return {
        "step": jnp.int32(3),
        "params": {"generator": {"kernel": kernel, "odd": odd}, "discriminator": {"b": odd}},
        "variables": {"generator": {}},
        "opt_state": optax.adam(1e-3).init({"kernel": kernel}),
        "pair": Pair(odd.astype(jnp.bfloat16), kernel.astype(jnp.float16)),
        "memory": (jnp.arange(7, dtype=jnp.uint32) * 613_566_757, jnp.array([True, False])),
        "nothing": jnp.zeros((0, 3)),
        "key": jax.random.key(0),
        "keys": jax.random.split(jax.random.key(1), 3),
        "rbg": jax.random.key(0, impl="rbg"),
        "host": np.arange(4, dtype=np.int64) << 40,
        "count": 3,
        "rate": 0.1,
        "flag": True,
    }


@pytest.fixture(scope="session")
def bits():
    """`bits(leaf)`: dtype, shape and bytes, of a typed key those of its data."""

    def of(leaf) -> tuple:
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return str(leaf.dtype), leaf.shape, np.asarray(jax.random.key_data(leaf)).tobytes()
        array = np.asarray(leaf)
        return array.dtype.name, array.shape, array.tobytes()

    return of


@pytest.fixture(scope="session")
def assert_same_bits(bits):
    """`assert_same_bits(actual, expected)`: of two pytrees."""

    def check(actual, expected) -> None:
        assert jax.tree.structure(actual) == jax.tree.structure(expected)
        for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
            assert bits(one) == bits(other)

    return check


@pytest.fixture(scope="session")
def data_file():
    """`data_file(directory, step)`: the largest file of a checkpoint, with the arrays' bytes."""

    def find(directory: pathlib.Path, step: int) -> pathlib.Path:
        found = directory.joinpath(str(step)).rglob("d/*")
        return max(found, key=lambda path: path.stat().st_size)

    return find


@pytest.fixture(scope="session")
def flip_a_bit():
    """`flip_a_bit(path)`: of the byte in the middle."""

    def flip(path: pathlib.Path) -> None:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    return flip
