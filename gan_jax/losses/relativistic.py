"""Relativistic adversarial losses: the discriminator compares real with fake, not each alone.

The generator's losses therefore take real logits too.
"""

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks, _reductions


def _paired_difference(real_logits: chex.Array, fake_logits: chex.Array) -> jax.Array:
    real = _checks.float_array(real_logits, "real_logits")
    fake = _checks.float_array(fake_logits, "fake_logits")
    _checks.same_shape(real, fake, "real_logits and fake_logits")
    return real - fake


def relativistic_discriminator_loss(real_logits: chex.Array, fake_logits: chex.Array) -> jax.Array:
    """Discriminator's loss of the relativistic paired GAN (RpGAN).

    -E[log sigmoid(real - fake)] = E[softplus(fake - real)]

    The i-th real sample is compared with the i-th generated one. It equals log 2 where the
    discriminator cannot tell them apart.

    Args:
        real_logits: logits of real samples [B, ...].
        fake_logits: logits of generated samples [B, ...], the same shape.

    Returns:
        The loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point or their shapes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> loss = losses.relativistic_discriminator_loss(jnp.array([3.0]), jnp.array([1.0]))
        >>> print(f"{loss:.4f}")
        0.1269

    References:
        Jolicoeur-Martineau, The relativistic discriminator: a key element missing from standard
        GAN, 2018, arXiv:1807.00734, equation 10.
        Huang et al., The GAN is dead; long live the GAN! A Modern Baseline GAN, 2024,
        arXiv:2501.05441, which adds R1 and R2.
    """
    return jnp.mean(jax.nn.softplus(-_paired_difference(real_logits, fake_logits)))


def relativistic_generator_loss(real_logits: chex.Array, fake_logits: chex.Array) -> jax.Array:
    """Generator's loss of the relativistic paired GAN (RpGAN).

    -E[log sigmoid(fake - real)] = E[softplus(real - fake)]

    Args:
        real_logits: logits of real samples [B, ...].
        fake_logits: logits of generated samples [B, ...], the same shape.

    Returns:
        The loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point or their shapes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> loss = losses.relativistic_generator_loss(jnp.array([3.0]), jnp.array([1.0]))
        >>> print(f"{loss:.4f}")
        2.1269

    References:
        Jolicoeur-Martineau, The relativistic discriminator: a key element missing from standard
        GAN, 2018, arXiv:1807.00734, equation 11.
    """
    return jnp.mean(jax.nn.softplus(_paired_difference(real_logits, fake_logits)))


def _average_game(winner: jax.Array, loser: jax.Array, axis_name: str | None) -> jax.Array:
    winner_mean = _reductions.batch_mean(winner, axis_name)
    loser_mean = _reductions.batch_mean(loser, axis_name)
    return jnp.mean(jax.nn.softplus(loser_mean - winner)) + jnp.mean(
        jax.nn.softplus(loser - winner_mean)
    )


def relativistic_average_discriminator_loss(
    real_logits: chex.Array, fake_logits: chex.Array, *, axis_name: str | None = None
) -> jax.Array:
    """Discriminator's loss of the relativistic average GAN (RaGAN).

    -E[log sigmoid(real - E[fake])] - E[log(1 - sigmoid(fake - E[real]))]
    = E[softplus(E[fake] - real)] + E[softplus(fake - E[real])]

    Each sample is compared with the mean of the other kind, taken over samples and patches.

    Args:
        real_logits: logits of real samples [B, ...].
        fake_logits: logits of generated samples [B', ...].
        axis_name: mapped axis that the batch is divided over, as under `jax.pmap`; samples are
            then compared with the mean of the whole batch.

    Returns:
        The loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point or their shapes do not agree.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> loss = losses.relativistic_average_discriminator_loss(
        ...     jnp.array([2.0, 4.0]), jnp.array([1.0])
        ... )
        >>> print(f"{loss:.4f}")
        0.3079

    References:
        Jolicoeur-Martineau, The relativistic discriminator: a key element missing from standard
        GAN, 2018, arXiv:1807.00734, section 4.
    """
    real, fake = _checks.logits_pair(real_logits, fake_logits)
    return _average_game(real, fake, axis_name)


def relativistic_average_generator_loss(
    real_logits: chex.Array, fake_logits: chex.Array, *, axis_name: str | None = None
) -> jax.Array:
    """Generator's loss of the relativistic average GAN (RaGAN).

    -E[log sigmoid(fake - E[real])] - E[log(1 - sigmoid(real - E[fake]))]
    = E[softplus(E[real] - fake)] + E[softplus(real - E[fake])]

    Args:
        real_logits: logits of real samples [B, ...].
        fake_logits: logits of generated samples [B', ...].
        axis_name: mapped axis that the batch is divided over, as under `jax.pmap`; samples are
            then compared with the mean of the whole batch.

    Returns:
        The loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point or their shapes do not agree.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> loss = losses.relativistic_average_generator_loss(
        ...     jnp.array([2.0, 4.0]), jnp.array([1.0])
        ... )
        >>> print(f"{loss:.4f}")
        4.3079

    References:
        Jolicoeur-Martineau, The relativistic discriminator: a key element missing from standard
        GAN, 2018, arXiv:1807.00734, section 4.
    """
    real, fake = _checks.logits_pair(real_logits, fake_logits)
    return _average_game(fake, real, axis_name)
