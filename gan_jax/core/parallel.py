"""The same pure chunk of steps, compiled for one device, for a mesh, or by `pmap`.

Inputs of a chunk have the axes [steps, updates, batch, ...]; it is the batch axis that is divided
over the devices. The state goes in and comes out unreplicated in every mode, so a checkpoint does
not know how many devices wrote it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

PyTree = Any
AXIS = "devices"
MODES = ("jit", "pmap")
_BATCH_AXIS = 2


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A chunk of steps, compiled for some devices.

    Attributes:
      run: `(state, inputs, resident) -> (state, metrics)`; the state is donated.
      put_state: Places a state, or anything that every device needs whole, on the devices.
      put_inputs: Divides host arrays [steps, updates, B', ...] over the devices of this process;
        B' is this process's share of the batch, its `rows`. Raises ValueError if B' is not a
        multiple of the number of its devices.
      rows: `batch_size -> slice`, the examples of a batch that this process reads.
      lower: `(state, inputs, resident) -> jax.stages.Lowered`, to inspect what was compiled.
      axis_name: The mapped axis under pmap, else None.
    """

    run: Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]]
    put_state: Callable[[PyTree], PyTree]
    put_inputs: Callable[[PyTree], PyTree]
    rows: Callable[[int], slice]
    lower: Callable[[PyTree, PyTree, PyTree], jax.stages.Lowered]
    axis_name: str | None


def axis_name_of(mode: str) -> str | None:
    """The mapped axis that networks and step must reduce over in this mode.

    Raises:
      ValueError: If the mode is unknown.
    """
    if mode not in MODES:
        raise ValueError(f"unknown parallel mode '{mode}', there are {', '.join(MODES)}")
    return AXIS if mode == "pmap" else None


def check_batch_size(batch_size: int, devices: int) -> None:
    """Refuses a batch that the devices cannot share evenly.

    Raises:
      ValueError: If `batch_size` is not a positive multiple of `devices`.
    """
    if batch_size < 1 or batch_size % devices:
        lower = max(devices, batch_size // devices * devices)
        raise ValueError(
            f"batch_size {batch_size} cannot be divided over {devices} devices: "
            f"take a multiple of {devices}, {lower} or {lower + devices} say"
        )


def divide_batch(batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Divides a step's batch over the mesh for which it is being traced.

    What is drawn inside the step (latents, say) has no placement of its own, and XLA would rather
    compute all of it on every device. Outside of `compile_chunk`'s mesh this changes nothing.

    Args:
      batch: `{name: array [updates, B, ...]}`. An array whose B the devices cannot share is left
        as it is.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.shape.get(AXIS, 1) == 1 or AXIS in mesh.manual_axes:
        return dict(batch)
    divided = PartitionSpec(None, AXIS)

    def divide(array: jax.Array) -> jax.Array:
        if array.shape[1] % mesh.shape[AXIS]:
            return array
        return jax.lax.with_sharding_constraint(array, divided)

    return {name: divide(array) for name, array in batch.items()}


def compile_chunk(
    chunk: Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]],
    *,
    mode: str = "jit",
    devices: Sequence[jax.Device] | None = None,
) -> Compiled:
    """Compiles a chunk of steps; compilation itself happens at the first call.

    Args:
      chunk: `(state, inputs, resident) -> (state, metrics)`, pure, as
        `gan_jax.core.make_chunk` builds it; for "pmap" from a step made with
        `axis_name=axis_name_of("pmap")`.
      mode: "jit" gives one device's mathematics on any number of devices (a mesh with
        `NamedSharding`, or plain jit on one). "pmap" runs one program a device with its own
        randomness, averages gradients and synchronizes batch statistics.
      devices: All devices of all processes by default.

    Raises:
      ValueError: If the mode is unknown.
    """
    axis_name = axis_name_of(mode)
    # One process's devices lie next to each other, so that its share of a batch is one slice.
    devices = sorted(
        devices if devices is not None else jax.devices(), key=lambda d: (d.process_index, d.id)
    )
    if axis_name is not None:
        return _compile_pmap(chunk, devices, axis_name)
    mesh = Mesh(np.asarray(devices), (AXIS,))
    whole = NamedSharding(mesh, PartitionSpec())
    divided = NamedSharding(mesh, PartitionSpec(None, None, AXIS))

    def on_mesh(state: PyTree, inputs: PyTree, resident: PyTree):
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):
            return chunk(state, inputs, resident)

    compiled = jax.jit(
        on_mesh,
        donate_argnums=0,
        in_shardings=(whole, divided, whole),
        out_shardings=(whole, whole),
    )

    def put_inputs(tree: PyTree) -> PyTree:
        _check_inputs(tree, len(_own(devices)))
        if jax.process_count() == 1:
            return jax.device_put(tree, divided)
        return jax.tree.map(lambda x: jax.make_array_from_process_local_data(divided, x), tree)

    return Compiled(
        run=compiled,
        put_state=lambda tree: _put(tree, whole),
        put_inputs=put_inputs,
        rows=lambda batch_size: _rows(devices, batch_size),
        lower=compiled.lower,
        axis_name=None,
    )


