"""Both players' adversarial losses under one name, for whoever chooses them by a setting."""

import functools
import inspect
from collections.abc import Callable
from typing import NamedTuple

import chex
import jax

from gan_jax.losses import (
    _checks,
    cross_entropy,
    hinge,
    least_squares,
    relativistic,
    wasserstein,
)
from gan_jax.names import check_name


class AdversarialLoss(NamedTuple):
    """The two sides of one adversarial game, called alike whatever the game.

    Attributes:
        discriminator: (real_logits [B, ...], fake_logits [B, ...]) -> loss [], float32.
        generator: (real_logits [B, ...], fake_logits [B, ...]) -> loss [], float32.
        generator_needs_real: whether `generator` reads real_logits. If False they may be None,
            and the discriminator need not be run on real samples in the generator's step.
    """

    discriminator: Callable[[chex.Array, chex.Array], jax.Array]
    generator: Callable[[chex.Array | None, chex.Array], jax.Array]
    generator_needs_real: bool


def _from_fake(
    generator_loss: Callable[[chex.Array], jax.Array],
) -> Callable[[chex.Array | None, chex.Array], jax.Array]:
    def generator(real_logits: chex.Array | None, fake_logits: chex.Array) -> jax.Array:
        del real_logits
        return generator_loss(fake_logits)

    return generator


def _minimax() -> AdversarialLoss:
    return AdversarialLoss(
        cross_entropy.minimax_discriminator_loss,
        _from_fake(cross_entropy.minimax_generator_loss),
        generator_needs_real=False,
    )


def _non_saturating(
    *,
    real_label: chex.Numeric = 1.0,
    fake_label: chex.Numeric = 0.0,
    generator_label: chex.Numeric = 1.0,
) -> AdversarialLoss:
    # Checked here as well, so that a wrong setting fails before anything is traced.
    _checks.number(real_label, "real_label", low=0.0, high=1.0)
    _checks.number(fake_label, "fake_label", low=0.0, high=1.0)
    _checks.number(generator_label, "generator_label", low=0.0, high=1.0)
    return AdversarialLoss(
        lambda real, fake: cross_entropy.non_saturating_discriminator_loss(
            real, fake, real_label=real_label, fake_label=fake_label
        ),
        _from_fake(
            lambda fake: cross_entropy.non_saturating_generator_loss(fake, label=generator_label)
        ),
        generator_needs_real=False,
    )


def _least_squares(
    *,
    real_target: chex.Numeric = 1.0,
    fake_target: chex.Numeric = 0.0,
    generator_target: chex.Numeric = 1.0,
) -> AdversarialLoss:
    _checks.number(real_target, "real_target")
    _checks.number(fake_target, "fake_target")
    _checks.number(generator_target, "generator_target")
    return AdversarialLoss(
        lambda real, fake: least_squares.least_squares_discriminator_loss(
            real, fake, real_target=real_target, fake_target=fake_target
        ),
        _from_fake(
            lambda fake: least_squares.least_squares_generator_loss(fake, target=generator_target)
        ),
        generator_needs_real=False,
    )


def _hinge() -> AdversarialLoss:
    return AdversarialLoss(
        hinge.hinge_discriminator_loss,
        _from_fake(hinge.hinge_generator_loss),
        generator_needs_real=False,
    )


def _wasserstein() -> AdversarialLoss:
    return AdversarialLoss(
        wasserstein.wasserstein_discriminator_loss,
        _from_fake(wasserstein.wasserstein_generator_loss),
        generator_needs_real=False,
    )


def _relativistic() -> AdversarialLoss:
    return AdversarialLoss(
        relativistic.relativistic_discriminator_loss,
        relativistic.relativistic_generator_loss,
        generator_needs_real=True,
    )


def _relativistic_average(*, axis_name: str | None) -> AdversarialLoss:
    return AdversarialLoss(
        functools.partial(
            relativistic.relativistic_average_discriminator_loss, axis_name=axis_name
        ),
        functools.partial(relativistic.relativistic_average_generator_loss, axis_name=axis_name),
        generator_needs_real=True,
    )


_GAMES: dict[str, Callable[..., AdversarialLoss]] = {
    "minimax": _minimax,
    "non_saturating": _non_saturating,
    "least_squares": _least_squares,
    "hinge": _hinge,
    "wasserstein": _wasserstein,
    "relativistic": _relativistic,
    "relativistic_average": _relativistic_average,
}

ADVERSARIAL_LOSS_NAMES: tuple[str, ...] = tuple(_GAMES)
"""Every name that `adversarial_loss` knows."""


def adversarial_loss(
    name: str, *, axis_name: str | None = None, **options: chex.Numeric
) -> AdversarialLoss:
    """Looks up both players' losses of one game by name.

    | name                 | options                                        | needs real |
    |----------------------|------------------------------------------------|------------|
    | minimax              |                                                | no         |
    | non_saturating       | real_label, fake_label, generator_label        | no         |
    | least_squares        | real_target, fake_target, generator_target     | no         |
    | hinge                |                                                | no         |
    | wasserstein          |                                                | no         |
    | relativistic         |                                                | yes        |
    | relativistic_average |                                                | yes        |

    "Needs real" is about the generator's loss; the discriminator's always needs both.

    Args:
        name: one of the names above, also listed in `ADVERSARIAL_LOSS_NAMES`.
        axis_name: mapped axis that the batch is divided over, as under `jax.pmap`. Only
            relativistic_average needs it; the others are means over examples.
        **options: label smoothing or targets, as in the functions of the same name.
            `generator_label` and `generator_target` are the generator's `label` and `target`.
            Labels in [0, 1], targets any finite number.

    Returns:
        The pair of losses.

    Raises:
        ValueError: if the name or an option is unknown, naming the nearest that is known, or if
            an option is out of range.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> hinge = losses.adversarial_loss("hinge")
        >>> hinge.discriminator(jnp.array([0.5]), jnp.array([0.5]))
        Array(2., dtype=float32)
        >>> hinge.generator(None, jnp.array([0.5]))
        Array(-0.5, dtype=float32)
    """
    check_name("adversarial loss", name, _GAMES)
    game = _GAMES[name]
    known = list(inspect.signature(game).parameters)
    if "axis_name" in known:
        known.remove("axis_name")
        game = functools.partial(game, axis_name=axis_name)
    for option in options:
        check_name(f"option of adversarial loss {name}", option, known)
    return game(**options)
