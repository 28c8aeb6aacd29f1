"""Convolutions as one matrix product: of the patches under the kernel, or folded back into images.

XLA:CPU's own convolutions have gradients that are many times slower than the forward pass, its
matrix products do not.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.layers import geometry


def conv(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, int], pads: geometry.Pairs
) -> jax.Array:
    """`gan_jax.layers.conv` of x [B, H, W, I] and kernel [KH, KW, I, O] by patches."""
    columns = _unfold(x, kernel.shape[:2], strides, pads)
    matrix = kernel.reshape(columns.shape[-1], -1)
    y = _flat_matmul(columns, matrix, rhs_axis=0)
    return y.reshape(*columns.shape[:3], -1).astype(x.dtype)


def conv_transpose(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, int], pads: geometry.Pairs
) -> jax.Array:
    """`gan_jax.layers.conv_transpose` of x [B, H, W, I] and kernel [KH, KW, O, I] by patches."""
    columns = _flat_matmul(x, kernel.reshape(-1, x.shape[-1]), rhs_axis=1)
    columns = columns.reshape(*x.shape[:3], *kernel.shape[:3])
    return _fold(columns, strides, pads).astype(x.dtype)


def _flat_matmul(x, matrix, rhs_axis):
    """Multiplies [..., K] by a matrix to [N, O] of float32 (or wider), for sums to go on in it."""
    # Of rank 2, because for more than one row axis XLA:CPU transposes a copy of the whole operand
    # in the gradient for the matrix.
    return lax.dot_general(
        x.reshape(-1, x.shape[-1]),
        matrix,
        (((1,), (rhs_axis,)), ((), ())),
        preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
    )


def _unfold(x, window, strides, pads):
    """Gathers the patches [B, OH, OW, KH * KW * I] under each position of the window."""
    height, width = geometry.conv_output_size(x.shape[1:3], window, strides, pads)
    x = _windows(x, 2, width, window[1], strides[1], pads[1])
    x = _windows(x, 1, height, window[0], strides[0], pads[0])
    return jnp.swapaxes(x, 2, 3).reshape(x.shape[0], height, width, -1)


def _fold(columns, strides, pads):
    """Adds patches [B, H, W, KH, KW, O] up where they overlap: the transpose of `_unfold`."""
    columns = jnp.swapaxes(columns, 2, 3)
    columns = _overlap_add(columns, 3, strides[1], pads[1])
    return _overlap_add(columns, 1, strides[0], pads[0])


def _windows(x, axis, count, window, stride, pads):
    """Turns an axis into [count, window]: the values under each position of a sliding window.

    A window is a few blocks as long as the stride, and block n of every window is one slice of the
    axis cut into such blocks: one copy of long runs for each block, not for each element.
    """
    lengths = _block_lengths(window, stride)
    blocks = count + len(lengths) - 1
    x = pad_axis(x, axis, pads[0], blocks * stride - x.shape[axis] - pads[0])
    x = x.reshape(*x.shape[:axis], blocks, stride, *x.shape[axis + 1 :])
    pieces = [
        pad_axis(pad_axis(x, axis, -n, n + 1 - len(lengths)), axis + 1, 0, length - stride)
        for n, length in enumerate(lengths)
    ]
    return jnp.concatenate(pieces, axis=axis + 1)


def _overlap_add(x, axis, stride, pads):
    """Merges the axes [count, window] at `axis` by adding windows up: transposes `_windows`."""
    count, window = x.shape[axis : axis + 2]
    lengths = _block_lengths(window, stride)
    pieces = lax.split(x, lengths, axis=axis + 1)
    padded = [
        pad_axis(pad_axis(piece, axis, n, len(lengths) - 1 - n), axis + 1, 0, stride - length)
        for n, (piece, length) in enumerate(zip(pieces, lengths, strict=True))
    ]
    x = functools.reduce(jnp.add, padded)
    x = x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])
    size = (count - 1) * stride + window - sum(pads)
    return pad_axis(x, axis, -pads[0], size + pads[0] - x.shape[axis])


def _block_lengths(window, stride):
    return [min(stride, window - start) for start in range(0, window, stride)]


def pad_axis(x: jax.Array, axis: int, low: int, high: int) -> jax.Array:
    """Adds zeros at both ends of one axis, or cuts where an amount is negative."""
    if not low and not high:
        return x
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (low, high, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), config)
