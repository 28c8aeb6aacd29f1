"""The arithmetic that this machine reaches in its best case: one large matrix product."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.core import PRECISIONS, with_precision


def make_matmul(precision: str) -> tuple[Callable[[], None], float]:
    """A large square matrix product on one device, to measure its peak with.

    Args:
      precision: A key of `core.PRECISIONS`.

    Returns:
      A function that runs it and waits, and its floating-point operations.
    """
    on_cpu = jax.default_backend() == "cpu"
    side, repeats = (1536, 2) if on_cpu else (8192, 10)
    dtype = PRECISIONS[precision].dtype
    left, right = (
        jax.random.normal(key, (side, side), jnp.float32).astype(dtype)
        for key in jax.random.split(jax.random.key(0))
    )

    def multiply(left, right):
        def body(_, left):
            # Scaled, so that the numbers neither grow nor vanish over the repeats.
            return (left @ right) * jnp.asarray(side**-0.5, dtype)

        return jax.lax.fori_loop(0, repeats, body, left)

    multiply = jax.jit(with_precision(multiply, precision))

    def call() -> None:
        multiply(left, right).block_until_ready()

    call()
    return call, 2.0 * side**3 * repeats


def devices_with_own_arithmetic() -> int:
    """Devices that add arithmetic: forced CPU devices share the cores that one product uses."""
    return 1 if jax.default_backend() == "cpu" else jax.device_count()
