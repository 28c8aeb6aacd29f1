"""The one step that plays every game. The only place in the project that differentiates parameters.

A step goes through the players in order. Each objective is differentiated with respect to its
player's own networks, the gradients are averaged over the devices, optax updates the networks, and
what the objective changed is written back before the next player's update. Then come the moving
averages and the monitors, and the step is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gan_jax.core.game import Aux, Context, Gan, Monitor, Player
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
        lies on the device, augments, normalizes. None takes `inputs` as the batch.
      axis_name: The name of the mapped axis under `jax.pmap`; None elsewhere.

    Returns:
      `step(state, inputs, resident=None) -> (state, metrics)`. Every array of the batch has the
      leading axes [gan.updates, B]. `metrics` is `{player or monitor: {name: scalar}}`, float32;
      a player's has its "loss", and is a mean over its updates. A player that did not train at
      this step, or a monitor that was not computed (`every > 1`), reports zeros.

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
        # One key for all monitors: a monitor more or less must not change the training.
        keys = jax.random.split(key, 3 + len(gan.players))
        prepare_key, noise_key, *player_keys, monitors_key = keys
        monitor_keys = [jax.random.fold_in(monitors_key, i) for i in range(len(gan.monitors))]
        batch = dict(prepare(prepare_key, inputs, resident) if prepare else inputs)
        _check_batch(gan, batch)
        _check_memory(gan, state, axis_name)
        if gan.draw_noise is not None:
            batch = {**gan.draw_noise(noise_key, batch), **batch}
            _check_batch(gan, batch)
        batch = divide_batch(batch)
        metrics = {}
        for player, player_key in zip(gan.players, player_keys, strict=True):
            state, metrics[player.name] = _train(gan, player, state, batch, player_key, axis_name)
        if gan.ema is not None:
            new = gan.ema.of(state.params, state.variables)
            state = state.replace(ema=gan.ema.update(state.ema, new, state.step))
        for monitor, monitor_key in zip(gan.monitors, monitor_keys, strict=True):
            metrics[monitor.name] = _monitor(monitor, state, batch, monitor_key, axis_name)
        return state.replace(step=state.step + 1), metrics

    return step


def make_chunk(step: Callable[..., tuple[GanState, Metrics]]) -> Callable:
    """Several steps as one `lax.scan`.

    Args:
      step: The step, as `make_step` returns it.

    Returns:
      `chunk(state, inputs, resident=None) -> (state, metrics)`, where every array of `inputs` and
      of `metrics` has the step as its leading axis.
    """

    def chunk(state: GanState, inputs: PyTree, resident: PyTree = None):
        return jax.lax.scan(lambda carry, one: step(carry, one, resident), state, inputs)

    return chunk


def _train(gan: Gan, player: Player, state: GanState, batch: Batch, key, axis_name):
    """All updates of one player, or none where it is not its step."""

    def train(state: GanState) -> tuple[GanState, dict[str, jax.Array]]:
        def update(state: GanState, slice_and_key):
            own, key = slice_and_key
            return _update(gan, player, state, own, key, axis_name)

        if player.updates == 1:
            own = jax.tree.map(lambda x: x[player.first_slice], batch)
            return update(state, (own, key))
        slices = jax.tree.map(lambda x: x[player.first_slice : player.last_slice], batch)
        state, metrics = jax.lax.scan(
            update, state, (slices, jax.random.split(key, player.updates))
        )
        return state, jax.tree.map(jnp.mean, metrics)

    if player.every == 1:
        return train(state)
    _, shapes = jax.eval_shape(train, state)
    return jax.lax.cond(
        state.step % player.every == 0,
        train,
        lambda state: (state, _zeros(shapes)),
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
    (loss, aux), gradients = jax.value_and_grad(objective, has_aux=True)(own)
    metrics = _as_float32({"loss": loss, **aux.metrics})
    if axis_name is not None:
        gradients, metrics, aux = _mean_over_devices((gradients, metrics, aux), axis_name)
    optimizer = gan.optimizer(player.optimizer, state.step)
    updates, opt_state = optimizer.update(gradients, state.opt_state[player.optimizer], own)
    state = state.replace(
        params={**state.params, **optax.apply_updates(own, updates)},
        variables={
            network: {**collections, **aux.variables.get(network, {})}
            for network, collections in state.variables.items()
        },
        opt_state={**state.opt_state, player.optimizer: opt_state},
        memory={**state.memory, **aux.memory},
    )
    return state, metrics


def _monitor(monitor: Monitor, state: GanState, batch: Batch, key, axis_name):
    """The metrics of a monitor at the end of a step, or zeros where it is not its step."""

    def compute(state: GanState) -> dict[str, jax.Array]:
        first = jax.tree.map(lambda x: x[0], batch)
        context = Context(state.variables, first, key, state.memory, state.step)
        metrics = monitor.metrics(state.params, context)
        for name, value in metrics.items():
            _check_scalar(f"monitor '{monitor.name}'", f"metric '{name}'", value)
        metrics = _as_float32(metrics)
        return metrics if axis_name is None else _mean_over_devices(metrics, axis_name)

    if monitor.every == 1:
        return compute(state)
    shapes = jax.eval_shape(compute, state)
    at_the_end = (state.step + 1) % monitor.every == 0
    return jax.lax.cond(at_the_end, compute, lambda _: _zeros(shapes), state)


def _zeros(shapes: PyTree) -> PyTree:
    return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)


def _as_float32(metrics: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    return {name: jnp.asarray(value, jnp.float32) for name, value in metrics.items()}


def _mean_over_devices(tree: PyTree, axis_name: str) -> PyTree:
    def mean(leaf):
        # Integers (a count in a memory) are equal on all devices and have no mean.
        return jax.lax.pmean(leaf, axis_name) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf

    return jax.tree.map(mean, tree)


def _check_batch(gan: Gan, batch: Batch) -> None:
    for name, array in batch.items():
        if array.ndim < 2 or array.shape[0] != gan.updates:
            raise ValueError(
                f"batch['{name}'] has shape {array.shape}, the game wants "
                f"[{gan.updates}, examples, ...]: one slice per update"
            )


def _check_memory(gan: Gan, state: GanState, axis_name: str | None) -> None:
    if axis_name is not None and state.memory and not gan.memory_is_mean:
        raise ValueError(
            f"the memory {sorted(state.memory)} of this game cannot be averaged over devices, "
            "as pmap would have to; train it with parallel=jit"
        )


def _check_objective(player: Player, state: GanState, loss: jax.Array, aux: Aux) -> None:
    who = f"player '{player.name}'"
    _check_scalar(who, "loss", loss)
    for name, value in aux.metrics.items():
        _check_scalar(who, f"metric '{name}'", value)
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


def _check_scalar(who: str, what: str, value: jax.Array) -> None:
    if jnp.shape(value) != ():
        raise ValueError(f"{who}: the {what} must be a scalar, not of shape {jnp.shape(value)}")


def _collections(variables: Mapping[str, Mapping[str, PyTree]]) -> set[str]:
    return {f"{network}/{name}" for network, tree in variables.items() for name in tree}
