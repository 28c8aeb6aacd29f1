"""The leaves of a pytree as named host arrays, with a record to verify them by, and back.

The record of a checkpoint is JSON: the step, the caller's progress, and for each leaf its name,
shape, dtype, CRC-32 and (for a typed PRNG key) the key's implementation. It has a CRC-32 of its
own. Nothing here reads or writes files.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.checkpoint.errors import CheckpointError, DamagedError
from gan_jax.checkpoint.record import FORMAT, Record, checksum_of_json

PyTree = Any


def describe(step: int, state: PyTree, progress: Mapping[str, Any]) -> tuple[PyTree, Record]:
    """Copies a state to the host and records what it is.

    Args:
      step: The step the state belongs to.
      state: Pytree of arrays, typed PRNG keys and Python numbers.
      progress: Anything that JSON can hold.

    Returns:
      Nested dicts of NumPy arrays that share no memory with ``state`` (arrays without elements,
      which Orbax refuses, are left to the record), and the record.

    Raises:
      ValueError: If a leaf is no array or number, two leaves have one name, or ``progress`` is not
        JSON.
    """
    try:
        progress = json.loads(json.dumps(progress))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the progress of a checkpoint has to be JSON: {error}") from None
    named = named_leaves(state, is_leaf=_is_empty_dict)
    empty = [path for path, leaf in named if _is_empty_dict(leaf) and path]
    named = [(path, leaf) for path, leaf in named if not _is_empty_dict(leaf)]
    _check_names(path for path, _ in named)
    _start_copies(leaf for _, leaf in named)
    arrays: dict[str, Any] = {}
    leaves: dict[str, Any] = {}
    for path, leaf in named:
        name = "/".join(path)
        array = _to_host(name, leaf)
        leaves[name] = {
            "path": path,
            "shape": array.shape,
            "dtype": array.dtype.name,
            "crc32": _checksum(array),
            "key": _key_impl(leaf) if _is_key(leaf) else None,
        }
        if array.size:
            _put(arrays, path, array)
    body = {
        "format": FORMAT,
        "step": step,
        "progress": progress,
        "leaves": leaves,
        "empty": empty,
    }
    return arrays, json.loads(json.dumps(body | {"crc32": checksum_of_json(body)}))


def select(template: PyTree | None, record: Record, *, partial: bool) -> list[str]:
    """Returns the names of the leaves that a template asks for, if the checkpoint holds them.

    Args:
      template: Pytree of arrays, ``jax.ShapeDtypeStruct`` and Python numbers; None for all leaves.
      record: The record of the checkpoint.
      partial: Whether the checkpoint may hold more than ``template``.

    Raises:
      CheckpointError: If not; one line that names the first leaf that differs.
    """
    if template is None:
        return list(record["leaves"])
    held = {name: _type_of_record(leaf) for name, leaf in record["leaves"].items()}
    asked = {"/".join(path): _type_of_leaf(leaf) for path, leaf in named_leaves(template)}
    for name in asked if partial else [*asked, *held]:
        if held.get(name) != asked.get(name):
            raise CheckpointError(
                f"checkpoint {record['step']} does not fit: at {name} the checkpoint holds "
                f"{held.get(name, 'nothing')}, the config asks for {asked.get(name, 'nothing')}"
            )
    return list(asked)


def stored(record: Record, names: Iterable[str]) -> dict[str, Any]:
    """Returns the nested dicts of ``describe``, of some leaves, with their names as the leaves."""
    tree: dict[str, Any] = {}
    for name in names:
        leaf = record["leaves"][name]
        if 0 not in leaf["shape"]:
            _put(tree, leaf["path"], name)
    return tree


def verify(record: Record, names: Iterable[str], arrays: PyTree) -> dict[str, np.ndarray]:
    """Checks that arrays of a checkpoint are what was saved.

    Args:
      record: The record that ``verify_record`` accepted.
      names: The leaves to check.
      arrays: Nested dicts of NumPy arrays as they were read, of these leaves.

    Returns:
      The arrays by name, those without elements included.

    Raises:
      DamagedError: If one is missing or differs; names the first.
    """
    read = {"/".join(path): leaf for path, leaf in named_leaves(arrays)}
    checked = {}
    for name in names:
        leaf = record["leaves"][name]
        wanted = jnp.dtype(leaf["dtype"]), tuple(leaf["shape"])
        array = read.get(name)
        if array is None and 0 in wanted[1]:
            array = np.zeros(wanted[1], wanted[0])
        if array is None or (array.dtype, array.shape) != wanted:
            raise DamagedError(f"{name} is missing or has another shape")
        if _checksum(array) != leaf["crc32"]:
            raise DamagedError(f"{name} does not match its checksum")
        checked[name] = array
    return checked


def fill(template: PyTree, record: Record, arrays: Mapping[str, np.ndarray]) -> PyTree:
    """Puts the arrays of a checkpoint into the structure and on the devices of a template.

    Args:
      template: Pytree that ``select`` accepted.
      record: The record of the checkpoint.
      arrays: The verified arrays by name.

    Returns:
      A pytree with the structure of ``template``. A leaf whose template has a sharding is placed
      by it, one without goes to the default device; NumPy stays NumPy, Python numbers Python.
    """
    leaves = [
        _place(leaf, arrays["/".join(path)], record["leaves"]["/".join(path)]["key"])
        for path, leaf in named_leaves(template)
    ]
    return jax.tree.unflatten(jax.tree.structure(template), leaves)


def nest(record: Record, arrays: Mapping[str, np.ndarray]) -> PyTree:
    """Returns a checkpoint as nested dicts of NumPy arrays (and typed keys), empty dicts too."""
    tree: dict[str, Any] = {}
    for path in record["empty"]:
        _put(tree, path, {})
    for name, leaf in record["leaves"].items():
        value = arrays[name]
        if leaf["key"] is not None:
            value = jax.random.wrap_key_data(jnp.array(value), impl=leaf["key"])
        _put(tree, leaf["path"], value)
    return tree


def named_leaves(tree: PyTree, is_leaf=None) -> list[tuple[tuple[str, ...], Any]]:
    """Returns (names of the containers down to the leaf, the leaf) for every leaf, in order."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_leaf)
    return [
        (tuple(jax.tree_util.keystr((key,), simple=True) for key in path), leaf)
        for path, leaf in leaves
    ]