def _compile_pmap(chunk, devices: list[jax.Device], axis_name: str) -> Compiled:
    mesh = Mesh(np.asarray(devices), (axis_name,))
    whole = NamedSharding(mesh, PartitionSpec())
    local = NamedSharding(mesh.local_mesh, PartitionSpec(axis_name))
    mine = len(_own(devices))
    compiled = jax.pmap(
        chunk,
        axis_name=axis_name,
        in_axes=(None, 0, None),
        out_axes=(None, None),
        donate_argnums=0,
        devices=devices,
    )

    def divide(array: np.ndarray) -> np.ndarray:
        shape = array.shape
        split = array.reshape(*shape[:2], mine, shape[_BATCH_AXIS] // mine, *shape[3:])
        return np.moveaxis(split, _BATCH_AXIS, 0)

    def put_inputs(tree: PyTree) -> PyTree:
        _check_inputs(tree, mine)
        return jax.device_put(jax.tree.map(lambda x: divide(np.asarray(x)), tree), local)

    def run(state: PyTree, inputs: PyTree, resident: PyTree) -> tuple[PyTree, PyTree]:
        return _as_global(compiled(state, inputs, resident), whole)

    return Compiled(
        run=compiled if jax.process_count() == 1 else run,
        put_state=lambda tree: _put(tree, whole),
        put_inputs=put_inputs,
        rows=lambda batch_size: _rows(devices, batch_size),
        lower=compiled.lower,
        axis_name=axis_name,
    )


def _own(devices: Sequence[jax.Device]) -> list[int]:
    """The places of this process's devices among all."""
    return [i for i, device in enumerate(devices) if device.process_index == jax.process_index()]


def _rows(devices: Sequence[jax.Device], batch_size: int) -> slice:
    check_batch_size(batch_size, len(devices))
    own, per_device = _own(devices), batch_size // len(devices)
    return slice(own[0] * per_device, (own[-1] + 1) * per_device)


def _check_inputs(tree: PyTree, devices: int) -> None:
    for array in jax.tree.leaves(tree):
        if np.ndim(array) <= _BATCH_AXIS:
            raise ValueError(
                f"the inputs of a chunk have the axes [steps, updates, batch, ...], not the shape "
                f"{np.shape(array)}"
            )
        check_batch_size(np.shape(array)[_BATCH_AXIS], devices)


def _put(tree: PyTree, sharding: NamedSharding) -> PyTree:
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)

    def put(array: jax.typing.ArrayLike) -> jax.Array:
        array = np.asarray(array)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(lambda leaf: _through_key_data(put, leaf), tree)


def _as_global(tree: PyTree, whole: NamedSharding) -> PyTree:
    """Gives pmap's results, whole on each of this process's devices, their global meaning.

    No byte moves. Without it a checkpoint of several processes would take the state for an array
    that belongs to one of them.
    """

    def rewrap(array: jax.Array) -> jax.Array:
        shards = [shard.data for shard in array.addressable_shards]
        return jax.make_array_from_single_device_arrays(array.shape, whole, shards)

    return jax.tree.map(lambda leaf: _through_key_data(rewrap, leaf), tree)


def _through_key_data(function: Callable[[Any], jax.Array], leaf: Any) -> jax.Array:
    """Applies `function` to an array, or to the numbers that a typed PRNG key is made of."""
    if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = function(jax.random.key_data(leaf))
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    return function(leaf)
