"""The one step that plays every game. The only place in the project that differentiates parameters.

A step goes through the players in order. Each objective is differentiated with respect to its
player's own networks, the gradients are averaged over the devices, optax moves the networks, and
what the objective changed is written back before the next player's turn. Then come the moving
averages, and the step is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gan_jax.core.game import Aux, Context, Ema, Gan, Player
from gan_jax.core.parallel import divide_batch
from gan_jax.core.state import GanState

PyTree = Any
Batch = Mapping[str, jax.Array]
Metrics = dict[str, dict[str, jax.Array]]
Prepare = Callable[[jax.Array, PyTree, PyTree], Batch]


def make_step(
    gan: Gan, *, prepare: Prepare | None = None, axis_name: str | None = None
) -> Callable[..., tuple[GanState, Metrics]]:
    """Builds the pure step of a game.

    Args:
      gan: The game.
      prepare: `(key, inputs, resident) -> batch`, run inside the step: gathers from the data that
        lies on the device, augments, normalises. None takes `inputs` as the batch.
      axis_name: The name of the mapped axis under `jax.pmap`; None elsewhere.

    Returns:
      `step(state, inputs, resident=None) -> (state, metrics)`. Every array of the batch has the
      leading axes [gan.updates, B]. `metrics` is `{player: {"loss": scalar, name: scalar}}`,
      float32, a mean over the player's updates; a player that did not move at this step
      (`every > 1`) reports zeros.

    Raises:
      ValueError: While building, if the game keeps a memory that cannot be averaged over devices
        and `axis_name` is given. While tracing, if the batch's leading axis is not `gan.updates`,
        if an objective's loss is not a scalar, or if it returns a network's variables or a memory
        that the state does not have.
    """

    def step(state: GanState, inputs: PyTree, resident: PyTree = None):
        key = jax.random.fold_in(state.key, state.step)
        if axis_name is not None:
            key = jax.random.fold_in(key, jax.lax.axis_index(axis_name))
        prepare_key, noise_key, *player_keys = jax.random.split(key, 2 + len(gan.players))
        batch = dict(prepare(prepare_key, inputs, resident) if prepare else inputs)
        _check_batch(gan, batch)
        _check_memory(gan, state, axis_name)
        if gan.draw_noise is not None:
            batch = {**gan.draw_noise(noise_key, batch), **batch}
            _check_batch(gan, batch)
        batch = divide_batch(batch)
        metrics = {}
        for player, player_key in zip(gan.players, player_keys, strict=True):
            state, metrics[player.name] = _turn(gan, player, state, batch, player_key, axis_name)
        if gan.ema is not None:
            state = state.replace(ema=_average(gan.ema, state))
        return state.replace(step=state.step + 1), metrics

    return step


def make_chunk(step: Callable[..., tuple[GanState, Metrics]]) -> Callable:
    """Several steps as one `lax.scan`.

    Args:
      step: As `make_step` returns it.

    Returns:
      `chunk(state, inputs, resident=None) -> (state, metrics)`, where every array of `inputs` and
      of `metrics` has the step as its leading axis.
    """

    def chunk(state: GanState, inputs: PyTree, resident: PyTree = None):
        return jax.lax.scan(lambda carry, one: step(carry, one, resident), state, inputs)

    return chunk


def _turn(gan, player: Player, state: GanState, batch: Batch, key, axis_name):
    """All updates of one player, or none where it is not its step."""

    def move(state: GanState) -> tuple[GanState, dict[str, jax.Array]]:
        def update(state: GanState, slice_and_key):
            return _update(gan, player, state, *slice_and_key, axis_name)

        if player.updates == 1:
            return update(state, (jax.tree.map(lambda x: x[0], batch), key))
        slices = jax.tree.map(lambda x: x[: player.updates], batch)
        state, metrics = jax.lax.scan(
            update, state, (slices, jax.random.split(key, player.updates))
        )
        return state, jax.tree.map(jnp.mean, metrics)

    if player.every == 1:
        return move(state)
    _, shapes = jax.eval_shape(move, state)
    return jax.lax.cond(
        state.step % player.every == 0,
        move,
        lambda state: (state, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)),
        state,
    )


def _update(gan: Gan, player: Player, state: GanState, batch: Batch, key, axis_name):
    """One update of one player on one slice of the batch."""
    context = Context(state.variables, batch, key, state.memory, state.step)

    def objective(own: Mapping[str, PyTree]):
        loss, aux = player.objective({**state.params, **own}, context)
        _check_objective(player, state, loss, aux)
        return jnp.asarray(loss, jnp.float32), aux

    own = {network: state.params[network] for network in player.networks}
    if own:
        (loss, aux), gradients = jax.value_and_grad(objective, has_aux=True)(own)
    else:
        (loss, aux), gradients = objective(own), {}
    metrics = {"loss": loss, **aux.metrics}
    metrics = {name: jnp.asarray(value, jnp.float32) for name, value in metrics.items()}
    if axis_name is not None:
        gradients, metrics, aux = _mean_over_devices((gradients, metrics, aux), axis_name)
    state = state.replace(
        variables={
            network: {**collections, **aux.variables.get(network, {})}
            for network, collections in state.variables.items()
        },
        memory={**state.memory, **aux.memory},
    )
    if not own:
        return state, metrics
    updates, opt_state = gan.optimizers[player.optimizer].update(
        gradients, state.opt_state[player.optimizer], own
    )
    state = state.replace(
        params={**state.params, **optax.apply_updates(own, updates)},
        opt_state={**state.opt_state, player.optimizer: opt_state},
    )
    return state, metrics


def _mean_over_devices(tree: PyTree, axis_name: str) -> PyTree:
    def mean(leaf):
        # Integers (a count in a memory) are equal on all devices and have no mean.
        return jax.lax.pmean(leaf, axis_name) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf

    return jax.tree.map(mean, tree)


def _average(ema: Ema, state: GanState) -> dict[str, PyTree]:
    decay = jnp.float32(ema.decay)
    if ema.warmup:
        decay = jnp.minimum(decay, (1.0 + state.step) / (10.0 + state.step))
    own = {network: state.params[network] for network in ema.networks}
    return jax.tree.map(lambda old, new: decay * old + (1.0 - decay) * new, dict(state.ema), own)


def _check_batch(gan: Gan, batch: Batch) -> None:
    for name, array in batch.items():
        if array.ndim < 2 or array.shape[0] != gan.updates:
            raise ValueError(
                f"batch['{name}'] has shape {array.shape}, the game wants "
                f"[{gan.updates}, examples, ...]: a slice an update"
            )


def _check_memory(gan: Gan, state: GanState, axis_name: str | None) -> None:
    if axis_name is not None and state.memory and not gan.memory_is_mean:
        raise ValueError(
            f"the memory {sorted(state.memory)} of this game cannot be averaged over devices, "
            "as pmap would have to; train it with parallel=jit"
        )


def _check_objective(player: Player, state: GanState, loss: jax.Array, aux: Aux) -> None:
    for name, value in {**aux.metrics, "loss": loss}.items():
        if jnp.shape(value) != ():
            raise ValueError(
                f"player '{player.name}': the {_title(name)} must be a scalar, "
                f"not of shape {jnp.shape(value)}"
            )
    if "loss" in aux.metrics:
        raise ValueError(
            f"player '{player.name}': the metric 'loss' is the objective's own loss, "
            "take another name"
        )
    for what, changed, known in (
        ("variables", _collections(aux.variables), _collections(state.variables)),
        ("memory", set(aux.memory), set(state.memory)),
    ):
        if unknown := changed - known:
            raise ValueError(
                f"player '{player.name}' returns {what} {sorted(unknown)}, "
                f"the state has {sorted(known)}"
            )


def _title(metric: str) -> str:
    return "loss" if metric == "loss" else f"metric '{metric}'"


def _collections(variables: Mapping[str, Mapping[str, PyTree]]) -> set[str]:
    return {f"{network}/{name}" for network, tree in variables.items() for name in tree}
