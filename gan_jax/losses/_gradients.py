"""Norms of a critic's gradient for its input, which all penalties are made of."""

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from gan_jax.losses import _checks

Critic = Callable[[jax.Array], jax.Array]


def as_samples(value: chex.Array, name: str) -> jax.Array:
    """Returns samples [B, ...] of two axes or more as float32, or as float64 if they are.

    Raises:
        ValueError: if they are not floating point, or have fewer axes.
    """
    samples = _checks.float_array(value, name)
    chex.assert_shape(
        samples,
        (None, None, ...),
        custom_message=f"{name} must be a batch of at least two axes [B, ...]",
        exception_type=ValueError,
    )
    return samples


def squared_norms(critic: Critic, samples: jax.Array) -> jax.Array:
    """Returns ||grad critic(x)||^2 [B] at each sample of [B, ...].

    Raises:
        ValueError: if the critic returns anything but floating-point logits [B, ...].
    """

    def summed_logits(inputs: jax.Array) -> jax.Array:
        logits = critic(inputs)
        if not isinstance(logits, jax.Array):
            raise ValueError(f"critic must return one array of logits, got {type(logits).__name__}")
        if logits.shape[:1] != inputs.shape[:1]:
            raise ValueError(
                "critic must return logits [B], [B, 1] or [B, h, w, 1] for samples "
                f"{list(inputs.shape)}, got shape {list(logits.shape)}"
            )
        return jnp.sum(_checks.float_array(logits, "logits of critic"))

    gradients = jax.grad(summed_logits)(samples)
    return jnp.sum(jnp.square(gradients), axis=tuple(range(1, gradients.ndim)))


def _safe_sqrt(squares: jax.Array) -> jax.Array:
    # The derivative of sqrt is infinite at zero, and the chain rule multiplies it by the zero
    # derivative of the square: inf * 0 = nan for every parameter of a critic that is flat at a
    # single sample (dead ReLUs, zero-initialized last layer). Selecting the root's *argument* as
    # well as its result keeps sqrt away from zero in the backward pass, so such a sample adds
    # exactly 0, a subgradient of the norm there, and no epsilon biases the other samples.
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1)), 0)


def distance_to_target(
    critic: Critic, samples: jax.Array, target: chex.Numeric, one_sided: bool
) -> jax.Array:
    """Returns E[(||grad critic(x)|| - target)^2] at samples [B, ...]; one-sided, only from above.

    Raises:
        ValueError: as `squared_norms`, or if the target is a negative number.
    """
    target = _checks.number(target, "target", low=0.0, dtype=samples.dtype)
    excess = _safe_sqrt(squared_norms(critic, samples)) - target
    return jnp.mean(jnp.square(jax.nn.relu(excess) if one_sided else excess))


def mixing_weights(alpha: chex.Array, samples: jax.Array) -> jax.Array:
    """Returns alpha [B] as [B, 1, ...], to broadcast against samples [B, ...].

    Raises:
        ValueError: if alpha is not floating point [B].
    """
    alpha = _checks.float_array(alpha, "alpha")
    chex.assert_shape(
        alpha,
        samples.shape[:1],
        custom_message="alpha must hold one weight per sample [B]",
        exception_type=ValueError,
    )
    return alpha.astype(samples.dtype).reshape(alpha.shape + (1,) * (samples.ndim - 1))
