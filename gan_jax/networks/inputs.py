"""What every network checks of its inputs while it is traced, and the arithmetic of its widths."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import layers
from gan_jax.ranges import Range

INITIALIZERS = {"dcgan": layers.dcgan_init, "he": layers.he_init}


def check_latents(name: str, z: jax.Array) -> None:
    """Raises a ValueError unless z is [B, latent_dim] and floating."""
    if z.ndim != 2 or not jnp.issubdtype(z.dtype, jnp.floating):
        raise ValueError(
            f"{name}: latents must be a floating array [B, latent_dim], not {z.dtype} of shape "
            f"{z.shape}"
        )


def check_images(name: str, images: jax.Array, image_size: int, channels: int) -> None:
    """Raises a ValueError unless images are [B, image_size, image_size, channels] and floating."""
    expected = (image_size, image_size, channels)
    if images.ndim != 4 or images.shape[1:] != expected:
        raise ValueError(
            f"{name}: images must be [B, {image_size}, {image_size}, {channels}], not of shape "
            f"{images.shape}"
        )
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"{name}: images must be floating and in [-1, 1], not {images.dtype}: normalize them"
        )


def check_labels(name: str, labels: jax.Array | None, num_classes: int, batch: int) -> None:
    """Raises a ValueError unless labels are there exactly if `num_classes` > 0, [B] and integer.

    Values are checked where they are known: not while JAX traces.
    """
    if num_classes == 0:
        if labels is not None:
            raise ValueError(f"{name}: unconditional (num_classes=0), but it was given labels")
        return
    if labels is None:
        raise ValueError(f"{name}: conditional (num_classes={num_classes}), so it needs labels")
    if labels.shape != (batch,) or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(
            f"{name}: labels must be integers of shape ({batch},), one for each example, not "
            f"{labels.dtype} of shape {labels.shape}"
        )
    known = not isinstance(labels, jax.core.Tracer)
    if known and getattr(labels, "is_fully_addressable", True):
        values = np.asarray(labels)
        if wrong := sorted({*values[(values < 0) | (values >= num_classes)].tolist()}):
            raise ValueError(f"{name}: labels must be in 0..{num_classes - 1}, not {wrong[0]}")


def doublings(name: str, image_size: int, base_size: int) -> int:
    """Returns n with image_size = base_size * 2**n and n >= 1; raises a ValueError if none is."""
    ratio, remainder = divmod(image_size, base_size)
    if remainder or ratio < 2 or ratio & (ratio - 1):
        sizes = ", ".join(str(base_size * 2**n) for n in range(1, 5))
        raise ValueError(f"{name}: image_size must be one of {sizes}, ..., not {image_size}")
    return ratio.bit_length() - 1


def scale_width(features: int, width: float) -> int:
    """Returns `features` * `width`, rounded, and at least 4."""
    Range(above=0.0).check("width", width)
    return max(4, round(features * width))


def check_unconditional(name: str, num_classes: int) -> None:
    """Raises a ValueError if a network that has no conditional form is given classes."""
    if num_classes:
        raise ValueError(f"{name} is unconditional, it takes no labels of {num_classes} classes")


def check_normalization(
    name: str, normalization: str, known: Sequence[str] = ("none", "batch", "spectral")
) -> None:
    """Raises a ValueError unless the network has the normalization."""
    if normalization not in known:
        names = " or ".join(repr(one) for one in known)
        raise ValueError(f"{name}: normalization must be {names}, not {normalization!r}")


def spectral_norm(normalization: str, *, train: bool) -> layers.SpectralNorm | None:
    """How a discriminator of this normalization normalizes its kernels."""
    return layers.SpectralNorm(update=train) if normalization == "spectral" else None


def initializer(name: str, initializer: str):
    """Returns the initializer of kernels by its name; raises a ValueError if there is none."""
    if initializer not in INITIALIZERS:
        raise ValueError(
            f"{name}: initializer must be one of {', '.join(INITIALIZERS)}, not {initializer!r}"
        )
    return INITIALIZERS[initializer]
