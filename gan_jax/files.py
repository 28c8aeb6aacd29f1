"""Files that are either the old one or the new one, never half of one; and files of arrays.

A file of arrays holds each array from a page on, so that it can be mapped into memory, then a JSON
description of them, and a fixed tail: magic, length and SHA-256 of the description. Writing one
removes what killed writers left in its folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import signal
import socket
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_MAGIC = b"GANJAX\x00\x02"
_TAIL = struct.Struct("<8sQ32s")
_PAGE = 4096
# Arrays up to this size are checked at every reading, which takes milliseconds.
SMALL_BYTES = 16 << 20
_DAY_SECONDS = 24 * 3600
_HOST = re.sub(r"[^\w-]", "-", socket.gethostname())[:32]
_WRITER = re.compile(r"\.(?P<host>[^.]*)\.(?P<pid>\d{1,9})\.[0-9a-f]{8}\.partial$")


def write_bytes_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Replaces a file by other contents in one step; makes the folder where it is missing.

    Args:
      path: The file.
      data: Its new contents.

    Raises:
      OSError: If they cannot be written, in one line; the file is then as it was before.
    """
    with _replacing(Path(path)) as file:
        _write_all(file, Path(path), 0, data)


def write_json_atomically(path: str | os.PathLike, value: Any) -> None:
    """Replaces a file by an object as JSON, as ``write_bytes_atomically`` does.

    Args:
      path: The file.
      value: What JSON can hold, NumPy and JAX scalars and arrays, and paths. NaN and the
        infinities, which JSON does not have, become "NaN", "Infinity" and "-Infinity".

    Raises:
      OSError: If it cannot be written, in one line; the file is then as it was before.
      TypeError: If ``value`` holds anything else.
    """
    text = json.dumps(to_json(value), indent=2, allow_nan=False)
    write_bytes_atomically(path, f"{text}\n".encode())


def write_error(path: str | os.PathLike, error: OSError) -> OSError:
    """Returns an error that says in one line which file could not be written, and why."""
    reason = error.strerror.lower() if error.strerror else str(error)
    described = OSError(f"could not write {os.fspath(path)}: {reason}")
    described.errno = error.errno
    return described


