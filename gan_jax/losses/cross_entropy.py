"""Losses of a discriminator that estimates probabilities: minimax and non-saturating."""

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks


def _binary_cross_entropy(logits: jax.Array, label: chex.Numeric) -> jax.Array:
    # softplus(x) = log(1 + exp(x)) = -log(1 - sigmoid(x)), evaluated without forming exp of a
    # large number. Both terms are non-negative, so nothing cancels.
    return jnp.mean(label * jax.nn.softplus(-logits) + (1 - label) * jax.nn.softplus(logits))


def minimax_discriminator_loss(real_logits: chex.Array, fake_logits: chex.Array) -> jax.Array:
    """Discriminator's loss in the original minimax game.

    -E[log D(x)] - E[log(1 - D(G(z)))] = E[softplus(-real)] + E[softplus(fake)]

    The game's value is the negative of this. It equals 2 log 2 where the discriminator cannot
    tell real from fake (all logits zero).

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
        >>> loss = losses.minimax_discriminator_loss(jnp.array([0.0, 2.0]), jnp.array([0.0, -2.0]))
        >>> print(f"{loss:.4f}")
        0.8201

    References:
        Goodfellow et al., Generative Adversarial Networks, 2014, arXiv:1406.2661, equation 1.
    """
    real, fake = _checks.logits_pair(real_logits, fake_logits)
    return _binary_cross_entropy(real, 1.0) + _binary_cross_entropy(fake, 0.0)


def minimax_generator_loss(fake_logits: chex.Array) -> jax.Array:
    """Generator's loss in the original minimax game, which saturates.

    E[log(1 - D(G(z)))] = -E[softplus(fake)]

    Its gradient vanishes where the discriminator is sure that a sample is generated (very
    negative logits); `non_saturating_generator_loss` is the usual remedy.

    Args:
        fake_logits: logits of generated samples [B, ...].

    Returns:
        The loss [], float32, at most 0 and unbounded below.

    Raises:
        ValueError: if logits are not floating point.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> print(f"{losses.minimax_generator_loss(jnp.array([0.0, 2.0])):.4f}")
        -1.4100

    References:
        Goodfellow et al., Generative Adversarial Networks, 2014, arXiv:1406.2661, equation 1.
    """
    return -_binary_cross_entropy(_checks.float_array(fake_logits, "fake_logits"), 0.0)


def non_saturating_discriminator_loss(
    real_logits: chex.Array,
    fake_logits: chex.Array,
    *,
    real_label: chex.Numeric = 1.0,
    fake_label: chex.Numeric = 0.0,
) -> jax.Array:
    """Binary cross-entropy of the discriminator, with label smoothing.

    BCE(real, real_label) + BCE(fake, fake_label), where
    BCE(x, y) = E[y softplus(-x) + (1 - y) softplus(x)]

    With the default labels this is `minimax_discriminator_loss`. `real_label=0.9` is one-sided
    smoothing (Salimans et al. 2016), which keeps the discriminator from growing sure of real
    samples. A positive `fake_label` moves the optimal discriminator to
    (real_label p_data + fake_label p_G) / (p_data + p_G), which can hold generated samples where
    they are; the paper advises against it, some DCGAN recipes use 0.1.

    Args:
        real_logits: logits of real samples [B, ...].
        fake_logits: logits of generated samples [B', ...].
        real_label: probability the discriminator is to give real samples, in [0, 1].
        fake_label: probability the discriminator is to give generated samples, in [0, 1].

    Returns:
        The loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point, their shapes do not agree, or a label is a
            number outside [0, 1].

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> loss = losses.non_saturating_discriminator_loss(
        ...     jnp.array([0.0, 2.0]), jnp.array([0.0, -2.0]), real_label=0.9
        ... )
        >>> print(f"{loss:.4f}")
        0.9201

    References:
        Goodfellow et al., Generative Adversarial Networks, 2014, arXiv:1406.2661.
        Salimans et al., Improved Techniques for Training GANs, 2016, arXiv:1606.03498, section
        3.4.
    """
    real, fake = _checks.logits_pair(real_logits, fake_logits)
    real_label = _checks.number(real_label, "real_label", low=0.0, high=1.0, dtype=real.dtype)
    fake_label = _checks.number(fake_label, "fake_label", low=0.0, high=1.0, dtype=fake.dtype)
    return _binary_cross_entropy(real, real_label) + _binary_cross_entropy(fake, fake_label)


def non_saturating_generator_loss(
    fake_logits: chex.Array, *, label: chex.Numeric = 1.0
) -> jax.Array:
    """Generator's loss with strong gradients where the discriminator wins.

    -E[log D(G(z))] = E[softplus(-fake)] for label 1; BCE(fake, label) in general.

    Args:
        fake_logits: logits of generated samples [B, ...].
        label: probability the generator wants its samples to be given, in [0, 1].

    Returns:
        The loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point, or `label` is a number outside
            [0, 1].

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> print(f"{losses.non_saturating_generator_loss(jnp.array([0.0, 2.0])):.4f}")
        0.4100

    References:
        Goodfellow et al., Generative Adversarial Networks, 2014, arXiv:1406.2661, section 3.
    """
    fake = _checks.float_array(fake_logits, "fake_logits")
    label = _checks.number(label, "label", low=0.0, high=1.0, dtype=fake.dtype)
    return _binary_cross_entropy(fake, label)


def discriminator_probabilities(logits: chex.Array) -> jax.Array:
    """Probability the discriminator gives each sample, the D(x) and D(G(z)) that GAN logs plot.

    D(x) = sigmoid(logits); the mean of the result is the customary summary.

    Args:
        logits: logits [...] of any shape.

    Returns:
        Probabilities [...] in [0, 1], float32.

    Raises:
        ValueError: if logits are not floating point.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> losses.discriminator_probabilities(jnp.array([0.0, 100.0]))
        Array([0.5, 1. ], dtype=float32)

    References:
        Goodfellow et al., Generative Adversarial Networks, 2014, arXiv:1406.2661.
    """
    return jax.nn.sigmoid(_checks.float_array(logits, "logits"))
