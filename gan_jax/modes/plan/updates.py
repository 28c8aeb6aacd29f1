"""An update of one player, counted by hand: its products, and what its backward pass reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from gan_jax import core
from gan_jax.core import arithmetic
from gan_jax.runs import memory

Batch = Mapping[str, jax.ShapeDtypeStruct]


class Update(NamedTuple):
    """What one update takes.

    Attributes:
      products: Of the objective and of its gradient for the player's own networks.
      activation_bytes: What it keeps from its forward pass for its backward pass: the largest part
        of a step's memory that is not there between steps. Each array counts once, in its own
        dtype; parameters and the batch, which are there anyway, do not. A compiler keeps less
        where it computes something again, and more where it pads or keeps several layouts.
    """

    products: list[arithmetic.Product]
    activation_bytes: int


def count_update(player: core.Player, state: core.GanState, batch: Batch) -> Update:
    """Counts one update; nothing is run, it is traced with the shapes of its arguments.

    Args:
      player: Whose update.
      state: The shapes of the state.
      batch: The shapes of a slice of a batch with its noise, `{name: [B, ...]}`.
    """
    residuals = 0

    def update(state: core.GanState, batch: Batch) -> Any:
        nonlocal residuals
        context = core.Context(state.variables, batch, state.key, state.memory, state.step)
        own = {network: state.params[network] for network in player.networks}
        loss, backward, _ = jax.vjp(
            lambda own: player.objective({**state.params, **own}, context), own, has_aux=True
        )
        kept = jax.tree.leaves(backward)
        residuals = len(kept)
        return kept, backward(jax.numpy.ones_like(loss))

    traced = jax.make_jaxpr(update)(state, batch)
    there = {*traced.jaxpr.invars, *traced.jaxpr.constvars}
    # A literal, which takes no memory, has a value; a variable has none.
    kept = dict.fromkeys(one for one in traced.jaxpr.outvars[:residuals] if not hasattr(one, "val"))
    return Update(
        arithmetic.products_of(traced),
        memory.tree_bytes([one.aval for one in kept if one not in there]),
    )
