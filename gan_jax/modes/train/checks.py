"""What must hold of the parameters of a run before they are kept."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

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


def check_step(step: int, last: int) -> None:
    """Refuses a run that has been trained further than it is to be.

    Raises:
      ValueError: If it is at a step beyond its last.
    """
    if step > last:
        raise ValueError(
            f"the run is at step {step} already, beyond its {last} steps: raise config.steps to "
            "train on"
        )
