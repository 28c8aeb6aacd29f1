"""Optimizers of GAN recipes, all by optax; their numbers may change with the step."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from gan_jax.core.game import Optimizer
from gan_jax.core.schedule import Number, Schedule, is_constant, schedule
from gan_jax.names import check_name
from gan_jax.ranges import Range

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
_DECAYS, _NOT_NEGATIVE = Range(least=0.0, below=1.0), Range(least=0.0)


def clip_weights(bound: float) -> optax.GradientTransformation:
    """Keeps every parameter within [-bound, bound] (to a rounding), as the last link of a chain.

    The critic of "Wasserstein GAN" (Arjovsky et al. 2017, arXiv:1701.07875) is clipped after each
    update; as a transformation of the update the clipping needs no place of its own in the step.

    Raises:
      ValueError: If `bound` is not positive, or if `update` is called without `params`.
    """
    Range(above=0.0).check("the bound on weights", bound)

    def update(updates, state, params=None):
        if params is None:
            raise ValueError(
                "clip_weights needs the parameters: call update(updates, state, params)"
            )
        clipped = jax.tree.map(lambda u, p: jnp.clip(p + u, -bound, bound) - p, updates, params)
        return clipped, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def make_optimizer(
    name: str,
    learning_rate: Number,
    *,
    b1: float = 0.9,
    b2: Number = 0.999,
    weight_decay: float = 0.0,
    gradient_clip: float = 0.0,
    weight_clip: float = 0.0,
) -> Optimizer:
    """An optimizer of the GAN literature.

    Args:
      name: One of "adam", "adamw", "rmsprop", "sgd".
      learning_rate: A positive number or a `Schedule`.
      b1: Adam's decay of the first moment, or the momentum of "sgd"; "rmsprop" has none.
      b2: Adam's decay of the second moment, or that of "rmsprop"; a number or a `Schedule`.
      weight_decay: The weight decay of "adamw".
      gradient_clip: Global norm to clip gradients to; 0 for no clipping.
      weight_clip: Bound on every parameter after the update; 0 for none (`clip_weights`).

    Returns:
      An optax transformation; where a number is a `Schedule`, a function of the step that returns
      one. The schedule sees the game's steps and not the optimizer's updates: critic steps and
      lazy regularizers, which update more often, do not run it ahead.

    Raises:
      ValueError: If the name is unknown or a number is out of its range.
    """
    check_name("optimizer", name, OPTIMIZERS)
    for option, value, numbers in (
        ("learning_rate", learning_rate, Range(above=0.0)),
        ("b1", b1, _DECAYS),
        ("b2", b2, _DECAYS),
        ("weight_decay", weight_decay, _NOT_NEGATIVE),
        ("gradient_clip", gradient_clip, _NOT_NEGATIVE),
        ("weight_clip", weight_clip, _NOT_NEGATIVE),
    ):
        first = value.value if isinstance(value, Schedule) else value
        numbers.check(f"the optimizer's {option}", first)

    def at(step: int | jax.Array) -> optax.GradientTransformation:
        rate, decay = schedule(learning_rate, step), schedule(b2, step)
        optimizer = {
            "adam": lambda: optax.adam(rate, b1=b1, b2=decay),
            "adamw": lambda: optax.adamw(rate, b1=b1, b2=decay, weight_decay=weight_decay),
            # A clipped critic gives its opponent gradients of 1e-5 to 1e-4. Epsilon within the
            # root, optax's default, would damp them as if they were of size sqrt(1e-8).
            "rmsprop": lambda: optax.rmsprop(rate, decay=decay, eps_in_sqrt=False),
            "sgd": lambda: optax.sgd(rate, momentum=b1 or None),
        }[name]()
        links = [optimizer]
        if gradient_clip > 0.0:
            links.insert(0, optax.clip_by_global_norm(gradient_clip))
        if weight_clip > 0.0:
            links.append(clip_weights(weight_clip))
        return optax.chain(*links) if len(links) > 1 else optimizer

    constant = is_constant(learning_rate) and is_constant(b2)
    return at(0) if constant else at
