"""The same pure chunk of steps, compiled for one device, for a mesh, or by `pmap`.

Inputs of a chunk have the axes [steps, updates, batch, ...]; it is the batch axis that is divided
over the devices. The state goes in and comes out unreplicated in every mode, so a checkpoint does
not know how many devices wrote it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
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
      put_inputs: Divides host arrays [steps, updates, B, ...] over the devices; every process
        hands in the whole global batch and keeps its part.
      lower: `(state, inputs, resident) -> jax.stages.Lowered`, for looking at what was compiled.
      axis_name: The mapped axis under pmap, else None.
    """

    run: Callable[[PyTree, PyTree, PyTree], tuple[PyTree, PyTree]]
    put_state: Callable[[PyTree], PyTree]
    put_inputs: Callable[[PyTree], PyTree]
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
        randomness, averages gradients and synchronises batch statistics.
      devices: All devices of all processes by default.

    Raises:
      ValueError: If the mode is unknown.
    """
    axis_name = axis_name_of(mode)
    devices = list(devices if devices is not None else jax.devices())
    if axis_name is not None:
        return _compile_pmap(chunk, devices, axis_name)
    mesh = Mesh(np.asarray(devices), (AXIS,))
    whole = NamedSharding(mesh, PartitionSpec())
    divided = NamedSharding(mesh, PartitionSpec(None, None, AXIS))
    if len(devices) == 1:
        compiled = jax.jit(chunk, donate_argnums=0)
    else:
        compiled = jax.jit(
            chunk,
            donate_argnums=0,
            in_shardings=(whole, divided, whole),
            out_shardings=(whole, whole),
        )
    return Compiled(
        run=compiled,
        put_state=lambda tree: _put(tree, whole),
        put_inputs=lambda tree: _put(tree, divided),
        lower=compiled.lower,
        axis_name=None,
    )


def _compile_pmap(chunk, devices: list[jax.Device], axis_name: str) -> Compiled:
    mesh = Mesh(np.asarray(devices), (axis_name,))
    whole = NamedSharding(mesh, PartitionSpec())
    mine = [i for i, device in enumerate(devices) if device.process_index == jax.process_index()]
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
        per_device = shape[_BATCH_AXIS] // len(devices)
        split = array.reshape(*shape[:2], len(devices), per_device, *shape[3:])
        return np.moveaxis(split, _BATCH_AXIS, 0)[mine]

    return Compiled(
        run=compiled,
        put_state=lambda tree: _put(tree, whole),
        put_inputs=lambda tree: jax.tree.map(lambda x: divide(np.asarray(x)), tree),
        lower=compiled.lower,
        axis_name=axis_name,
    )


def _put(tree: PyTree, sharding: NamedSharding) -> PyTree:
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)

    def put(leaf):
        if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            data = put(np.asarray(jax.random.key_data(leaf)))
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(put, tree)
