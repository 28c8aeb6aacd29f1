"""The hinge losses."""

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks


def hinge_discriminator_loss(real_logits: chex.Array, fake_logits: chex.Array) -> jax.Array:
    """Discriminator's hinge loss.

    E[max(0, 1 - real)] + E[max(0, 1 + fake)]

    Args:
        real_logits: logits of real samples [B, ...].
        fake_logits: logits of generated samples [B', ...].

    Returns:
        The loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point or their shapes do not agree.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> losses.hinge_discriminator_loss(jnp.array([0.5, 3.0]), jnp.array([-2.0, 0.0]))
        Array(0.75, dtype=float32)

    References:
        Lim and Ye, Geometric GAN, 2017, arXiv:1705.02894.
        Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018,
        arXiv:1802.05957, equation 16.
    """
    real, fake = _checks.logits_pair(real_logits, fake_logits)
    return jnp.mean(jax.nn.relu(1 - real)) + jnp.mean(jax.nn.relu(1 + fake))


def hinge_generator_loss(fake_logits: chex.Array) -> jax.Array:
    """Generator's loss that goes with the discriminator's hinge loss.

    -E[fake]

    Args:
        fake_logits: logits of generated samples [B, ...].

    Returns:
        The loss [], float32, of any sign.

    Raises:
        ValueError: if logits are not floating point.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> losses.hinge_generator_loss(jnp.array([1.0, 2.0]))
        Array(-1.5, dtype=float32)

    References:
        Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018,
        arXiv:1802.05957, equation 17.
    """
    return -jnp.mean(_checks.float_array(fake_logits, "fake_logits"))
