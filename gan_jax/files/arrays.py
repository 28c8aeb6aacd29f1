"""Files of arrays.

A file of arrays holds each array from a page on, so that it can be mapped into memory, then a JSON
description of them, and a fixed tail: magic, length and SHA-256 of the description. Writing one
removes what killed writers left in its folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gan_jax.files.atomic import (
    canonical_json,
    remove_abandoned,
    replacing,
    unwinding_at_sigterm,
    write_all,
)

_MAGIC = b"GANJAX\x00\x02"
_TAIL = struct.Struct("<8sQ32s")
_PAGE = 4096
# Arrays up to this size are checked at every reading, which takes milliseconds.
SMALL_BYTES = 16 << 20
# What a description that is none of ours was seen to raise.
_DAMAGE = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, struct.error),
    *(OverflowError, RecursionError, MemoryError),
)


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
        return arrays, content["description"]
    except _DAMAGE:
        return None


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
    size = math.prod(shape) * np.dtype(dtype).itemsize
    # NumPy would multiply, with an overflow, before it compares.
    if np.dtype(dtype).hasobject or min((*shape, offset)) < 0 or offset + size > _length(file):
        raise ValueError("no array of this file")
    if not size:  # Nothing cannot be mapped.
        return np.empty(shape, dtype)
    array = np.memmap(file, dtype, "r", offset, tuple(shape))
    checked = verify or array.nbytes <= SMALL_BYTES
    if checked and zlib.crc32(array.reshape(-1).view(np.uint8)) != crc32:
        raise ValueError("damaged array")
    return array


def _length(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


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
            write_all(self._file, self._path, offset, data)
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
        write_all(self._file, self._path, self._end, text + tail)


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
    with unwinding_at_sigterm(), replacing(path) as file:
        remove_abandoned(path.parent)
        writer = ArrayWriter(file, path, max_rows)
        yield writer
        writer._finish()
