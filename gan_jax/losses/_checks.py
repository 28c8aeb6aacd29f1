"""Checks of arguments that run while JAX traces, so they cost nothing in the compiled step."""

import math
import numbers

import chex
import jax
import jax.numpy as jnp
import numpy as np


def float_array(value: chex.Numeric, name: str) -> jax.Array:
    """Returns `value` as float32, or as float64 if it already is; refuses other kinds.

    Args:
        value: floating-point array of any shape with at least one entry.
        name: what to call it in an error.

    Raises:
        ValueError: if `value` is not floating point or is empty.
    """
    array = jnp.asarray(value)
    chex.assert_type(
        array,
        float,
        custom_message=f"{name} must be floating point, such as float32",
        exception_type=ValueError,
    )
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    # bfloat16 has 8 significant bits: a mean over a batch of 64 would lose most of them.
    return array.astype(jnp.promote_types(array.dtype, jnp.float32))


def logits_pair(real: chex.Numeric, fake: chex.Numeric) -> tuple[jax.Array, jax.Array]:
    """Returns real and fake logits whose shapes differ at most in the number of samples.

    Raises:
        ValueError: if either is not floating point, or the shapes differ beyond the first axis.
    """
    real = float_array(real, "real_logits")
    fake = float_array(fake, "fake_logits")
    message = (
        "real_logits and fake_logits may differ in their first axis only, "
        f"got shapes {real.shape} and {fake.shape}"
    )
    chex.assert_equal_rank([real, fake], custom_message=message, exception_type=ValueError)
    if real.ndim > 1:
        chex.assert_equal_shape_suffix(
            [real, fake], real.ndim - 1, custom_message=message, exception_type=ValueError
        )
    return real, fake


def same_shape(first: jax.Array, second: jax.Array, names: str) -> None:
    """Refuses arrays of different shapes, which broadcasting would combine in silence.

    Raises:
        ValueError: if the shapes differ.
    """
    chex.assert_equal_shape(
        [first, second],
        custom_message=f"{names} must have the same shape, got {first.shape} and {second.shape}",
        exception_type=ValueError,
    )


def number(
    value: chex.Numeric,
    name: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    dtype: chex.ArrayDType | None = None,
) -> float | jax.Array:
    """Returns a scalar option after checking it as far as tracing allows.

    Args:
        value: a number, checked against the range, or a scalar array, whose value may not be
            known while tracing and is therefore taken as it is.
        name: what to call it in an error.
        low: smallest value allowed.
        high: largest value allowed.
        dtype: what to convert an array to; a number adapts to what it meets.

    Raises:
        ValueError: if a number is outside [low, high] or not finite, or an array has axes.
    """
    if isinstance(value, numbers.Real):
        if not (math.isfinite(value) and low <= float(value) <= high):
            if math.isfinite(high):
                wanted = f"in [{low:g}, {high:g}]"
            else:
                wanted = f"finite and at least {low:g}" if math.isfinite(low) else "finite"
            raise ValueError(f"{name} must be {wanted}, got {value}")
        return float(value)
    if not isinstance(value, (jax.Array, np.ndarray)):
        raise ValueError(f"{name} must be a number, got {value!r}")
    chex.assert_rank(value, 0, custom_message=f"{name} must be a scalar", exception_type=ValueError)
    return jnp.asarray(value, dtype)
