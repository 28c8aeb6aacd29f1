"""The feedback of adaptive discriminator augmentation: p follows the signs of real logits."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp


def start_feedback(*, probability: float = 0.0) -> dict[str, jax.Array]:
    """What the feedback remembers, before the first update.

    Args:
      probability: p to begin with, at least 0.

    Returns:
      `{"probability": float32 [], "signs": float32 [], "updates": int32 []}`: p, the sum of the
      mean signs since p was last adjusted, and the number of updates since then.
    """
    return {
        "probability": jnp.float32(probability),
        "signs": jnp.float32(0.0),
        "updates": jnp.int32(0),
    }


def record_signs(
    memory: Mapping[str, jax.Array], real_logits: jax.Array, *, axis_name: str | None = None
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Counts an update of the discriminator.

    Args:
      memory: As `start_feedback` returns it.
      real_logits: Logits of real images [B, ...], augmented as the discriminator sees them.
      axis_name: Mapped axis that the batch is divided over, as under `jax.pmap`.

    Returns:
      (the memory, the mean sign float32 [] in [-1, 1]); of 0 the sign is 0.
    """
    sign = jnp.mean(jnp.sign(real_logits.astype(jnp.float32)))
    if axis_name is not None:
        sign = jax.lax.pmean(sign, axis_name)
    sign = jax.lax.stop_gradient(sign)
    new = {
        "probability": memory["probability"],
        "signs": memory["signs"] + sign,
        "updates": memory["updates"] + 1,
    }
    return new, sign


def adjust_probability(
    memory: Mapping[str, jax.Array], *, target: float, change: float, every: int
) -> dict[str, jax.Array]:
    """Moves p up or down after every so many updates of the discriminator.

    p <- max(p + change sign(E[sign(D(x))] - target), 0)

    The mean sign is that of all updates since p was last adjusted. It tells how far the
    discriminator has memorized the real images: 1 where it calls all of them real, 0 where it
    guesses. p is not limited above, where it only takes longer to come back.

    Args:
      memory: As `record_signs` returns it.
      target: The mean sign to hold; 0.6 in the paper.
      change: How far p moves at once; `images / (1000 kimg)`, where `images` are those of `every`
        updates and in `1000 kimg` images p goes from 0 to 1.
      every: Updates of the discriminator between two adjustments; 4 in the paper.

    Returns:
      The memory; the same one where no adjustment is due.

    Example:
      >>> import jax.numpy as jnp
      >>> from gan_jax import augmentations
      >>> memory = augmentations.start_feedback()
      >>> memory, _ = augmentations.record_signs(memory, jnp.array([2.0, 3.0]))
      >>> memory = augmentations.adjust_probability(memory, target=0.6, change=0.25, every=1)
      >>> float(memory["probability"])
      0.25

    References:
      Karras et al., Training Generative Adversarial Networks with Limited Data, 2020,
      arXiv:2006.06676, section 3.1, and its published code.
    """
    mean = memory["signs"] / jnp.maximum(memory["updates"], 1).astype(jnp.float32)
    moved = jnp.maximum(memory["probability"] + change * jnp.sign(mean - target), 0.0)
    adjusted = start_feedback() | {"probability": moved}
    due = memory["updates"] >= every
    return {name: jnp.where(due, adjusted[name], memory[name]) for name in adjusted}
