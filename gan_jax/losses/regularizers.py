"""Regularization of a discriminator that sees few images, and top-k training of the generator."""

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks


def lecam_regularizer(
    real_logits: chex.Array,
    fake_logits: chex.Array,
    *,
    real_mean: chex.Numeric,
    fake_mean: chex.Numeric,
) -> jax.Array:
    """LeCam: logits that are further from the other kind's running mean cost more.

    E[max(0, real - fake_mean)^2] + E[max(0, real_mean - fake)^2]

    Added to the discriminator's loss, with the weight 0.3 in the published code.

    Args:
        real_logits: logits of real samples [B, ...].
        fake_logits: logits of generated samples [B', ...].
        real_mean: running mean of the logits of real samples []; no gradient goes through it.
        fake_mean: running mean of the logits of generated samples []; no gradient goes through it.

    Returns:
        The unweighted regularizer [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point or their shapes do not agree, or a mean is not
            a scalar.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> real, fake = jnp.array([1.0, 3.0]), jnp.array([-2.0, 2.0])
        >>> losses.lecam_regularizer(real, fake, real_mean=1.0, fake_mean=-1.0)
        Array(14.5, dtype=float32)

    References:
        Tseng et al., Regularizing Generative Adversarial Networks under Limited Data, 2021,
        arXiv:2104.03310, and its published code.
    """
    real, fake = _checks.logits_pair(real_logits, fake_logits)
    real_mean = _checks.number(real_mean, "real_mean", dtype=real.dtype)
    fake_mean = _checks.number(fake_mean, "fake_mean", dtype=real.dtype)
    above = jax.nn.relu(real - jax.lax.stop_gradient(fake_mean))
    below = jax.nn.relu(jax.lax.stop_gradient(real_mean) - fake)
    return jnp.mean(jnp.square(above)) + jnp.mean(jnp.square(below))


def consistency_loss(logits: chex.Array, transformed_logits: chex.Array) -> jax.Array:
    """Consistency regularization: the logits of an image and of its transform should agree.

    E[(D(x) - D(T(x)))^2]

    Of real images it is CR, of real and of generated ones bCR; the weight is 10 in the papers. T is
    a flip and a shift by a few pixels. Gradients go through both logits.

    Args:
        logits: D(x) [B, ...].
        transformed_logits: D(T(x)) [B, ...], in the same order.

    Returns:
        The unweighted loss [], float32, at least 0.

    Raises:
        ValueError: if logits are not floating point, or of different shapes.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> losses.consistency_loss(jnp.array([1.0, 2.0]), jnp.array([3.0, 1.0]))
        Array(2.5, dtype=float32)

    References:
        Zhang et al., Consistency Regularization for Generative Adversarial Networks, 2020,
        arXiv:1910.12027.
        Zhao et al., Improved Consistency Regularization for GANs, 2021, arXiv:2002.04724 (bCR).
    """
    first = _checks.float_array(logits, "logits")
    second = _checks.float_array(transformed_logits, "transformed_logits")
    _checks.same_shape(first, second, "logits and transformed_logits")
    return jnp.mean(jnp.square(first - second))


def top_k_mean(
    values: chex.Array,
    fake_logits: chex.Array,
    share: chex.Numeric,
    *,
    axis_name: str | None = None,
) -> jax.Array:
    """Mean over the generated samples that the discriminator finds the most real.

    For top-k training: the generator learns from the k = round(share B) samples of the highest
    logits alone, at least one. Of equal logits the first count.

    Args:
        values: what to average [B], the generator's loss of each sample.
        fake_logits: logits of the same samples [B]; no gradient goes through their order.
        share: k / B [], in (0, 1]; an array where it changes while training.
        axis_name: mapped axis that the batch is divided over, as under `jax.pmap`; the k samples
            are then of the whole batch, and the mean of the devices' results is its result.

    Returns:
        The mean [], float32.

    Raises:
        ValueError: if arrays are not floating point [B], or `share` is a number outside of [0, 1].

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> logits = jnp.array([0.5, -1.0, 3.0, 1.0])
        >>> losses.top_k_mean(-logits, logits, 0.5)
        Array(-2., dtype=float32)

    References:
        Sinha et al., Top-k Training of GANs: Improving GAN Performance by Throwing Away Bad
        Samples, 2020, arXiv:2002.06224.
    """
    values = _checks.float_array(values, "values")
    logits = jax.lax.stop_gradient(_checks.float_array(fake_logits, "fake_logits"))
    _checks.same_shape(values, logits, "values and fake_logits")
    if values.ndim != 1:
        raise ValueError(f"values and fake_logits must be [B], got shape {values.shape}")
    share = _checks.number(share, "share", low=0.0, high=1.0, dtype=values.dtype)
    first, everywhere = 0, logits
    if axis_name is not None:
        everywhere = jax.lax.all_gather(logits, axis_name, tiled=True)
        first = jax.lax.axis_index(axis_name) * logits.size
    kept = jnp.maximum(jnp.round(share * everywhere.size), 1.0)
    ranks = jnp.argsort(jnp.argsort(-everywhere, stable=True), stable=True)
    own = jax.lax.dynamic_slice(ranks, (first,), logits.shape)
    devices = everywhere.size // logits.size
    return devices * jnp.sum(jnp.where(own < kept, values, 0.0)) / kept
