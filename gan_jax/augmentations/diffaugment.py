"""DiffAugment: color, translation and cutout of every image, always."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from gan_jax.augmentations._images import check_images
from gan_jax.names import check_name

_SHIFT, _HOLE = 0.125, 0.5


def diff_augment(
    key: jax.Array,
    images: jax.Array,
    *,
    policy: Sequence[str] = ("color", "translation", "cutout"),
) -> jax.Array:
    """Augments each image by itself, differentiably.

    "color" adds U(-0.5, 0.5) to all of an image, then moves its channels from their mean by a
    factor U(0, 2), then its pixels from their mean by a factor U(0.5, 1.5). "translation" shifts it
    by up to an eighth of either side and fills with 0. "cutout" sets a square of half of either
    side, whose center is anywhere in the image, to 0. Every image has draws of its own.

    Args:
      key: A PRNG key.
      images: Float [B, H, W, C], in [-1, 1], so that 0 is middle gray.
      policy: Names of `DIFF_AUGMENTATIONS`, in the order in which they are applied.

    Returns:
      The same shape and dtype. Color leaves the range [-1, 1].

    Raises:
      ValueError: If images are not floating point [B, H, W, C] or a name is unknown.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from gan_jax import augmentations
      >>> images = jnp.ones((2, 8, 8, 3))
      >>> cut = augmentations.diff_augment(jax.random.key(0), images, policy=("cutout",))
      >>> bool(4 <= (cut[0, ..., 0] == 0).sum() <= 16)
      True

    References:
      Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, 2020,
      arXiv:2006.10738.
    """
    check_images(images)
    for name, part in zip(policy, jax.random.split(key, max(1, len(policy))), strict=False):
        check_name("augmentation of the policy", name, _AUGMENTATIONS)
        images = _AUGMENTATIONS[name](part, images)
    return images


def _color(key: jax.Array, images: jax.Array) -> jax.Array:
    uniform = jax.random.uniform(key, (3, images.shape[0], 1, 1, 1)).astype(images.dtype)
    brightness, saturation, contrast = uniform
    images = images + (brightness - 0.5)
    images = _from_mean(images, 2.0 * saturation, (3,))
    return _from_mean(images, 0.5 + contrast, (1, 2, 3))


def _from_mean(images: jax.Array, factor: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    mean = images.mean(axes, keepdims=True)
    return (images - mean) * factor + mean


def _translation(key: jax.Array, images: jax.Array) -> jax.Array:
    batch, height, width, channels = images.shape
    down, right = (int(side * _SHIFT + 0.5) for side in (height, width))
    limits = jnp.array([[down, right]])
    starts = jax.random.randint(key, (batch, 2), 0, 2 * limits + 1)
    padded = jnp.pad(images, ((0, 0), (down, down), (right, right), (0, 0)))

    def crop(image, start):
        return jax.lax.dynamic_slice(image, (start[0], start[1], 0), (height, width, channels))

    return jax.vmap(crop)(padded, starts)


def _cutout(key: jax.Array, images: jax.Array) -> jax.Array:
    batch, height, width, _ = images.shape
    keys = jax.random.split(key)
    rows, columns = (
        _in_hole(own, batch, side) for own, side in zip(keys, (height, width), strict=True)
    )
    hole = rows[:, :, None, None] & columns[:, None, :, None]
    return jnp.where(hole, jnp.zeros_like(images), images)


def _in_hole(key: jax.Array, batch: int, side: int) -> jax.Array:
    """Whether each pixel of a side lies in the hole, bool [B, side]."""
    size = int(side * _HOLE + 0.5)
    center = jax.random.randint(key, (batch, 1), 0, side + 1 - size % 2)
    from_start = jnp.arange(side)[None] - (center - size // 2)
    return (from_start >= 0) & (from_start < size)


_AUGMENTATIONS: dict[str, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "color": _color,
    "translation": _translation,
    "cutout": _cutout,
}
DIFF_AUGMENTATIONS = tuple(_AUGMENTATIONS)
