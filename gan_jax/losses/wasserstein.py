"""Losses of the Wasserstein GAN."""

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks


def wasserstein_discriminator_loss(real_logits: chex.Array, fake_logits: chex.Array) -> jax.Array:
    """Critic's loss of the Wasserstein GAN.

    E[fake] - E[real]

    Minus this estimates the Wasserstein-1 distance, up to a constant factor, as long as the
    critic is kept Lipschitz: by clipping its weights or by `interpolated_gradient_penalty`.

    Args:
        real_logits: critic's outputs for real samples [B, ...].
        fake_logits: critic's outputs for generated samples [B', ...].

    Returns:
        The loss [], float32, of any sign.

    Raises:
        ValueError: if logits are not floating point or their shapes do not agree.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> losses.wasserstein_discriminator_loss(jnp.array([2.0, 3.0]), jnp.array([1.0, 0.0]))
        Array(-2., dtype=float32)

    References:
        Arjovsky et al., Wasserstein GAN, 2017, arXiv:1701.07875, algorithm 1.
    """
    real, fake = _checks.logits_pair(real_logits, fake_logits)
    return jnp.mean(fake) - jnp.mean(real)


def wasserstein_generator_loss(fake_logits: chex.Array) -> jax.Array:
    """Generator's loss of the Wasserstein GAN.

    -E[fake]

    Args:
        fake_logits: critic's outputs for generated samples [B, ...].

    Returns:
        The loss [], float32, of any sign.

    Raises:
        ValueError: if logits are not floating point.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> losses.wasserstein_generator_loss(jnp.array([1.0, 2.0]))
        Array(-1.5, dtype=float32)

    References:
        Arjovsky et al., Wasserstein GAN, 2017, arXiv:1701.07875, algorithm 1.
    """
    return -jnp.mean(_checks.float_array(fake_logits, "fake_logits"))
