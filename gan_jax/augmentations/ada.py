"""Adaptive discriminator augmentation: the transforms, and what makes them as frequent as needed.

Each transform happens to an image with the probability p times its strength, by draws of that
image's own. p follows how often the discriminator calls real images real.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp

from gan_jax.augmentations import _matrices
from gan_jax.augmentations._images import check_images
from gan_jax.augmentations.affine import warp
from gan_jax.names import check_name

_BLIT = ("flip", "quarter_turn", "shift")
_GEOMETRY = ("scale", "rotation", "stretch", "fractional_shift")
_COLOR = ("brightness", "contrast", "luma_flip", "hue", "saturation")
ADA_TRANSFORMS = (*_BLIT, *_GEOMETRY, *_COLOR, "cutout")
# Strengths by the names of the paper, and what R3GAN's code has for CIFAR-10.
ADA_POLICIES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "b": dict.fromkeys(_BLIT, 1.0),
        "bg": dict.fromkeys(_BLIT + _GEOMETRY, 1.0),
        "bgc": dict.fromkeys(_BLIT + _GEOMETRY + _COLOR, 1.0),
        "r3gan": dict.fromkeys((*_BLIT, *_GEOMETRY, "cutout"), 1.0) | dict.fromkeys(_COLOR, 0.5),
    }
)


def ada_augment(
    key: jax.Array,
    images: jax.Array,
    probability: jax.Array | float,
    *,
    strengths: Mapping[str, float] = ADA_POLICIES["bgc"],
) -> jax.Array:
    """Augments each image by itself, differentiably, with a probability.

    In this order, N a standard normal and U a uniform number in [-1, 1], of each image's own: a
    mirror image in half of the cases; 0 to 3 quarter turns; a shift by U / 8 of each side, rounded
    to pixels; a scale by 2^(0.2 N); a rotation by pi U; a stretch by 2^(0.2 N) along x and its
    inverse along y; a second rotation (the probability of one or both is p); a shift by N / 8 of
    each side. Then colors: brightness + 0.2 N; contrast * 2^(0.5 N); in half of the cases
    a mirrored luma; a hue rotated by pi U; saturation * 2^N. At the end a cutout of half of each
    side. Of gray images luma is all that colors change.

    Args:
      key: A PRNG key.
      images: Float [B, H, W, C] in [-1, 1]; C is 1 or 3 for colors.
      probability: p [], at least 0; with 1 or more every transform happens to every image.
      strengths: `{name of ADA_TRANSFORMS: factor on p}`; what is left out does not happen.
        `ADA_POLICIES` holds those of the papers.

    Returns:
      The same shape and dtype; colors leave the range [-1, 1]. With p = 0 the images, up to
      rounding.

    Raises:
      ValueError: If images are not floating point [B, H, W, C], a name is unknown, or colors are to
        be changed of images with neither 1 nor 3 channels.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from gan_jax import augmentations
      >>> images = jnp.ones((2, 8, 8, 3))
      >>> strengths = {"brightness": 1.0}
      >>> out = augmentations.ada_augment(jax.random.key(0), images, 0.0, strengths=strengths)
      >>> bool((out == images).all())
      True

    References:
      Karras et al., Training Generative Adversarial Networks with Limited Data, 2020,
      arXiv:2006.06676, appendix B and its published code.
    """
    check_images(images)
    for name in strengths:
        check_name("transform", name, ADA_TRANSFORMS)
    channels = images.shape[-1]
    geometric, colors = (
        any(strengths.get(name) for name in names) for names in (_BLIT + _GEOMETRY, _COLOR)
    )
    if colors and channels not in (1, 3):
        raise ValueError(f"colors of images with {channels} channels are not known: 1 or 3 are")
    draw = _Draws(key, images.shape[0], jnp.asarray(probability, jnp.float32), strengths)
    if geometric:
        images = warp(images, _inverse_geometry(draw, images.shape[1:3]))
    if colors:
        images = _recolored(images, _color_matrix(draw, gray=channels == 1))
    if strengths.get("cutout"):
        images = _cut_out(draw, images)
    return images


class _Draws:
    """Random numbers of each image, and whether a transform happens to it.

    All are drawn at once: a program of many draws takes minutes to compile.
    """

    def __init__(self, key, batch: int, probability: jax.Array, strengths: Mapping[str, float]):
        uniform_key, normal_key = jax.random.split(key)
        names = (*ADA_TRANSFORMS, "second_rotation")
        uniform = jax.random.uniform(uniform_key, (len(names) + _UNIFORM, batch))
        self._normal = jax.random.normal(normal_key, (_NORMAL, batch))
        self._uniform = uniform[len(names) :]
        self._happens = dict(zip(names, uniform, strict=False))
        self._probability, self._strengths = probability, strengths

    def probability(self, name: str) -> jax.Array:
        """The probability of a transform, 0 for one that is not among the strengths."""
        return self._probability * self._strengths.get(name, 0.0)

    def uniform(self, count: int) -> jax.Array:
        """The next numbers [count, B] in [0, 1)."""
        taken, self._uniform = self._uniform[:count], self._uniform[count:]
        return taken

    def normal(self, count: int) -> jax.Array:
        """The next standard normal numbers [count, B]."""
        taken, self._normal = self._normal[:count], self._normal[count:]
        return taken

    def __call__(self, name: str, of, *, count: int = 1, otherwise: float = 0.0, p=None):
        """Numbers [count, B] by `of(self, count)` where the transform happens, else `otherwise`."""
        value = of(self, count)
        p = self.probability(name) if p is None else p
        return jnp.where(self._happens[name][None] < p, value, otherwise)


# How many numbers all transforms take.
_UNIFORM, _NORMAL = 10, 7


def _unit(draw: _Draws, count: int) -> jax.Array:
    return draw.uniform(count)


def _symmetric(draw: _Draws, count: int) -> jax.Array:
    return 2.0 * draw.uniform(count) - 1.0


def _normal(draw: _Draws, count: int) -> jax.Array:
    return draw.normal(count)


def _below(limit: int):
    return lambda draw, count: jnp.floor(limit * draw.uniform(count))


def _power_of_two(std: float):
    return lambda draw, count: jnp.exp2(std * draw.normal(count))


def _inverse_geometry(draw: _Draws, size: tuple[int, int]) -> jax.Array:
    """From places of the augmented image to those of the image, [B, 3, 3]."""
    height, width = size
    (flipped,) = draw("flip", _below(2))
    (quarters,) = draw("quarter_turn", _below(4))
    across, down = draw("shift", _symmetric, count=2)
    (scale,) = draw("scale", _power_of_two(0.2), otherwise=1.0)
    # So that one or both happen with the probability of a rotation.
    each = 1.0 - jnp.sqrt(jnp.clip(1.0 - draw.probability("rotation"), 0.0, 1.0))
    (before,) = draw("rotation", _symmetric, p=each)
    (stretch,) = draw("stretch", _power_of_two(0.2), otherwise=1.0)
    (after,) = draw("second_rotation", _symmetric, p=each)
    right, below = draw("fractional_shift", _normal, count=2)
    return _matrices.product(
        _matrices.scale(1.0 - 2.0 * flipped, jnp.ones_like(flipped)),
        _matrices.rotation(0.5 * jnp.pi * quarters),
        _matrices.translation(-jnp.round(across * width / 8), -jnp.round(down * height / 8)),
        _matrices.scale(1.0 / scale, 1.0 / scale),
        _matrices.rotation(jnp.pi * before),
        _matrices.scale(1.0 / stretch, stretch),
        _matrices.rotation(jnp.pi * after),
        _matrices.translation(-right * width / 8, -below * height / 8),
    )


def _color_matrix(draw: _Draws, *, gray: bool) -> jax.Array:
    """Of colors (red, green, blue, 1), [B, 4, 4]."""
    (brightness,) = draw("brightness", _normal)
    (contrast,) = draw("contrast", _power_of_two(0.5), otherwise=1.0)
    (mirrored,) = draw("luma_flip", _below(2))
    matrix = _matrices.product(
        _matrices.luma_flip(mirrored),
        _matrices.scale(contrast, contrast, contrast),
        _matrices.translation(*(3 * [0.2 * brightness])),
    )
    if gray:
        return matrix
    (hue,) = draw("hue", _symmetric)
    (saturation,) = draw("saturation", _power_of_two(1.0), otherwise=1.0)
    return _matrices.product(
        _matrices.saturation(saturation), _matrices.hue_rotation(jnp.pi * hue), matrix
    )


def _recolored(images: jax.Array, matrix: jax.Array) -> jax.Array:
    linear, shift = matrix[:, :3, :3], matrix[:, :3, 3]
    if images.shape[-1] == 1:  # Of a gray color, the mean of the new one.
        linear = linear.sum(2, keepdims=True).mean(1, keepdims=True)
        shift = shift.mean(1, keepdims=True)
    linear, shift = linear.astype(images.dtype), shift.astype(images.dtype)
    new = jnp.einsum("bhwc,bdc->bhwd", images, linear, precision="highest")
    return new + shift[:, None, None, :]


def _cut_out(draw: _Draws, images: jax.Array) -> jax.Array:
    # A hole that is nowhere, where it does not happen.
    center_x, center_y = draw("cutout", _unit, count=2, otherwise=9.0)

    def beside(center: jax.Array, side: int) -> jax.Array:
        place = (jnp.arange(side, dtype=jnp.float32) + 0.5) / side
        return jnp.abs(place[None] - center[:, None]) >= 0.25

    _, height, width, _ = images.shape
    kept = beside(center_y, height)[:, :, None] | beside(center_x, width)[:, None, :]
    return jnp.where(kept[..., None], images, jnp.zeros_like(images))
