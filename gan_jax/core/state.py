"""The immutable state of a game, and its start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax
import jax
import jax.numpy as jnp

from gan_jax.core.game import Gan
from gan_jax.core.inputs import Sampler, Weights

PyTree = Any


class GanState(flax.struct.PyTreeNode):
    """Everything that training changes; what a checkpoint holds.

    Attributes:
      step: Scalar int32, the number of finished steps.
      params: `{network: tree}`, float32.
      variables: `{network: {collection: tree}}`, the collections that are not trained.
      opt_state: `{optimizer: optax state}`.
      ema: `{network: {"params": tree, collection: tree}}`, the averages of the networks that
        `Gan.ema` names.
      memory: `{name: tree}`.
      key: Typed PRNG key. It never changes: a step's randomness is `fold_in(key, step)`, and that
        is what makes a resumed run repeat an uninterrupted one bit for bit.
    """

    step: jax.Array
    params: Mapping[str, PyTree]
    variables: Mapping[str, PyTree]
    opt_state: Mapping[str, PyTree]
    ema: Mapping[str, PyTree]
    memory: Mapping[str, PyTree]
    key: jax.Array


def init_optimizers(gan: Gan, params: Mapping[str, PyTree]) -> dict[str, PyTree]:
    """Fresh states `{optimizer: state}` of the optimizers of `gan` for `params` {network: tree}."""
    return {
        name: gan.optimizer(name, 0).init(
            {network: params[network] for network in gan.networks_of(name)}
        )
        for name in gan.optimizers
    }


def init_state(gan: Gan, seed: int | jax.Array) -> GanState:
    """Starts a game.

    Args:
      gan: The game.
      seed: A Python int, or a typed PRNG key.

    Returns:
      A GanState at step 0.

    Raises:
      ValueError: If a player or the EMA names a network that `gan.init_networks` does not make.
    """
    key = seed if isinstance(seed, jax.Array) else jax.random.key(seed)
    init_key, state_key = jax.random.split(key)
    params, variables, memory = gan.init_networks(init_key)
    named = {network for player in gan.players for network in player.networks}
    named |= set(gan.ema.networks if gan.ema else ())
    if unknown := named - set(params):
        raise ValueError(f"unknown networks {sorted(unknown)}, the game has {sorted(params)}")
    averaged = gan.ema.of(params, variables) if gan.ema else {}
    return GanState(
        step=jnp.zeros((), jnp.int32),
        params=dict(params),
        variables=dict(variables),
        opt_state=init_optimizers(gan, params),
        # A copy: parameters and average would otherwise share a buffer, which cannot be donated
        # twice.
        ema=jax.tree.map(jnp.copy, averaged),
        memory=dict(memory),
        key=state_key,
    )


def start(
    gan: Gan, seed: int | jax.Array, *, check: Callable[[GanState], None] | None = None
) -> GanState:
    """`init_state`, compiled; several times faster to call than the plain function.

    Args:
      gan: The game.
      seed: The seed, as of `init_state`.
      check: Called with the shapes of the state before there is one, to refuse it by an error.
    """
    # A program that runs once is not worth optimizing: on the CPU that took five times as long as
    # all the rest. Other platforms' compilers do not know the option.
    quickly = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    compiled = jax.jit(lambda: init_state(gan, seed), compiler_options=quickly)
    if check is not None:
        check(compiled.eval_shape())  # The call below does not trace again.
    return compiled()


def sampling_part(state: GanState, sampler: Sampler, *, ema: bool = True) -> GanState:
    """A state with no more in it than `sampling_weights` reads: what to restore of a checkpoint.

    Args:
      state: A state, or its shapes.
      sampler: A sampler of its game.
      ema: As in `sampling_weights`.
    """
    averaged = {name: state.ema[name] for name in sampler.networks if ema and name in state.ema}
    variables = {
        name: {
            collection: tree
            for collection, tree in state.variables.get(name, {}).items()
            if collection not in averaged.get(name, {})
        }
        for name in sampler.networks
    }
    return state.replace(
        step=None,
        params={name: state.params[name] for name in sampler.networks if name not in averaged},
        variables=variables,
        opt_state={},
        ema=averaged,
        memory={name: state.memory[name] for name in sampler.memory},
        key=None,
    )


def sampling_weights(state: GanState, sampler: Sampler, *, ema: bool = True) -> Weights:
    """What a sampler reads of a state.

    Args:
      state: The state, or its `sampling_part`.
      sampler: A sampler of its game.
      ema: Averaged parameters and collections, of the networks that have them.
    """
    part = sampling_part(state, sampler, ema=ema)
    params, variables = {}, {}
    for name in sampler.networks:
        average = dict(part.ema.get(name, {}))
        params[name] = average.pop("params") if average else part.params[name]
        variables[name] = {**part.variables[name], **average}
    return Weights(params, variables, part.memory)
