"""What must hold of a config before a run, and of its parameters before they are kept."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax.modes.train.periodic_evaluation import check as check_evaluation
from gan_jax.telemetry import NonFiniteLossError

PyTree = Any


@jax.jit
def _finite(params: PyTree) -> dict[str, jax.Array]:
    """Whether all parameters are finite, {network: bool}."""
    return {
        network: jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))
        for network, tree in params.items()
    }


def check_finite_params(step: int, params: PyTree) -> None:
    """Refuses parameters that are not finite.

    A finite loss can have a gradient that is not: what it made of the parameters is not kept.

    Args:
      step: The step that they belong to.
      params: `{network: tree}`, this process's copy.

    Raises:
      NonFiniteLossError: Naming the network.
    """
    for network, finite in jax.device_get(_finite(params)).items():
        if not finite:
            raise NonFiniteLossError(
                f"step {step}: the parameters of {network} are not finite, and are not saved; try "
                "a lower learning rate or gradient clipping"
            )


def check_numbers(config: ConfigDict) -> None:
    """Refuses numbers of the run that cannot be.

    Raises:
      ValueError: In one line.
    """
    lowest = {"steps": 1, "batch_size": 1, "log_every": 1, "keep_checkpoints": 1}
    # 0 is never, or the default.
    lowest |= {"sample_every": 0, "checkpoint_every": 0, "steps_per_call": 0}
    for name, least in lowest.items():
        if config[name] < least:
            raise ValueError(f"config.{name} must be at least {least}, not {config[name]}")
    check_evaluation(config.evaluate)
    if not 0 <= config.seed < 2**32:
        raise ValueError(f"config.seed must be in 0..2**32 - 1, not {config.seed}")
