"""Checks of images that run while JAX traces."""

import jax
import jax.numpy as jnp


def check_images(images: jax.Array) -> None:
    """Refuses what is not a batch of images.

    Args:
      images: Anything.

    Raises:
      ValueError: If it is not floating point [B, H, W, C].
    """
    if jnp.ndim(images) != 4 or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(
            f"images must be floating point [B, H, W, C], not {images.dtype} {list(images.shape)}"
        )
