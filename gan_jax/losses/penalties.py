"""Gradient penalties on a critic given as a plain function of its input.

Conventions that hold for every function here:

* `critic` maps samples [B, ...] to logits [B], [B, 1] or, for a PatchGAN, [B, h, w, 1]. Close
  over parameters, labels and randomness before passing it:
  `critic=lambda images: network.apply(variables, images, labels, train=True)`.
* The gradient is that of the critic's outputs summed over the batch, so it holds each sample's
  own gradient only where samples do not influence each other. Batch normalization in the critic
  couples them, and the penalty then no longer constrains the gradient at each sample: use none,
  or layer or instance normalization (Gulrajani et al. 2017, section 4). For a PatchGAN the
  gradient is that of the sum over a sample's patches.
* Samples are floating point of any rank from 2 up, [B, ...]: images [B, H, W, C], points [B, d].
  They reach the critic as float32 (float64 if they are float64) even if they are bfloat16, and
  norms, means and results are in that dtype. What the critic computes in is its own affair.
* Results are unweighted: multiply by the papers' coefficients yourself (10 for the interpolated
  penalty, gamma for R1 and R2).
* Shapes and dtypes are checked while tracing; a violation raises ValueError. Functions are pure,
  work under `jax.jit` and `jax.vmap`, and can be differentiated in whatever the critic closes over.
"""

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks, _gradients, _reductions
from gan_jax.losses._gradients import Critic


def interpolate(real: chex.Array, fake: chex.Array, alpha: chex.Array) -> jax.Array:
    """Points on the straight lines from real samples to generated ones.

    real + alpha (fake - real), one alpha per sample

    Args:
        real: real samples [B, ...].
        fake: generated samples [B, ...], the same shape.
        alpha: position on each line [B], 0 at `real` and 1 at `fake`.

    Returns:
        The points [B, ...], float32.

    Raises:
        ValueError: if an argument is not floating point, has fewer axes than two, or the shapes
            do not agree.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> losses.interpolate(jnp.zeros((2, 1)), jnp.ones((2, 1)), jnp.array([0.25, 1.0]))
        Array([[0.25],
               [1.  ]], dtype=float32)

    References:
        Gulrajani et al., Improved Training of Wasserstein GANs, 2017, arXiv:1704.00028.
    """
    real = _gradients.as_samples(real, "real")
    fake = _gradients.as_samples(fake, "fake")
    _checks.same_shape(real, fake, "real and fake")
    return real + _gradients.mixing_weights(alpha, real) * (fake - real)


def interpolated_gradient_penalty(
    critic: Critic,
    real: chex.Array,
    fake: chex.Array,
    *,
    key: chex.PRNGKey | None = None,
    alpha: chex.Array | None = None,
    target: chex.Numeric = 1.0,
    one_sided: bool = False,
) -> jax.Array:
    """Gradient penalty between real and generated samples, as in WGAN-GP.

    E[(||grad critic(x)|| - target)^2] at x = real + alpha (fake - real)

    One-sided, only norms above the target are penalized: E[max(0, ||grad critic(x)|| - target)^2]
    (WGAN-LP). With target 0 it is the zero-centered penalty on interpolates.

    Args:
        critic: samples [B, ...] -> logits [B], [B, 1] or [B, h, w, 1]; see the module's notes,
            on batch normalization in particular.
        real: real samples [B, ...].
        fake: generated samples [B, ...], the same shape.
        key: draws one alpha per sample uniformly from [0, 1). Give either `key` or `alpha`.
        alpha: the weights themselves [B], in [0, 1], for callers who carry their noise.
        target: norm wanted, at least 0; 1 in WGAN-GP.
        one_sided: whether norms below the target go free.

    Returns:
        The unweighted penalty [], float32, at least 0. WGAN-GP multiplies it by 10.

    Raises:
        ValueError: if neither or both of `key` and `alpha` are given, shapes do not agree,
            samples or logits are not floating point, the critic's output is not per sample, or
            `target` is a negative number.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> critic = lambda points: points @ jnp.array([3.0, 4.0])  # gradient norm 5 everywhere
        >>> real, fake, alpha = jnp.zeros((8, 2)), jnp.ones((8, 2)), jnp.linspace(0, 1, 8)
        >>> losses.interpolated_gradient_penalty(critic, real, fake, alpha=alpha)
        Array(16., dtype=float32)

    References:
        Gulrajani et al., Improved Training of Wasserstein GANs, 2017, arXiv:1704.00028.
        Petzka et al., On the Regularization of Wasserstein GANs, 2018, arXiv:1709.08894
        (one-sided).
        Thanh-Tung et al., Improving Generalization and Stability of Generative Adversarial
        Networks, 2019, arXiv:1902.03984 (target 0).
    """
    if (key is None) == (alpha is None):
        raise ValueError("give exactly one of key and alpha")
    if alpha is None:
        alpha = jax.random.uniform(key, jnp.shape(real)[:1])
    return _gradients.distance_to_target(critic, interpolate(real, fake, alpha), target, one_sided)


