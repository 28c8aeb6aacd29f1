"""Affine maps of images between two orthogonal low-pass filters, as ADA has them.

Plain bilinear interpolation blurs, and a discriminator learns to see that. So an image is sampled
at twice its resolution: enlarged by a wavelet's filter, sampled, and made smaller by the same
filter. Enlarging and shrinking are linear maps of rows and of columns, and so products with
matrices that are known while tracing.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.augmentations import _matrices
from gan_jax.augmentations._images import check_images

# The low-pass filter of the symlet with 6 vanishing moments (Daubechies 1992), whose sum is 1 here.
SYM6 = np.array(
    [
        *(0.015404109327027373, 0.0034907120842174702, -0.11799011114819057),
        *(-0.048311742585633, 0.4910559419267466, 0.787641141030194),
        *(0.3379294217276218, -0.07263752278646252, -0.021060292512300564),
        *(0.04472490177066578, 0.0017677118642428036, -0.007800708325034148),
    ]
)
SYM6 = SYM6 / SYM6.sum()
# What the filter reaches beyond the image, on either side.
_MARGIN = len(SYM6) // 2


def warp(images: jax.Array, inverse: jax.Array) -> jax.Array:
    """Moves the content of each image by an affine map.

    Beyond its border an image is reflected, once, and 0 beyond that.

    Args:
      images: Float [B, H, W, C].
      inverse: Float [B, 3, 3], homogeneous: where the content of a place comes from. Places are
        (x to the right, y down, 1), in pixels from the middle of the image.

    Returns:
      The same shape and dtype. With the identity the image itself, up to rounding.

    Raises:
      ValueError: If images are not floating point [B, H, W, C], or shapes do not agree.

    References:
      Karras et al., Training Generative Adversarial Networks with Limited Data, 2020,
      arXiv:2006.06676, appendix B. The paper's code pads by what the batch needs; here it is always
      as much as it ever pads, since shapes are known while tracing.
    """
    check_images(images)
    batch, height, width, _ = images.shape
    if inverse.shape != (batch, 3, 3):
        raise ValueError(f"inverse must be [{batch}, 3, 3], not {list(inverse.shape)}")
    # Twice as fine, and pixels of the finer image lie half of theirs from those of the coarser.
    ones = jnp.ones((batch,), jnp.float32)
    finer = _matrices.product(
        _matrices.translation(-0.5 * ones, -0.5 * ones),
        _matrices.scale(2 * ones, 2 * ones),
        inverse.astype(jnp.float32),
        _matrices.scale(0.5 * ones, 0.5 * ones),
        _matrices.translation(0.5 * ones, 0.5 * ones),
    )
    large = _on_rows_and_columns(images, enlarging(height), enlarging(width))
    sampled = _sample(large, finer, (2 * (height + _MARGIN), 2 * (width + _MARGIN)))
    return _on_rows_and_columns(sampled, shrinking(height), shrinking(width))


@functools.cache
def enlarging(size: int) -> np.ndarray:
    """Reflects a side at both ends and makes it twice as long: float32 [6 size - 4, size]."""
    reflected = np.pad(np.eye(size), ((size - 1, size - 1), (0, 0)), mode="reflect")
    spread = np.zeros((2 * len(reflected), size))
    spread[::2] = 2.0 * reflected
    padded = np.pad(spread, ((_MARGIN, _MARGIN - 1), (0, 0)))
    parts = [tap * padded[k : k + len(spread)] for k, tap in enumerate(SYM6[::-1])]
    return np.sum(parts, axis=0).astype(np.float32)


@functools.cache
def shrinking(size: int) -> np.ndarray:
    """Cuts the margin off and makes a side half as long: float32 [size, 2 (size + 6)]."""
    places = np.eye(2 * (size + _MARGIN))[1:-1]
    parts = [tap * places[k : k + 2 * size : 2] for k, tap in enumerate(SYM6)]
    return np.sum(parts, axis=0).astype(np.float32)


def _on_rows_and_columns(images: jax.Array, rows: np.ndarray, columns: np.ndarray) -> jax.Array:
    rows, columns = (jnp.asarray(matrix, images.dtype) for matrix in (rows, columns))
    tall = jnp.einsum("uh,bhwc->buwc", rows, images, precision="highest")
    return jnp.einsum("vw,buwc->buvc", columns, tall, precision="highest")


def _sample(images: jax.Array, inverse: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Images [B, *size, C] by bilinear interpolation, 0 outside."""
    batch, height, width, channels = images.shape
    y, x = (jnp.arange(side, dtype=jnp.float32) - (side - 1) / 2 for side in size)
    y, x = y[None, :, None], x[None, None, :]
    m = inverse[:, :, :, None, None]
    source_x = m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2] + (width - 1) / 2
    source_y = m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2] + (height - 1) / 2
    left, top = jnp.floor(source_x), jnp.floor(source_y)
    flat = images.reshape(batch, height * width, channels)

    def corner(down: int, right: int) -> jax.Array:
        row, column = top + down, left + right
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        weight_y = source_y - top if down else top + 1 - source_y
        weight_x = source_x - left if right else left + 1 - source_x
        weight = jnp.where(inside, weight_y * weight_x, 0.0).astype(images.dtype)
        row = jnp.clip(row, 0, height - 1).astype(jnp.int32)
        column = jnp.clip(column, 0, width - 1).astype(jnp.int32)
        at = (row * width + column).reshape(batch, -1, 1)
        picked = jnp.take_along_axis(flat, at, axis=1, mode="promise_in_bounds")
        return picked.reshape(batch, *size, channels) * weight[..., None]

    return corner(0, 0) + corner(0, 1) + corner(1, 0) + corner(1, 1)
