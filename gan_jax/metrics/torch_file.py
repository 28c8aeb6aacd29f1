"""Reads files of weights that PyTorch wrote, without PyTorch and without executing them."""

from __future__ import annotations

import hashlib
import io
import math
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.metrics.torch_pickle import (
    STORAGE_DTYPES,
    Name,
    Tensor,
    WeightsError,
    load_pickle,
    shown,
)

__all__ = ["WeightsError", "read_torch_file"]

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_MAX_FILE_BYTES = 2 * 2**30
_MAX_DIMENSIONS = 8
# What zipfile raises for archives that are damaged in one way or another.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    EOFError,
    KeyError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)


class _Storage(NamedTuple):
    """A storage that a pickle speaks of.

    Attributes:
      dtype: in NumPy's writing.
      key: its name in the file.
      size: number of elements.
    """

    dtype: str
    key: str
    size: int

    @property
    def num_bytes(self) -> int:
        return self.size * np.dtype(self.dtype).itemsize


def read_torch_file(
    path: str | os.PathLike[str], *, sha256: str | None = None
) -> dict[str, np.ndarray]:
    """Reads a state dict that `torch.save` wrote, in its zip format or the older one.

    Nothing of the file is executed: its pickle is read by `torch_pickle`, which knows the names
    that a state dict of numbers needs and refuses every other.

    Args:
      path: the file, of at most 2 GiB.
      sha256: hexadecimal SHA-256 that the file must have; None accepts any.

    Returns:
      Name to array, in the file's order; read-only, of float16, 32 or 64, int8, 16, 32 or 64, or
      uint8 as the file has them. Arrays may share memory, as their tensors did.

    Raises:
      WeightsError: in one line: the file has another SHA-256, is damaged or cut off, is no state
        dict of numbers, or has in its pickle what no state dict needs.
      OSError: it cannot be read.
    """
    path = Path(path)
    try:
        content = _content(path)
        _check_digest(content, sha256)
        return _read_zip(content) if content.startswith(b"PK") else _read_legacy(content)
    except WeightsError as e:
        raise WeightsError(f"cannot use {path} as weights: {e}") from e


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise WeightsError(f"it has more than {_MAX_FILE_BYTES // 2**30} GiB")
    return content


def _check_digest(content: bytes, expected: str | None) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if expected is not None and digest != expected.lower():
        raise WeightsError(
            f"its SHA-256 is {digest} instead of {expected.lower()}: it is damaged, cut off or "
            "another file"
        )


def _read_zip(content: bytes) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _members(archive, len(content))
            root = _root(members)
            if members.get(f"{root}byteorder"):
                byteorder = archive.read(f"{root}byteorder")
                _require(byteorder == b"little", f"its byte order is {shown(byteorder)}")
            pickled = io.BytesIO(archive.read(f"{root}data.pkl"))
            state = load_pickle(pickled, _zip_storage)
            return _arrays(state, lambda storage: archive.read(f"{root}data/{storage.key}"))
    except WeightsError:
        raise
    except _ZIP_ERRORS as e:
        raise WeightsError(f"its archive is damaged or cut off ({shown(str(e))})") from e


