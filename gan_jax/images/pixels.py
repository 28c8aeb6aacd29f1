"""From stored pixels to the range the networks work in, and back."""

import jax
import jax.numpy as jnp
import numpy as np


def normalize(images: jax.Array) -> jax.Array:
    """Maps stored pixels to the range the networks work in.

    Args:
      images: uint8, any shape.

    Returns:
      float32 in [-1, 1], `images / 127.5 - 1`.

    Raises:
      ValueError: the images are not uint8.
    """
    if images.dtype != jnp.uint8:
        raise ValueError(f"normalize takes uint8 images, not {images.dtype}")
    return images.astype(jnp.float32) / 127.5 - 1.0


def quantize(images: jax.Array) -> jax.Array:
    """Maps images to the pixels a saved PNG holds; the inverse of `normalize`.

    Args:
      images: float, any shape; values beyond [-1, 1] are clipped.

    Returns:
      uint8 in [0, 255], rounded to the nearest.
    """
    pixels = jnp.round((jnp.asarray(images, jnp.float32) + 1.0) * 127.5)
    return jnp.clip(pixels, 0.0, 255.0).astype(jnp.uint8)


def to_pixels(images) -> np.ndarray:
    """Maps images to pixels.

    Args:
      images: float in [-1, 1], any shape (values beyond are clipped, NaN is black), or uint8.

    Returns:
      uint8 in [0, 255], rounded to the nearest.
    """
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    pixels = np.round((images.astype(np.float32) + np.float32(1)) * np.float32(127.5))
    return np.clip(np.nan_to_num(pixels, nan=0.0), 0, 255).astype(np.uint8)
