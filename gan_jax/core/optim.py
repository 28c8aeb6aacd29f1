"""Optimizers and schedules of GAN recipes, all by optax."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax

from gan_jax.names import check_name

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "linear", "cosine")


def clip_weights(bound: float) -> optax.GradientTransformation:
    """Keeps every parameter within [-bound, bound] (to a rounding), as the last link of a chain.

    The critic of "Wasserstein GAN" (Arjovsky et al. 2017, arXiv:1701.07875) is clipped after each
    update; as a transformation of the update the clipping needs no place of its own in the step.

    Raises:
      ValueError: If `bound` is not positive, or if `update` is called without `params`.
    """
    if bound <= 0.0:
        raise ValueError(f"weights must be clipped to a positive bound, not {bound}")

    def update(updates, state, params=None):
        if params is None:
            raise ValueError(
                "clip_weights needs the parameters: call update(updates, state, params)"
            )
        clipped = jax.tree.map(lambda u, p: jnp.clip(p + u, -bound, bound) - p, updates, params)
        return clipped, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def make_schedule(
    name: str, learning_rate: float, *, decay_start: int, decay_steps: int, warmup_steps: int = 0
) -> optax.Schedule:
    """A learning rate for every update.

    Args:
      name: "constant", or "linear" or "cosine" decay to zero.
      learning_rate: The highest rate.
      decay_start: The update at which the decay begins.
      decay_steps: Updates from there to zero, at least 1.
      warmup_steps: Updates of linear warm-up from zero, before anything else.

    Raises:
      ValueError: If the name is unknown or a number is out of its range.
    """
    check_name("schedule", name, SCHEDULES)
    if learning_rate <= 0.0:
        raise ValueError(f"the learning rate must be positive, not {learning_rate}")
    if decay_steps < 1 or decay_start < 0 or warmup_steps < 0:
        raise ValueError(
            "a schedule wants decay_steps >= 1, decay_start >= 0 and warmup_steps >= 0, not "
            f"{decay_steps}, {decay_start} and {warmup_steps}"
        )
    if name == "linear":
        main = optax.linear_schedule(learning_rate, 0.0, decay_steps, decay_start)
    elif name == "cosine":
        main = optax.join_schedules(
            [
                optax.constant_schedule(learning_rate),
                optax.cosine_decay_schedule(learning_rate, decay_steps),
            ],
            [decay_start],
        )
    else:
        main = optax.constant_schedule(learning_rate)
    if not warmup_steps:
        return main
    warmup = optax.linear_schedule(0.0, learning_rate, warmup_steps)
    return lambda count: jnp.where(count < warmup_steps, warmup(count), main(count))


def make_optimizer(
    name: str,
    learning_rate: float | optax.Schedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    weight_decay: float = 0.0,
    gradient_clip: float = 0.0,
    weight_clip: float = 0.0,
) -> optax.GradientTransformation:
    """An optimizer of the GAN literature.

    Args:
      name: One of "adam", "adamw", "rmsprop", "sgd".
      learning_rate: A number or an optax schedule.
      b1: Adam's decay of the first moment, or the momentum of "sgd"; "rmsprop" has none.
      b2: Adam's decay of the second moment, or that of "rmsprop".
      weight_decay: Of "adamw".
      gradient_clip: Global norm to clip gradients to; 0 for no clipping.
      weight_clip: Bound on every parameter after the update; 0 for none (`clip_weights`).

    Raises:
      ValueError: If the name is unknown or a number is negative.
    """
    check_name("optimizer", name, OPTIMIZERS)
    for option, value in (
        ("weight_decay", weight_decay),
        ("gradient_clip", gradient_clip),
        ("weight_clip", weight_clip),
    ):
        if value < 0.0:
            raise ValueError(f"the optimizer's {option} must not be negative, as {value} is")
    optimizer = {
        "adam": lambda: optax.adam(learning_rate, b1=b1, b2=b2),
        "adamw": lambda: optax.adamw(learning_rate, b1=b1, b2=b2, weight_decay=weight_decay),
        # A clipped critic hands the generator gradients of 1e-5 to 1e-4. Epsilon within the root,
        # optax's default, would damp them as if they were of size sqrt(1e-8).
        "rmsprop": lambda: optax.rmsprop(learning_rate, decay=b2, eps_in_sqrt=False),
        "sgd": lambda: optax.sgd(learning_rate, momentum=b1 or None),
    }[name]()
    links = [optimizer]
    if gradient_clip > 0.0:
        links.insert(0, optax.clip_by_global_norm(gradient_clip))
    if weight_clip > 0.0:
        links.append(clip_weights(weight_clip))
    return optax.chain(*links) if len(links) > 1 else optimizer
