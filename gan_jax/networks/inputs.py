"""What every network checks of its inputs while it is traced, and the arithmetic of its widths."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import layers
from gan_jax.ranges import Range

INITIALIZERS = {
    "dcgan": layers.dcgan_init,
    "he": layers.he_init,
    "orthogonal": layers.orthogonal_init,
}
CONDITIONINGS = ("concat", "projection")


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


def check_conditioning(name: str, conditioning: str) -> None:
    """Raises a ValueError unless a discriminator can be conditioned on the label in this way."""
    if conditioning not in CONDITIONINGS:
        known = " or ".join(repr(one) for one in CONDITIONINGS)
        raise ValueError(f"{name}: conditioning must be {known}, not {conditioning!r}")


def check_attention(name: str, side: int, sides: Sequence[int]) -> None:
    """Raises a ValueError unless `side` is 0 or the side of one of the network's maps."""
    if side and side not in sides:
        known = ", ".join(str(one) for one in sides)
        raise ValueError(f"{name}: attention must be the side of a map, {known}, or 0, not {side}")


def check_discriminator(
    module: Any,
    images: jax.Array,
    labels: jax.Array | None,
    normalizations: Sequence[str] = ("none", "batch", "spectral"),
) -> None:
    """Raises a ValueError unless a discriminator can take its settings, images and labels.

    Args:
        module: The network, with the fields image_size, channels, num_classes, normalization and
            conditioning.
        images: What it is given.
        labels: What it is given.
        normalizations: Those that it has.
    """
    name = type(module).__name__
    check_images(name, images, module.image_size, module.channels)
    check_labels(name, labels, module.num_classes, images.shape[0])
    check_normalization(name, module.normalization, normalizations)
    check_conditioning(name, module.conditioning)


def takes_label_with_image(module: Any) -> bool:
    """Whether a discriminator is given the label together with the image."""
    return module.num_classes > 0 and module.conditioning == "concat"


def with_label_plane(module: Any, images: jax.Array, labels: jax.Array | None) -> jax.Array:
    """Images [B, H, W, C] and the label's embedding as one more channel, [B, H, W, C + 1].

    The images alone where the discriminator does not take the label with them. To be called from
    within the module's compact method, whose embedding it is.
    """
    if not takes_label_with_image(module):
        return images
    _, height, width, _ = images.shape
    plane = layers.LabelEmbedding(module.num_classes, height * width, dtype=images.dtype)(labels)
    return jnp.concatenate([images, plane.reshape(-1, height, width, 1)], axis=3)


def with_projection(
    module: Any,
    logits: jax.Array,
    features: jax.Array,
    labels: jax.Array | None,
    *,
    embedding_init: nn.initializers.Initializer,
    spectral_norm: layers.SpectralNorm | None,
) -> jax.Array:
    """Float32 logits [B], plus the projection where a discriminator is conditioned by it.

    Features [B, ...] are flattened. To be called from within the module's compact method, whose
    embedding it is.
    """
    logits = logits.astype(jnp.float32)
    if not module.num_classes or module.conditioning != "projection":
        return logits
    projection = layers.Projection(
        module.num_classes, embedding_init=embedding_init, spectral_norm=spectral_norm
    )
    return logits + projection(features.reshape(len(features), -1), labels)


def check_normalization(
    name: str, normalization: str, known: Sequence[str] = ("none", "batch", "spectral")
) -> None:
    """Raises a ValueError unless the network has the normalization."""
    if normalization not in known:
        names = " or ".join(repr(one) for one in known)
        raise ValueError(f"{name}: normalization must be {names}, not {normalization!r}")


def spectral_norm(
    normalization: str, *, train: bool, epsilon: float = 1e-12
) -> layers.SpectralNorm | None:
    """How a network of this normalization normalizes its kernels."""
    if normalization != "spectral":
        return None
    return layers.SpectralNorm(update=train, epsilon=epsilon)


def initializer(name: str, initializer: str):
    """Returns the initializer of kernels by its name; raises a ValueError if there is none."""
    if initializer not in INITIALIZERS:
        raise ValueError(
            f"{name}: initializer must be one of {', '.join(INITIALIZERS)}, not {initializer!r}"
        )
    return INITIALIZERS[initializer]


def recipe_initializer(name: str, chosen: str):
    """Returns the initializer of kernels by its name; None for "recipe", the network's own.

    Raises:
        ValueError: There is none of this name.
    """
    return None if chosen == "recipe" else initializer(name, chosen)
