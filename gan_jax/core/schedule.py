"""Numbers that change while a game is trained: rates, decays, weights of penalties."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.names import check_name

SCHEDULES = ("constant", "linear", "cosine")


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A number as a function of the step.

    Attributes:
      kind: "constant", or "linear" or "cosine" from `value` to `to`.
      value: The number before it changes.
      to: The number after it has changed.
      start: The step at which the change begins.
      steps: Steps from there to `to`; 0 for all that are left of the run.
      warmup: Steps of linear warm-up from zero, before anything else.

    Raises:
      ValueError: If the kind is unknown or a number is out of its range.
    """

    kind: str = "constant"
    value: float = 0.0
    to: float = 0.0
    start: int = 0
    steps: int = 0
    warmup: int = 0

    def __post_init__(self):
        check_name("schedule", self.kind, SCHEDULES)
        if not (math.isfinite(self.value) and math.isfinite(self.to)):
            raise ValueError(
                f"a schedule needs finite numbers, not value={self.value} and to={self.to}"
            )
        if min(self.start, self.steps, self.warmup) < 0:
            raise ValueError(
                "a schedule needs start, steps and warmup of at least 0, not "
                f"{self.start}, {self.steps} and {self.warmup}"
            )

    @property
    def ends_with_the_run(self) -> bool:
        """Whether it is another schedule when the run is longer."""
        return self.kind != "constant" and self.steps == 0


Number = float | Schedule


def resolve(number: Number, total_steps: int) -> Number:
    """Gives a schedule that lasts as long as the run its number of steps.

    Args:
      number: A number, or a schedule.
      total_steps: The number of steps of the run.
    """
    if not isinstance(number, Schedule) or not number.ends_with_the_run:
        return number
    return dataclasses.replace(number, steps=max(1, total_steps - number.start))


def schedule(number: Number, step: int | jax.Array) -> Any:
    """A number at a step.

    Args:
      number: A number, which is returned as it is, or a `Schedule` with `steps` of at least 1
        (see `resolve`).
      step: Scalar int, the number of finished steps.

    Returns:
      A Python number for a number, else a float32 scalar.

    Raises:
      ValueError: If the schedule's length is not known.
    """
    if not isinstance(number, Schedule):
        return number
    if number.ends_with_the_run:
        raise ValueError("this schedule lasts as long as the run: resolve it with the run's steps")
    step = jnp.asarray(step, jnp.float32)
    value = jnp.float32(number.value)
    if number.kind != "constant":
        done = jnp.clip((step - number.start) / number.steps, 0.0, 1.0)
        if number.kind == "cosine":
            done = 0.5 * (1.0 - jnp.cos(jnp.pi * done))
        value = number.value + (number.to - number.value) * done
    if number.warmup:
        value = jnp.where(step < number.warmup, number.value * step / number.warmup, value)
    return jnp.asarray(value, jnp.float32)


def is_constant(number: Number) -> bool:
    """Whether it is one and the same number at every step."""
    return not isinstance(number, Schedule) or (number.kind == "constant" and not number.warmup)
