"""Bounds on what an image tells of its label or codes: negative log-likelihoods of a guess.

Of a code c with entropy H(c), guessed from the image by Q,
``I(c; G(z, c)) >= H(c) + E[log Q(c|x)]`` (Chen et al., 2016, "InfoGAN", arXiv:1606.03657, equation
4). The entropy does not depend on the networks, so to maximize the bound is to minimize these
losses.
"""

import math

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks


def categorical_cross_entropy(logits: chex.Array, labels: chex.Array) -> jax.Array:
    """Cross-entropy of a guess of categories: E[-log softmax(logits)[label]].

    The loss of a categorical code (Chen et al., 2016, "InfoGAN", arXiv:1606.03657), and of the
    auxiliary classifier of AC-GAN (Odena et al., 2017, arXiv:1610.09585).

    Args:
        logits: floating point [..., K], one for each category.
        labels: integers [...] in [0, K); what is outside is not found out, and gives NaN.

    Returns:
        The loss [], float32, at least 0, in nats: log K where all logits are alike.

    Raises:
        ValueError: if a dtype is wrong, or the shapes do not agree.

    Example:
        >>> import jax.numpy as jnp
        >>> logits = jnp.array([[0.0, 0.0], [0.0, 2.0]])
        >>> print(f"{categorical_cross_entropy(logits, jnp.array([0, 1])):.4f}")
        0.4100
    """
    logits = _checks.float_array(logits, "logits")
    labels = jnp.asarray(labels)
    chex.assert_type(
        labels, int, custom_message="labels must be integers", exception_type=ValueError
    )
    if logits.shape[:-1] != labels.shape or not logits.ndim:
        raise ValueError(
            f"logits and labels must be [..., K] and [...], got shapes {logits.shape} and "
            f"{labels.shape}"
        )
    # No gather, whose gradient is a scatter: on a GPU its sums come in no fixed order.
    chosen = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)
    log_likelihood = jnp.sum(jnp.where(chosen, jax.nn.log_softmax(logits), 0.0), axis=-1)
    known = jnp.any(chosen, axis=-1)
    return jnp.mean(jnp.where(known, -log_likelihood, jnp.nan))


def gaussian_negative_log_likelihood(
    targets: chex.Array, mean: chex.Array, *, log_std: chex.Array | None = None
) -> jax.Array:
    """Negative log-likelihood of numbers under independent normal distributions.

    E[sum over the last axis of (t - m)^2 / (2 s^2) + log s + log(2 pi) / 2]

    With the standard deviation fixed to 1, as in InfoGAN's code, it is half the squared error and a
    constant. A predicted one, `log_std`, is not bounded from below: a guess that is nearly exact
    has an ever steeper likelihood.

    Chen et al., 2016, "InfoGAN", arXiv:1606.03657.

    Args:
        targets: floating point [..., K], K codes of each image.
        mean: floating point [..., K], their guesses.
        log_std: floating point [..., K], logarithms of the standard deviations; None for 1.

    Returns:
        The loss [], float32, in nats: a mean over images of a sum over codes.

    Raises:
        ValueError: if a dtype is not floating point, or the shapes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> zeros, ones = jnp.zeros((2, 1)), jnp.ones((2, 1))
        >>> print(f"{gaussian_negative_log_likelihood(ones, zeros):.4f}")
        1.4189
        >>> print(f"{gaussian_negative_log_likelihood(ones, zeros, log_std=ones):.4f}")
        1.9866
    """
    targets, mean = _checks.float_array(targets, "targets"), _checks.float_array(mean, "mean")
    _checks.same_shape(targets, mean, "targets and mean")
    if not mean.ndim:
        raise ValueError("targets and mean must be [..., K], they have no axes")
    terms = jnp.square(targets - mean) / 2
    if log_std is not None:
        log_std = _checks.float_array(log_std, "log_std")
        _checks.same_shape(mean, log_std, "mean and log_std")
        terms = terms * jnp.exp(-2 * log_std) + log_std
    return jnp.mean(jnp.sum(terms + math.log(2 * math.pi) / 2, axis=-1))