def to_json(value: Any) -> Any:
    """Returns ``value`` with only what JSON has; see ``write_json_atomically``."""
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return to_json(np.asarray(value).tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def canonical_json(value: Any) -> bytes:
    """JSON that is the same bytes for equal values, to be hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def read_arrays(
    path: str | os.PathLike, *, verify: bool = False
) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Maps a file of arrays into memory.

    Args:
      path: The file.
      verify: Whether the contents of large arrays are compared with their checksums too, which
        reads them whole. Those of arrays up to `SMALL_BYTES` always are.

    Returns:
      `({name: array}, description)`, the arrays as read-only memory maps; None where the file is
      missing, or damaged as far as was checked.
    """
    try:
        with open(path, "rb") as file:
            content = _read_content(file)
            # Of the open file: another process may put a new one into its place.
            arrays = {name: _map(file, **a, verify=verify) for name, a in content["arrays"].items()}
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    return arrays, content["description"]


def _read_content(file: BinaryIO) -> dict[str, Any]:
    end = file.seek(0, os.SEEK_END) - _TAIL.size
    file.seek(end)
    magic, length, digest = _TAIL.unpack(file.read())
    start = file.seek(end - length)
    text = file.read(length)
    if magic != _MAGIC or hashlib.sha256(text).digest() != digest:
        raise ValueError("no description, or a damaged one")
    content = json.loads(text)
    if content["start"] != start:
        raise ValueError("bytes were lost or added")
    return content


def _map(
    file: BinaryIO, *, dtype: str, shape: list[int], offset: int, crc32: int, verify: bool
) -> np.ndarray:
    if not math.prod(shape):  # Nothing cannot be mapped.
        return np.empty(shape, dtype)
    array = np.memmap(file, dtype, "r", offset, tuple(shape))
    checked = verify or array.nbytes <= SMALL_BYTES
    if checked and zlib.crc32(array.reshape(-1).view(np.uint8)) != crc32:
        raise ValueError("damaged array")
    return array


class ArrayWriter:
    """Writes the arrays of a file in blocks of rows; see `array_writer`.

    Attributes:
      description: A description of them, JSON values, written last.
      rows: How many rows were written.
    """

    def __init__(self, file: RawIOBase, path: Path, max_rows: int):
        self.description: dict[str, Any] = {}
        self.rows = 0
        self._file, self._path, self._max_rows = file, path, max_rows
        self._arrays: dict[str, dict[str, Any]] = {}
        self._end = 0

    def append(self, block: Mapping[str, np.ndarray]) -> None:
        """Writes further rows of every array.

        Args:
          block: `{name: array [B, ...]}`; names, dtypes and shapes of a row as in the first block.

        Raises:
          ValueError: If they are others, or more rows than there were to be.
          OSError: If they cannot be written, in one line.
        """
        rows = len(next(iter(block.values())))
        if not self._arrays:
            for name, array in block.items():
                self._reserve(name, array.dtype, array.shape[1:])
        shapes = {name: (a["dtype"], [rows, *a["shape"][1:]]) for name, a in self._arrays.items()}
        if {name: (a.dtype.str, list(a.shape)) for name, a in block.items()} != shapes:
            raise ValueError(f"these are no rows of {shapes}")
        if self.rows + rows > self._max_rows:
            raise ValueError(f"{self.rows + rows} rows came, at most {self._max_rows} were to")
        for name, array in block.items():
            stored = self._arrays[name]
            data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            offset = stored["offset"] + self.rows * (data.nbytes // max(1, rows))
            _write_all(self._file, self._path, offset, data)
            stored["crc32"] = zlib.crc32(data, stored["crc32"])
            stored["shape"][0] += rows
        self.rows += rows

    def _reserve(self, name: str, dtype: np.dtype, row_shape: tuple[int, ...]) -> None:
        offset = -(-self._end // _PAGE) * _PAGE
        self._end = offset + self._max_rows * dtype.itemsize * math.prod(row_shape)
        stored = {"dtype": dtype.str, "shape": [0, *row_shape], "offset": offset, "crc32": 0}
        self._arrays[name] = stored

    def _finish(self) -> None:
        text = canonical_json(
            {"arrays": self._arrays, "start": self._end, "description": self.description}
        )
        tail = _TAIL.pack(_MAGIC, len(text), hashlib.sha256(text).digest())
        _write_all(self._file, self._path, self._end, text + tail)


@contextlib.contextmanager
def array_writer(path: str | os.PathLike, *, max_rows: int) -> Iterator[ArrayWriter]:
    """Writes a file of arrays, which takes its place once it is whole and on the disk.

    Two processes may write the same file at once: the last one to finish stays. An exception in
    the block, or SIGTERM where nobody handles it, leaves what was there before.

    Args:
      path: The file; its folder is made where it is missing.
      max_rows: The most rows that will come. Fewer leave holes in the file, which take no room.

    Yields:
      The writer.

    Raises:
      OSError: If it cannot be written, in one line.
    """
    path = Path(path)
    with _unwinding_at_sigterm(), _replacing(path) as file:
        _remove_abandoned(path.parent)
        writer = ArrayWriter(file, path, max_rows)
        yield writer
        writer._finish()


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[RawIOBase]:
    """A temporary file, which takes the place of `path` if all goes well."""
    # A name of its own: two processes that write the same file must not share a half of it.
    name = f".{path.name[:40]}.{_HOST}.{os.getpid()}.{uuid.uuid4().hex[:8]}.partial"
    temporary = path.with_name(name)
    try:
        with _describing_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = temporary.open("xb", buffering=0)
        with file:
            yield file
            with _describing_errors(path):
                os.fsync(file.fileno())
                os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _write_all(file: RawIOBase, path: Path, offset: int, data: bytes | np.ndarray) -> None:
    left = memoryview(data)
    with _describing_errors(path):
        file.seek(offset)
        while left:
            left = left[file.write(left) :]


@contextlib.contextmanager
def _describing_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


@contextlib.contextmanager
def _unwinding_at_sigterm() -> Iterator[None]:
    """Lets SIGTERM end the process by an exception where nobody else handles it."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return

    def stop(signum, frame):
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _remove_abandoned(folder: Path) -> None:
    for temporary in folder.glob(".*.partial"):
        with contextlib.suppress(OSError):
            if _is_dead(temporary) or time.time() - temporary.stat().st_mtime > _DAY_SECONDS:
                temporary.unlink()


def _is_dead(temporary: Path) -> bool:
    """Whether the writer is known to be; it is not if it is on another host."""
    writer = _WRITER.search(temporary.name)
    try:
        if writer and writer["host"] == _HOST:
            os.kill(int(writer["pid"]), 0)
    except OSError as error:
        return error.errno == errno.ESRCH
    return False
