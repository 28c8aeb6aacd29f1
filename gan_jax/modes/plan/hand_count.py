"""A phase's step counted by hand: parameters, arithmetic, traffic and memory, from shapes alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from gan_jax import core, layers
from gan_jax.core import arithmetic
from gan_jax.modes.plan.updates import count_update
from gan_jax.runs import memory
from gan_jax.runs.setup import Setup, chunk_function, prepare_function

PyTree = Any


def shapes_of(tree: PyTree) -> PyTree:
    """The shapes of a tree of arrays."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def inputs_of(setup: Setup, phase: core.Phase, steps: int) -> PyTree:
    """The shapes of what a call of some steps reads of the host, as `Feed.chunks` yields it."""
    feed = setup.feed(phase)
    leading = (steps, feed.updates, feed.batch_size)
    if feed.resident:
        index = jax.ShapeDtypeStruct(leading, np.int32)
        return {"index": dict.fromkeys(setup.streams, index)}
    return {
        "arrays": {
            name: jax.ShapeDtypeStruct((*leading, *array.shape[1:]), array.dtype)
            for dataset in setup.streams.values()
            for name, array in dataset.arrays.items()
        }
    }


def state_of(phase: core.Phase) -> core.GanState:
    """The shapes of the state."""
    return jax.eval_shape(lambda: core.init_state(phase.gan, 0))


def networks(state: core.GanState) -> list[dict[str, Any]]:
    """Numbers and bytes of what every network consists of.

    Args:
      state: The shapes of the state.

    Returns:
      Rows of "network", "collection" ("params" and those that are not trained), "numbers" and
      "bytes".
    """
    return [
        {
            "network": network,
            "collection": collection,
            "numbers": sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree)),
            "bytes": memory.tree_bytes(tree),
        }
        for network in state.params
        for collection, tree in {
            "params": state.params[network],
            **state.variables.get(network, {}),
        }.items()
    ]


def count_step(setup: Setup, phase: core.Phase, *, devices: int) -> dict[str, Any]:
    """A step of a phase on one of some devices that share the batch.

    Args:
      setup: The run; see `gan_jax.modes.plan.assumed`.
      phase: A phase of `setup.sampled`, whose batch the devices can share.
      devices: How many.

    Returns:
      JSON-able, of one device; operations and bytes are per step:
      "batch_size": of one device.
      "players": rows of "player", "every" (steps from one step in which it trains to the next),
        "updates" in such a step, and of one update "flops" and "activation_bytes".
      "flops": on average, where players train only every few steps.
      "precisions": `{"float32 default": flops}`, by dtype and precision of the arithmetic.
      "product_bytes": operands and results of all products, once each. "update_bytes": what the
        optimizers and averages read and write. "bytes": both. "intensity": flops per byte.
      "memory": `{part: bytes}` of what is there at the same time.
    """
    # A device's share of a batch, by the mathematics of one device.
    phase = dataclasses.replace(phase, batch_size=phase.batch_size // devices)
    state, inputs = state_of(phase), inputs_of(setup, phase, 1)
    resident = shapes_of(setup.feed(phase).resident_data())
    # The textbook's convolutions, not the forms that save multiplications on a CPU.
    with layers.preferring("lax"):
        batch = _batch(setup, phase, state, inputs, resident)
        one_slice = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), batch)
        chunk = chunk_function(setup, phase, parallel="jit")
        found = arithmetic.products(chunk, state, inputs, resident)
        players: list[dict[str, Any]] = []
        for player in phase.gan.players:
            update = count_update(player, state, one_slice)
            players.append(
                {
                    "player": player.name,
                    "every": player.every,
                    "updates": player.updates,
                    "flops": arithmetic.total(update.products),
                    "activation_bytes": update.activation_bytes,
                }
            )
            if player.every > 1:  # Left out of the count of the step.
                often = player.updates / player.every
                found += [one._replace(times=one.times * often) for one in update.products]
    flops = arithmetic.total(found)
    product_bytes = sum(one.bytes * one.times for one in found)
    update_bytes = _update_bytes(phase.gan, state)
    return {
        "batch_size": phase.batch_size,
        "players": players,
        "flops": flops,
        "precisions": _precisions(found),
        "product_bytes": product_bytes,
        "update_bytes": update_bytes,
        "bytes": product_bytes + update_bytes,
        "intensity": flops / (product_bytes + update_bytes),
        "memory": {
            "parameters": memory.tree_bytes(state.params),
            "other collections": memory.tree_bytes(state.variables),
            "optimizers": memory.tree_bytes(state.opt_state),
            "averages": memory.tree_bytes(state.ema),
            "memory of the game": memory.tree_bytes(state.memory),
            "gradients": max(
                sum(memory.tree_bytes(state.params[name]) for name in player.networks)
                for player in phase.gan.players
            ),
            "batch": memory.tree_bytes(batch),
            "activations": max(row["activation_bytes"] for row in players),
            "resident data": memory.tree_bytes(resident),
        },
    }


def _batch(setup: Setup, phase: core.Phase, state, inputs, resident) -> PyTree:
    """The shapes of a step's batch with its noise, `{name: [updates, B, ...]}`."""
    prepare, draw_noise = prepare_function(setup, phase), phase.gan.draw_noise

    def batch(key, inputs, resident):
        one_step = jax.tree.map(lambda x: x[0], inputs)
        prepare_key, noise_key = jax.random.split(key)
        found = prepare(prepare_key, one_step, resident)
        return {**draw_noise(noise_key, found), **found} if draw_noise else found

    return jax.eval_shape(batch, state.key, inputs, resident)


def _update_bytes(gan: core.Gan, state: core.GanState) -> float:
    """What optimizers and averages read and write in a step, on average."""
    total = 2.0 * memory.tree_bytes(state.ema)
    for player in gan.players:
        own = [state.params[network] for network in player.networks]
        changed = memory.tree_bytes(own) + memory.tree_bytes(state.opt_state[player.optimizer])
        total += 2.0 * changed * player.updates / player.every
    return total


def _precisions(found: list[arithmetic.Product]) -> dict[str, float]:
    by_precision: dict[str, float] = {}
    for one in found:
        name = f"{one.dtype} {one.precision}"
        by_precision[name] = by_precision.get(name, 0.0) + one.flops * one.times
    return by_precision
