"""Augmentation inside the compiled step: pure functions of a key and float images.

Images are float [B, H, W, C] in [-1, 1] and come back with their shape, dtype and range. What
lies beyond the border is the image reflected, without its edge pixels repeated.

In place of one array there may be a dictionary of them (any pytree), with one B: what is drawn is
then the same for image number i of every array, so that pairs stay pairs.
"""

import math
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp

from gan_jax.ranges import Range

# One array or a pytree of them.
Images = TypeVar("Images")
Augment = Callable[[jax.Array, Images], Images]


def random_flip(key: jax.Array, images: Images) -> Images:
    """Mirrors each image left to right with probability one half.

    Args:
      key: a PRNG key.
      images: float [B, H, W, C], or a pytree of such arrays.

    Raises:
      ValueError: the arrays have different B.
    """
    flipped = jax.random.bernoulli(key, 0.5, (_batch(images), 1, 1, 1))
    return jax.tree.map(lambda array: jnp.where(flipped, array[:, :, ::-1], array), images)


def random_crop(key: jax.Array, images: Images, padding: int) -> Images:
    """Shifts each image by up to `padding` pixels each way: pads by reflection, then crops.

    Args:
      key: a PRNG key.
      images: float [B, H, W, C], or a pytree of such arrays.
      padding: pixels on every side, 0 to min(H, W) - 1; 0 returns the images as they are.

    Raises:
      ValueError: `padding` is negative, or larger than reflection can fill; or the arrays have
        different B, or different H or W, so that a shift by the same number of pixels would not
        be the same.
    """
    if padding == 0:
        return images
    batch, (height, width) = _batch(images), _size(images)
    if not 0 <= padding < min(height, width):
        raise ValueError(
            f"crop padding must be in 0..{min(height, width) - 1} for {height}x{width} images, "
            f"is {padding}"
        )
    sides = (padding, padding)
    offsets = jax.random.randint(key, (batch, 2), 0, 2 * padding + 1)

    def crop(image, offset):
        size = (height, width, image.shape[-1])
        return jax.lax.dynamic_slice(image, (offset[0], offset[1], 0), size)

    def shift(array):
        padded = jnp.pad(array, ((0, 0), sides, sides, (0, 0)), mode="reflect")
        return jax.vmap(crop)(padded, offsets)

    return jax.tree.map(shift, images)


def random_rotation(key: jax.Array, images: Images, degrees: float) -> Images:
    """Rotates each image about its center by an angle uniform in [-degrees, degrees], bilinearly.

    Args:
      key: a PRNG key.
      images: float [B, H, W, C], or a pytree of such arrays.
      degrees: the largest angle, 0 to 180; 0 returns the images as they are.

    Raises:
      ValueError: `degrees` is out of its range, or the arrays have different B.
    """
    Range(least=0, most=180).check("rotation degrees", degrees)
    if degrees == 0:
        return images
    limit = math.radians(degrees)
    angles = jax.random.uniform(key, (_batch(images),), minval=-limit, maxval=limit)
    return jax.tree.map(lambda array: rotate(array, angles), images)


def rotate(images: jax.Array, angles: jax.Array) -> jax.Array:
    """Rotates each image about its center, counterclockwise, with bilinear interpolation.

    Args:
      images: float [B, H, W, C].
      angles: float [B], radians.

    Returns:
      The same shape and dtype: what leaves the frame is cut off, also of images that are not
      square.
    """
    batch, height, width, channels = images.shape
    y = jnp.arange(height, dtype=jnp.float32)[None, :, None] - (height - 1) / 2
    x = jnp.arange(width, dtype=jnp.float32)[None, None, :] - (width - 1) / 2
    sin, cos = jnp.sin(angles)[:, None, None], jnp.cos(angles)[:, None, None]
    source_y = cos * y + sin * x + (height - 1) / 2
    source_x = cos * x - sin * y + (width - 1) / 2
    top, left = jnp.floor(source_y), jnp.floor(source_x)
    flat = images.reshape(batch, height * width, channels)

    def corner(down: int, right: int) -> jax.Array:
        row = _reflect(top.astype(jnp.int32) + down, height)
        column = _reflect(left.astype(jnp.int32) + right, width)
        at = (row * width + column).reshape(batch, height * width, 1)
        picked = jnp.take_along_axis(flat, at, axis=1, mode="promise_in_bounds")
        weight_y = source_y - top if down else top + 1 - source_y
        weight_x = source_x - left if right else left + 1 - source_x
        weight = (weight_y * weight_x).astype(images.dtype)
        return picked.reshape(images.shape) * weight[..., None]

    return corner(0, 0) + corner(0, 1) + corner(1, 0) + corner(1, 1)


def _reflect(index: jax.Array, size: int) -> jax.Array:
    """Folds any integer into [0, size) by reflection at the edge pixels."""
    if size == 1:
        return jnp.zeros_like(index)
    period = 2 * (size - 1)
    index = index % period
    return jnp.minimum(index, period - index)


def _batch(images) -> int:
    sizes = {array.shape[0] for array in jax.tree.leaves(images)}
    if len(sizes) != 1:
        raise ValueError(f"images that belong together are equally many, not {sorted(sizes)}")
    return sizes.pop()


def _size(images) -> tuple[int, int]:
    sizes = {array.shape[1:3] for array in jax.tree.leaves(images)}
    if len(sizes) != 1:
        raise ValueError(f"images that are cropped together have one size, not {sorted(sizes)}")
    return sizes.pop()


def make_augment(
    *, flip: bool = False, crop_padding: int = 0, rotation_degrees: float = 0.0
) -> Augment:
    """Composes augmentations: rotation, then crop, then flip.

    Args:
      flip: whether to mirror.
      crop_padding: see `random_crop`; 0 for none.
      rotation_degrees: see `random_rotation`; 0 for none.

    Returns:
      A pure function `(key, images) -> images`, of float [B, H, W, C] or a pytree of such arrays,
      to be compiled with the step. With nothing chosen it returns the images as they are.
    """

    def augment(key: jax.Array, images: Images) -> Images:
        rotation_key, crop_key, flip_key = jax.random.split(key, 3)
        images = random_rotation(rotation_key, images, rotation_degrees)
        images = random_crop(crop_key, images, crop_padding)
        return random_flip(flip_key, images) if flip else images

    return augment