def r1_penalty(critic: Critic, real: chex.Array) -> jax.Array:
    """R1: zero-centered gradient penalty at real samples.

    1/2 E[||grad critic(x)||^2] at x = real

    Args:
        critic: samples [B, ...] -> logits [B], [B, 1] or [B, h, w, 1]; see the module's notes.
        real: real samples [B, ...].

    Returns:
        The unweighted penalty [], float32, at least 0. The paper multiplies it by gamma.

    Raises:
        ValueError: if samples or logits are not floating point, samples have fewer axes than
            two, or the critic's output is not per sample.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> critic = lambda points: points @ jnp.array([3.0, 4.0])  # gradient norm 5 everywhere
        >>> losses.r1_penalty(critic, jnp.zeros((8, 2)))
        Array(12.5, dtype=float32)

    References:
        Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018,
        arXiv:1801.04406, equation 9.
    """
    return 0.5 * jnp.mean(_gradients.squared_norms(critic, _gradients.as_samples(real, "real")))


def r2_penalty(critic: Critic, fake: chex.Array) -> jax.Array:
    """R2: zero-centered gradient penalty at generated samples.

    1/2 E[||grad critic(x)||^2] at x = fake

    Args:
        critic: samples [B, ...] -> logits [B], [B, 1] or [B, h, w, 1]; see the module's notes.
        fake: generated samples [B, ...].

    Returns:
        The unweighted penalty [], float32, at least 0. The papers multiply it by gamma.

    Raises:
        ValueError: if samples or logits are not floating point, samples have fewer axes than
            two, or the critic's output is not per sample.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> critic = lambda points: jnp.sum(points**2, axis=-1)  # gradient 2 x
        >>> losses.r2_penalty(critic, jnp.ones((8, 2)))
        Array(4., dtype=float32)

    References:
        Mescheder et al., Which Training Methods for GANs do actually Converge?, 2018,
        arXiv:1801.04406, equation 10.
    """
    return 0.5 * jnp.mean(_gradients.squared_norms(critic, _gradients.as_samples(fake, "fake")))


def dragan_penalty(
    critic: Critic,
    real: chex.Array,
    *,
    key: chex.PRNGKey | None = None,
    noise: chex.Array | None = None,
    alpha: chex.Array | None = None,
    noise_scale: chex.Numeric = 0.5,
    target: chex.Numeric = 1.0,
    one_sided: bool = False,
    axis_name: str | None = None,
) -> jax.Array:
    """DRAGAN: gradient penalty in a neighborhood of the real samples.

    E[(||grad critic(x)|| - target)^2] at x = real + alpha noise_scale std(real) noise

    std(real) is one number, the population standard deviation over the whole batch. Uniform noise
    and interpolation towards the perturbed sample follow the authors' published code. The penalty
    uses no generated sample.

    Args:
        critic: samples [B, ...] -> logits [B], [B, 1] or [B, h, w, 1]; see the module's notes.
        real: real samples [B, ...].
        key: draws `noise` and `alpha`, both uniform in [0, 1). Give either `key`, or `noise` and
            `alpha` both.
        noise: the noise itself [B, ...], the shape of `real`, for callers who carry their noise.
        alpha: position between real and perturbed [B], in [0, 1].
        noise_scale: size of the neighborhood in standard deviations, at least 0.
        target: norm wanted, at least 0.
        one_sided: whether norms below the target go free.
        axis_name: mapped axis that the batch is divided over, as under `jax.pmap`; the standard
            deviation is then that of the whole batch.

    Returns:
        The unweighted penalty [], float32, at least 0. The paper multiplies it by 10.

    Raises:
        ValueError: if neither or both of `key` and (`noise`, `alpha`) are given, shapes do not
            agree, samples or logits are not floating point, the critic's output is not per
            sample, or `noise_scale` or `target` is a negative number.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> critic = lambda points: points @ jnp.array([3.0, 4.0])  # gradient norm 5 everywhere
        >>> losses.dragan_penalty(critic, jnp.eye(2), key=jax.random.key(0))
        Array(16., dtype=float32)

    References:
        Kodali et al., On Convergence and Stability of GANs, 2017, arXiv:1705.07215.
    """
    drawn_here = noise is None and alpha is None
    if (key is None) == drawn_here or (noise is None) != (alpha is None):
        raise ValueError("give either key, or both noise and alpha")
    real = _gradients.as_samples(real, "real")
    noise_scale = _checks.number(noise_scale, "noise_scale", low=0.0, dtype=real.dtype)
    if drawn_here:
        noise_key, alpha_key = jax.random.split(key)
        noise = jax.random.uniform(noise_key, real.shape, real.dtype)
        alpha = jax.random.uniform(alpha_key, real.shape[:1], real.dtype)
    noise = _gradients.as_samples(noise, "noise").astype(real.dtype)
    _checks.same_shape(real, noise, "real and noise")
    perturbed = real + noise_scale * _reductions.batch_std(real, axis_name) * noise
    return _gradients.distance_to_target(
        critic, interpolate(real, perturbed, alpha), target, one_sided
    )
