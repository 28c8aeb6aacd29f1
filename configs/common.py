"""What every config begins with: all keys with their defaults, of which the recipes change some.

The keys of the run are the fields of the dataclasses in `gan_jax/runs/settings.py`, those of the
model the fields of the family's settings, in `gan_jax/gans/`. `--mode=show` explains them all.
"""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from gan_jax import gans
from gan_jax.runs import settings

VARIANTS = ("full", "smoke")


def optimizer(
    name: str = "adam", learning_rate: float = 2e-4, b1: float = 0.5, b2: float = 0.999
) -> ConfigDict:
    """Settings of one player's optimizer in the family adversarial."""
    config = _model(gans.defaults("adversarial")["generator_optimizer"])
    config.update(name=name, learning_rate=learning_rate, b2=b2)
    if name != "rmsprop":
        config.b1 = b1
    return config


def schedule(kind: str, value: float, **options: Any) -> ConfigDict:
    """A number that changes with the step, wherever settings take a number or a schedule.

    A config gives it in the place of a number so:

        config.model.ema_decay = common.schedule("linear", 0.9, to=0.999)

    Args:
      kind: constant, linear or cosine.
      value: The number before it changes.
      **options: `to`, `start`, `steps` (0: until the run's last) and `warmup`, as
        `gan_jax.core.Schedule` explains them.
    """
    config = ConfigDict({"kind": kind, "value": value, "to": 0.0})
    return ConfigDict({**config, "start": 0, "steps": 0, "warmup": 0, **options})


def _model(values: dict[str, Any]) -> ConfigDict:
    # A number may give way to a schedule, which is a group; the family's settings check the types.
    return ConfigDict(values, type_safe=False)


def base(name: str, family: str = "adversarial") -> ConfigDict:
    """The defaults: of the family's model, on CIFAR-10.

    Args:
      name: The name of the experiment, as in results and reports.
      family: A name of `gan_jax.gans.FAMILIES`.
    """
    config = ConfigDict()
    config.model = _model(gans.defaults(family))
    for key, value in settings.defaults(name, family).items():
        config[key] = ConfigDict(value) if isinstance(value, dict) else value
    return config


def smoke(config: ConfigDict) -> ConfigDict:
    """The same experiment, small: does everything in about a minute on two cores."""
    # A factor on the number of channels; where it is their number, the config sets its own.
    if isinstance(config.model.get("width"), float):
        config.model.width = 0.125
    config.steps = 40
    config.batch_size = 16
    config.log_every = 10
    config.sample_every = 20
    config.checkpoint_every = 20
    return config


def finish(config: ConfigDict, variant: str) -> ConfigDict:
    """Applies the variant.

    Raises:
      ValueError: If the variant is unknown, or as `gan_jax.runs.settings.check`.
    """
    settings.check(config)
    if variant not in VARIANTS:
        raise ValueError(f"unknown variant '{variant}', there are {', '.join(VARIANTS)}")
    return smoke(config) if variant == "smoke" else config