def _members(archive: zipfile.ZipFile, num_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """PyTorch stores without compression, so no archive unpacks to more than it weighs."""
    infos = archive.infolist()
    members = {info.filename: info for info in infos}
    _require(len(members) == len(infos), "a name occurs twice in its archive")
    stored = all(info.compress_type == zipfile.ZIP_STORED for info in infos)
    total = sum(max(info.file_size, info.compress_size) for info in infos)
    _require(stored and total <= num_bytes, "its archive unpacks to more than the file holds")
    return members


def _root(members: dict[str, zipfile.ZipInfo]) -> str:
    pickles = [name for name in members if name.split("/")[1:] == ["data.pkl"]]
    _require(len(pickles) == 1, "it is a zip archive, but not of PyTorch's making")
    return pickles[0].removesuffix("data.pkl")


def _zip_storage(persistent_id: tuple[Any, ...]) -> _Storage:
    _require(len(persistent_id) == 5, "it describes its storages in an unknown way")
    return _storage(persistent_id)


def _legacy_storage(persistent_id: tuple[Any, ...]) -> _Storage:
    known = len(persistent_id) == 6 and persistent_id[5] is None
    _require(known, "it describes its storages in an unknown way")
    return _storage(persistent_id)


def _storage(persistent_id: tuple[Any, ...]) -> _Storage:
    kind, name, key, _, size = persistent_id[:5]
    _require(kind == "storage" and isinstance(name, Name), "it holds other things than tensors")
    _require(name in STORAGE_DTYPES, f"its numbers are of type {shown(name)}")
    _require(isinstance(key, str) and _is_count(size), "a storage of it is described wrongly")
    return _Storage(STORAGE_DTYPES[name], key, size)


def _read_legacy(content: bytes) -> dict[str, np.ndarray]:
    stream = io.BytesIO(content)
    try:
        magic = load_pickle(stream, _no_storage)
    except WeightsError:
        magic = None
    _require(magic == _LEGACY_MAGIC, "it is no file that PyTorch wrote, or is cut off")
    protocol = load_pickle(stream, _no_storage)
    _require(protocol == _LEGACY_PROTOCOL, f"its protocol is {shown(protocol)}, not 1001")
    system = load_pickle(stream, _no_storage)
    little = isinstance(system, dict) and system.get("little_endian") is True
    _require(little, "its numbers are not in little-endian order")
    state = load_pickle(stream, _legacy_storage)
    keys = load_pickle(stream, _no_storage)
    stored = _legacy_storages(content, stream.tell(), keys, _item_sizes(state))
    return _arrays(state, lambda storage: stored[storage.key])


def _no_storage(persistent_id: tuple[Any, ...]) -> _Storage:
    raise WeightsError("it has a storage where none belongs")


def _item_sizes(state: Any) -> dict[str, int]:
    storages = [tensor.storage for tensor in _tensors(state).values()]
    return {storage.key: np.dtype(storage.dtype).itemsize for storage in storages}


def _legacy_storages(
    content: bytes, start: int, keys: Any, item_sizes: dict[str, int]
) -> dict[str, memoryview]:
    """Finds the bytes of each storage, which follow in the order of their keys."""
    named = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    same = named and len(keys) == len(set(keys)) and set(keys) == set(item_sizes)
    _require(same, "its list of storages is not that of its tensors")
    view, stored = memoryview(content), {}
    for key in keys:
        _require(start + 8 <= len(view), "it is cut off")
        (size,) = struct.unpack_from("<q", view, start)
        end = start + 8 + size * item_sizes[key]
        _require(size >= 0 and end <= len(view), "it is cut off")
        stored[key] = view[start + 8 : end]
        start = end
    _require(start == len(view), "it has bytes left over at its end")
    return stored


def _tensors(state: Any) -> dict[str, Tensor]:
    _require(isinstance(state, dict), "it is no state dict")
    for name, tensor in state.items():
        is_tensor = isinstance(tensor, Tensor) and isinstance(tensor.storage, _Storage)
        _require(is_tensor, f"it is no state dict: {shown(name)} is no tensor")
    return state


def _arrays(state: Any, stored: Callable[[_Storage], bytes | memoryview]) -> dict[str, np.ndarray]:
    buffers: dict[_Storage, np.ndarray] = {}
    arrays = {}
    for name, tensor in _tensors(state).items():
        storage = tensor.storage
        if storage not in buffers:
            content = stored(storage)
            whole = len(content) == storage.num_bytes
            _require(whole, f"the numbers of {shown(name)} have another length than it says")
            buffers[storage] = np.frombuffer(content, storage.dtype)
        arrays[name] = _array(name, tensor, buffers[storage])
    return arrays


def _array(name: str, tensor: Tensor, buffer: np.ndarray) -> np.ndarray:
    """A tensor's view of its storage, which it must not leave or outgrow."""
    _, offset, shape, strides = tensor
    counts = _is_count(offset) and _are_counts(shape) and _are_counts(strides)
    _require(counts and len(shape) == len(strides), f"the shape of {shown(name)} is damaged")
    room = _MAX_FILE_BYTES if 0 in shape else buffer.size
    fits = math.prod(max(length, 1) for length in shape) <= room
    _require(fits, f"{shown(name)} of shape {shown(shape)} has but {buffer.size} numbers")
    if 0 in shape:
        return np.empty(shape, buffer.dtype)
    # Of an axis with one entry the stride means nothing, and may be any number.
    steps = [0 if n == 1 else stride for n, stride in zip(shape, strides, strict=True)]
    last = offset + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    _require(last < buffer.size, f"{shown(name)} reaches out of its numbers")
    return np.lib.stride_tricks.as_strided(
        buffer[offset:], shape, [step * buffer.itemsize for step in steps], writeable=False
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_counts(values: Any) -> bool:
    counts = isinstance(values, tuple) and len(values) <= _MAX_DIMENSIONS
    return counts and all(map(_is_count, values))


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise WeightsError(otherwise)
