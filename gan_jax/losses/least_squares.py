"""Losses of the least squares GAN."""

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks


def least_squares_discriminator_loss(
    real_logits: chex.Array,
    fake_logits: chex.Array,
    *,
    real_target: chex.Numeric = 1.0,
    fake_target: chex.Numeric = 0.0,
) -> jax.Array:
    """Discriminator's loss of LSGAN.

    1/2 E[(real - real_target)^2] + 1/2 E[(fake - fake_target)^2]

    The paper's (a, b, c) are (fake_target, real_target, the generator's target): (0, 1, 1) by
    default, and (-1, 1, 0) makes the game minimize the Pearson chi-squared divergence.

    Args:
        real_logits: outputs for real samples [B, ...]; no sigmoid is applied.
        fake_logits: outputs for generated samples [B', ...].
        real_target: output wanted for real samples, any finite value.
        fake_target: output wanted for generated samples, any finite value.

    Returns:
        The loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point or their shapes do not agree, or a target is
            a number that is not finite.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> losses.least_squares_discriminator_loss(jnp.array([1.0, 3.0]), jnp.array([0.0, 1.0]))
        Array(1.25, dtype=float32)

    References:
        Mao et al., Least Squares Generative Adversarial Networks, 2017, arXiv:1611.04076,
        equation 2.
    """
    real, fake = _checks.logits_pair(real_logits, fake_logits)
    real_error = real - _checks.number(real_target, "real_target", dtype=real.dtype)
    fake_error = fake - _checks.number(fake_target, "fake_target", dtype=fake.dtype)
    return 0.5 * jnp.mean(jnp.square(real_error)) + 0.5 * jnp.mean(jnp.square(fake_error))


def least_squares_generator_loss(
    fake_logits: chex.Array, *, target: chex.Numeric = 1.0
) -> jax.Array:
    """Generator's loss of LSGAN.

    1/2 E[(fake - target)^2]

    Args:
        fake_logits: outputs for generated samples [B, ...]; no sigmoid is applied.
        target: output the generator wants for its samples, any finite value.

    Returns:
        The loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point, or `target` is a number that is not
            finite.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> losses.least_squares_generator_loss(jnp.array([0.0, 3.0]))
        Array(1.25, dtype=float32)

    References:
        Mao et al., Least Squares Generative Adversarial Networks, 2017, arXiv:1611.04076,
        equation 2.
    """
    fake = _checks.float_array(fake_logits, "fake_logits")
    target = _checks.number(target, "target", dtype=fake.dtype)
    return 0.5 * jnp.mean(jnp.square(fake - target))
