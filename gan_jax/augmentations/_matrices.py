"""Homogeneous matrices of one transform per image, [B, n + 1, n + 1], float32."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

# Of the axis of gray in a space of three colors, homogeneous.
_GRAY = np.array([1.0, 1.0, 1.0, 0.0], np.float32) / np.sqrt(3.0, dtype=np.float32)


def product(*matrices: jax.Array) -> jax.Array:
    """The product of matrices [B, n, n], in true float32."""
    multiply = functools.partial(jnp.matmul, precision="highest")
    return functools.reduce(multiply, matrices)


def scale(*factors: jax.Array) -> jax.Array:
    """A factor [B] for each axis."""
    last = jnp.ones_like(factors[0])
    diagonal = jnp.stack([*factors, last], axis=-1)
    return diagonal[:, None, :] * jnp.eye(len(factors) + 1)[None]


def translation(*shifts: jax.Array) -> jax.Array:
    """A shift [B] along each axis."""
    size = len(shifts) + 1
    last = jnp.stack([*shifts, jnp.zeros_like(shifts[0])], axis=-1)
    column = jnp.asarray(np.eye(size)[-1:], jnp.float32)
    return jnp.eye(size)[None] + last[:, :, None] * column[None]


def rotation(angle: jax.Array) -> jax.Array:
    """From the x axis towards the y axis by radians [B]."""
    zero, one = jnp.zeros_like(angle), jnp.ones_like(angle)
    sin, cos = jnp.sin(angle), jnp.cos(angle)
    return _stack([[cos, -sin, zero], [sin, cos, zero], [zero, zero, one]])


def luma_flip(flipped: jax.Array) -> jax.Array:
    """Mirrors the axis of gray where `flipped` [B] is 1, and nothing where it is 0."""
    return jnp.eye(4)[None] - 2.0 * _along_gray()[None] * flipped[:, None, None]


def hue_rotation(angle: jax.Array) -> jax.Array:
    """About the axis of gray by radians [B]."""
    x, y, z, _ = _GRAY
    turning = np.array([[0, -z, y, 0], [z, 0, -x, 0], [-y, x, 0, 0], [0, 0, 0, 0]], np.float32)
    color = np.diag(np.array([1, 1, 1, 0], np.float32))
    sin, cos = jnp.sin(angle)[:, None, None], jnp.cos(angle)[:, None, None]
    along = _along_gray()[None]
    return _affine() + along + cos * (color[None] - along) + sin * turning[None]


def saturation(factor: jax.Array) -> jax.Array:
    """Moves colors from the axis of gray by a factor [B]."""
    along = _along_gray()[None]
    color = jnp.diag(jnp.array([1.0, 1.0, 1.0, 0.0]))[None]
    return _affine() + along + (color - along) * factor[:, None, None]


def _along_gray() -> jax.Array:
    return jnp.asarray(np.outer(_GRAY, _GRAY))


def _affine() -> jax.Array:
    return jnp.diag(jnp.array([0.0, 0.0, 0.0, 1.0]))[None]


def _stack(rows: list[list[jax.Array]]) -> jax.Array:
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)
