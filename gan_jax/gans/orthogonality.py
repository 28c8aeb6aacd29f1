"""An objective and orthogonal regularization of the kernels of the network that it trains."""

from __future__ import annotations

from typing import Any

import jax

from gan_jax import losses
from gan_jax.core import Aux, Context
from gan_jax.core.game import Objective


def with_orthogonality(objective: Objective, network: str, weight: float) -> Objective:
    """Adds `losses.orthogonal_penalty` to an objective.

    Args:
      objective: The objective.
      network: The network whose kernels are regularized: parameters named "kernel". What labels
        are looked up in is not.
      weight: Factor on the penalty; 0 returns the objective as it is.
    """
    if not weight:
        return objective

    def regularized(params: Any, context: Context) -> tuple[jax.Array, Aux]:
        loss, aux = objective(params, context)
        flat = jax.tree_util.tree_leaves_with_path(params[network])
        penalty = losses.orthogonal_penalty(leaf for path, leaf in flat if path[-1].key == "kernel")
        metrics = {**aux.metrics, "orthogonality": penalty}
        return loss + weight * penalty, aux._replace(metrics=metrics)

    return regularized
