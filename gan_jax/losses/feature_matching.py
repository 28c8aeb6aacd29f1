"""Feature matching: the generator matches statistics instead of fooling the discriminator."""

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks, _reductions


def feature_matching_loss(
    real_features: chex.Array, fake_features: chex.Array, *, axis_name: str | None = None
) -> jax.Array:
    """Squared distance of the mean features of real and of generated images.

    ``||E[f(x)] - E[f(G(z))]||^2``, where f is an intermediate layer of the discriminator and the
    expectations are means over the batch. Minimized by the generator, alone or next to an
    adversarial loss, against mode collapse and oscillation.

    Salimans et al., 2016, "Improved Techniques for Training GANs", arXiv:1606.03498, section 3.1.

    Args:
        real_features: floating point [N, ...], f of real images; wrap it in
            `jax.lax.stop_gradient` where it depends on what is trained.
        fake_features: floating point [M, ...], f of generated images.
        axis_name: mapped axis that the batch is divided over, as under `jax.pmap`; the means are
            then those of the whole batch.

    Returns:
        Scalar, float32 (float64 for float64 input), at least 0: a sum over all features.

    Raises:
        ValueError: if a dtype is not floating point, or the shapes differ beyond the first axis.

    Example:
        >>> import jax.numpy as jnp
        >>> real = jnp.array([[1.0, 0.0], [3.0, 0.0]])
        >>> fake = jnp.array([[0.0, 1.0], [0.0, 1.0]])
        >>> float(feature_matching_loss(real, fake))
        5.0
    """
    real = _checks.float_array(real_features, "real_features")
    fake = _checks.float_array(fake_features, "fake_features")
    if real.ndim < 2 or real.shape[1:] != fake.shape[1:]:
        raise ValueError(
            "real_features and fake_features must be [N, ...] and [M, ...] alike beyond the first "
            f"axis, got shapes {real.shape} and {fake.shape}"
        )
    real_mean = _reductions.batch_mean(real, axis_name, axis=0)
    fake_mean = _reductions.batch_mean(fake, axis_name, axis=0)
    return jnp.sum(jnp.square(real_mean - fake_mean))
