"""Resizing as TensorFlow 1's graphs do it."""

import jax
import jax.numpy as jnp
import numpy as np


def resize_bilinear_tf1(images: jax.Array, shape: tuple[int, int]) -> jax.Array:
    """Resizes as `tf.image.resize_bilinear` of TensorFlow 1 (align_corners=False) does.

    Pixel i of the result lies at i * (old size / new size), so the image shifts by up to half a
    pixel, and nothing is smoothed when it shrinks. Scores are defined with it: Parmar et al. 2022,
    On Aliased Resizing and Surprising Subtleties in GAN Evaluation,
    https://arxiv.org/abs/2104.11222, measure what other ways of resizing do to them.

    Args:
      images: float32 [B, H, W, C].
      shape: new height and width.

    Returns:
      float32 [B, *shape, C].
    """
    # Columns before rows: the order of TensorFlow's sums, and so its very roundings.
    return _interpolate(_interpolate(images, 2, shape[1]), 1, shape[0])


def _interpolate(images: jax.Array, axis: int, size: int) -> jax.Array:
    old = images.shape[axis]
    if old == size:
        return images
    position = np.arange(size, dtype=np.float32) * (np.float32(old) / np.float32(size))
    below = position.astype(np.int32)
    above = np.minimum(below + 1, old - 1)
    along = [-1 if i == axis else 1 for i in range(images.ndim)]
    fraction = (position - below.astype(np.float32)).reshape(along)
    low, high = (jnp.take(images, index, axis, mode="clip") for index in (below, above))
    return low + (high - low) * fraction