def _check_names(paths: Iterable[tuple[str, ...]]) -> None:
    seen = set()
    for path in paths:
        if not path:
            raise ValueError("the state of a checkpoint has to be a container of arrays")
        # Orbax joins the names of the containers by dots.
        dotted = ".".join(path).replace("/", ".")
        if dotted in seen:
            raise ValueError(f"two leaves of the state are both named {'/'.join(path)}")
        seen.add(dotted)


def _is_empty_dict(node: Any) -> bool:
    return isinstance(node, Mapping) and not node


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _key_impl(leaf: Any) -> str:
    # key_impl refuses a ShapeDtypeStruct, but not the tracer of one.
    names: list[str] = []
    jax.eval_shape(lambda key: names.append(str(jax.random.key_impl(key))), leaf)
    return names[0]


def _start_copies(leaves) -> None:
    # All transfers are under way before the first one is waited for.
    for leaf in leaves:
        if isinstance(leaf, jax.Array) and not _is_key(leaf):
            leaf.copy_to_host_async()


def _to_host(name: str, leaf: Any) -> np.ndarray:
    if _is_key(leaf):
        leaf = jax.random.key_data(leaf)
    if isinstance(leaf, jax.Array) and not (leaf.is_fully_addressable or leaf.is_fully_replicated):
        raise ValueError(f"{name} is spread over processes; gather or replicate it before saving")
    if not isinstance(leaf, jax.Array | np.ndarray | np.generic | bool | int | float):
        raise ValueError(f"cannot save {name}: {type(leaf).__name__} is no array and no number")
    # A view of a CPU buffer would change, or block donation, when the buffer is used again.
    array = np.array(leaf, order="C")
    if not (array.dtype == bool or jnp.issubdtype(array.dtype, jnp.number)):
        raise ValueError(f"cannot save {name}: its dtype is {array.dtype}, which is no number")
    # A record knows no byte order.
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _place(template: Any, array: np.ndarray, key: str | None) -> Any:
    if isinstance(template, bool | int | float):
        return array.item()
    if isinstance(template, np.ndarray | np.generic):
        return array
    sharding = getattr(template, "sharding", None)
    if sharding is not None and not sharding.is_fully_addressable:
        value = jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
    elif sharding is not None and key is None:
        value = jax.device_put(array, sharding, may_alias=False)
    else:
        value = jnp.array(array)
    if key is not None:
        value = jax.random.wrap_key_data(value, impl=key)
        value = value if sharding is None else jax.device_put(value, sharding)
    return value


def _type_of_record(leaf: Mapping[str, Any]) -> str:
    shape = leaf["shape"]
    if leaf["key"] is None:
        return f"{leaf['dtype']}{shape}"
    return f"PRNG key {leaf['key']}{shape[:-1]}"


def _type_of_leaf(leaf: Any) -> str:
    if _is_key(leaf):
        return f"PRNG key {_key_impl(leaf)}{list(leaf.shape)}"
    leaf = leaf if hasattr(leaf, "dtype") else np.asarray(leaf)
    return f"{jnp.dtype(leaf.dtype).name}{list(leaf.shape)}"


def _put(tree: dict[str, Any], path, value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
