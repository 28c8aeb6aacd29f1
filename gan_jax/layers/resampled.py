"""Convolutions of images that are made larger before or smaller after them, in one.

A 3x3 convolution of an image whose pixels were doubled sees each pixel two or four times: it is the
transposed 4x4 convolution of stride 2 of the image as it was, whose kernel is the sum of the 3x3
one at four places. A mean over 2x2 after a 3x3 convolution is the transpose of that: a 4x4
convolution of stride 2. Both take 16 products for 36, and on a CPU Winograd's form of 2x2 taps
besides.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax.layers import convolution, geometry
from gan_jax.layers.patches import pad_axis


def upsample_conv(
    x: jax.Array,
    kernel: jax.Array,
    *,
    implementation: convolution.Implementation = "auto",
) -> jax.Array:
    """Doubles both sides (each pixel becomes 2x2 equal ones), then convolves with zeros around.

    Equal to `conv(upsample(x), kernel, padding="SAME")` but for rounding.

    Args:
        x: Images [B, H, W, I], floating.
        kernel: Kernel [K, K, I, O] of the same dtype; K is odd.
        implementation: As in `conv`.

    Returns:
        Images [B, 2 H, 2 W, O] of x's dtype.

    Raises:
        ValueError: If a side of the kernel is even, or as `conv`.
    """
    padding = _same_padding("upsample_conv", kernel)
    if padding == ((0, 0), (0, 0)):
        y = convolution.conv(x, kernel, implementation=implementation)
        return jnp.repeat(jnp.repeat(y, 2, axis=1), 2, axis=2)
    # A transposed convolution adds the kernel where a convolution reads it: mirrored, axes swapped.
    mirrored = jnp.swapaxes(_widened(kernel), 2, 3)[::-1, ::-1]
    return convolution.conv_transpose(
        x, mirrored, strides=2, padding=padding, implementation=implementation
    )


def conv_pool(
    x: jax.Array,
    kernel: jax.Array,
    *,
    implementation: convolution.Implementation = "auto",
) -> jax.Array:
    """Convolves with zeros around, then halves both sides by means over 2x2.

    Equal to `mean_pool(conv(x, kernel, padding="SAME"))` but for rounding.

    Args:
        x: Images [B, H, W, I], floating; H and W are even.
        kernel: Kernel [K, K, I, O] of the same dtype; K is odd.
        implementation: As in `conv`.

    Returns:
        Images [B, H / 2, W / 2, O] of x's dtype.

    Raises:
        ValueError: If a side of the images is odd or one of the kernel even, or as `conv`.
    """
    padding = _same_padding("conv_pool", kernel)
    if x.ndim == 4 and (x.shape[1] % 2 or x.shape[2] % 2):
        raise ValueError(f"conv_pool: both sides of the images must be even, not {x.shape}")
    if padding == ((0, 0), (0, 0)):
        return convolution.conv(mean_pool(x), kernel, implementation=implementation)
    return convolution.conv(
        x, _widened(kernel) / 4, strides=2, padding=padding, implementation=implementation
    )


def mean_pool(x: jax.Array) -> jax.Array:
    """Means over 2x2 pixels: [B, H, W, C] to [B, H / 2, W / 2, C], in float32 inside."""
    batch, height, width, channels = x.shape
    blocks = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
    return blocks.mean((2, 4), dtype=jnp.promote_types(x.dtype, jnp.float32)).astype(x.dtype)


def _same_padding(name: str, kernel: jax.Array) -> geometry.Pairs:
    if kernel.ndim != 4 or kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise ValueError(f"{name}: both sides of the kernel must be odd, not {kernel.shape}")
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    return (rows, rows), (columns, columns)


def _widened(kernel: jax.Array) -> jax.Array:
    """The sum of a kernel at four places, [K + 1, K + 1, I, O]."""
    for axis in (0, 1):
        kernel = pad_axis(kernel, axis, 0, 1) + pad_axis(kernel, axis, 1, 0)
    return kernel
