"""The optimizer of a player, by settings that the families share."""

from __future__ import annotations

import dataclasses
from typing import Any

from gan_jax.core import (
    SCHEDULES,
    Number,
    Optimizer,
    Schedule,
    is_constant,
    make_optimizer,
)
from gan_jax.core.optim import OPTIMIZERS
from gan_jax.gans.settings import Run, setting


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    """One player's optimizer."""

    name: str = setting("adam", "The optimizer.", choices=OPTIMIZERS)
    learning_rate: Number = setting(2e-4, "Learning rate; a number or a schedule.", above=0.0)
    b1: float = setting(0.5, "Adam's first moment, sgd's momentum.", least=0.0, below=1.0)
    b2: Number = setting(0.999, "Adam's second moment, rmsprop's decay.", least=0.0, below=1.0)
    weight_decay: float = setting(0.0, "Weight decay of adamw.", least=0.0)
    gradient_clip: float = setting(0.0, "Global norm to clip gradients to; 0 for none.", least=0.0)
    schedule: str = setting(
        "constant",
        "Schedule of the learning rate: linear and cosine go to zero.",
        choices=SCHEDULES,
    )
    decay_start: int = setting(0, "The step at which the decay begins.", least=0)
    decay_steps: int = setting(0, "Steps of the decay; 0: until the run's last.", least=0)
    warmup_steps: int = setting(0, "Steps of linear warm-up of the learning rate.", least=0)


def optimizer(settings: OptimizerSettings, run: Run, *, weight_clip: float = 0.0) -> Optimizer:
    """The optimizer that settings describe.

    Args:
      settings: The player's.
      run: What must be known of the run: schedules may end with it.
      weight_clip: Bound on the weights after each update; 0 for none.
    """
    options: dict[str, Any] = {}
    if settings.name in ("adam", "adamw", "sgd"):
        options["b1"] = settings.b1
    if settings.name != "sgd":
        options["b2"] = run.resolve(settings.b2)
    if settings.name == "adamw":
        options["weight_decay"] = settings.weight_decay
    return make_optimizer(
        settings.name,
        _learning_rate(settings, run),
        gradient_clip=settings.gradient_clip,
        weight_clip=weight_clip,
        **options,
    )


def _learning_rate(settings: OptimizerSettings, run: Run) -> Number:
    rate = settings.learning_rate
    if not isinstance(rate, Schedule):
        changes = settings.schedule != "constant"
        rate = Schedule(
            settings.schedule,
            rate,
            start=settings.decay_start if changes else 0,
            steps=settings.decay_steps if changes else 0,
            warmup=settings.warmup_steps,
        )
    rate = run.resolve(rate)
    return rate.value if isinstance(rate, Schedule) and is_constant(rate) else rate
