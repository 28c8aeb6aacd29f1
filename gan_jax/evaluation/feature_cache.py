"""What an extractor has seen in real images, kept on disk so that it looks once.

A file holds one array, so that it starts at a page and can be mapped into memory, then a JSON
description with the array's CRC-32, and a fixed tail: magic, length and SHA-256 of the description.
It is written under a temporary name and moved into place once it is whole and on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import signal
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from gan_jax.data import ImageDataset, cache_directory
from gan_jax.evaluation.features import batches_of
from gan_jax.files import write_error
from gan_jax.metrics import Extractor, Moments

CACHE_VERSION = 1  # Of the files, and of how images become features.
_MAGIC = b"GANFEAT\x01"
_TAIL = struct.Struct("<8sQ32s")
_CHUNK = 1 << 20
_ABANDONED_SECONDS = 24 * 3600


def batches(dataset: ImageDataset, rows: np.ndarray | None, size: int) -> Iterator[np.ndarray]:
    """Images of a data set, uint8 [B, H, W, C] with B up to `size`.

    Args:
      dataset: The images.
      rows: Which of them; None for all.
      size: Images at a time.
    """
    if rows is None:
        yield from batches_of(dataset.images, size)
    else:
        for part in batches_of(rows, size):
            yield dataset.images[part]


class Entry(NamedTuple):
    """Where is kept what an extractor sees in certain images.

    Attributes:
      path: Of the files, without their endings.
      key: What they are of, `{name: JSON value}`.
    """

    path: Path
    key: dict[str, Any]

    @classmethod
    def of(
        cls,
        extractor: Extractor,
        dataset: ImageDataset,
        rows: np.ndarray | None = None,
        *,
        cache_dir: str | Path | None = None,
    ) -> Entry:
        """Names the files; reads the images, as a data set can change under its name.

        Args:
          extractor: What sees them.
          dataset: The images.
          rows: Which of them; None for all.
          cache_dir: The folder; None for the place of decoded images.
        """
        digest = hashlib.sha256()
        for images in batches(dataset, rows, 1024):
            digest.update(np.ascontiguousarray(images))
        count = len(dataset) if rows is None else len(rows)
        key = {
            "version": CACHE_VERSION,
            "extractor": extractor.name,
            "resolution": extractor.resolution,
            "resize": extractor.resize,
            "feature_dim": extractor.feature_dim,
            "weights_sha256": extractor.weights_sha256,
            "images_shape": [count, *dataset.images.shape[1:]],
            "images_sha256": digest.hexdigest(),
        }
        stem = f"{dataset.name}-{dataset.split}-{extractor.name}-{count}"
        readable = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in stem)
        name = f"{readable[:80]}-{hashlib.sha256(_canonical(key)).hexdigest()[:16]}"
        return cls(cache_directory(cache_dir) / name, key)

    @property
    def count(self) -> int:
        """Number of images."""
        return self.key["images_shape"][0]

    @property
    def images_sha256(self) -> str:
        """SHA-256 of the images' bytes, in hexadecimal."""
        return self.key["images_sha256"]

    def read_features(self) -> np.ndarray | None:
        """float32 [N, D], a read-only memory map; None where they are missing or damaged."""
        return _read(
            self._file("features"), self.key, np.float32, (self.count, self.key["feature_dim"])
        )

    def read_moments(self) -> Moments | None:
        """Moments of the features; None where they are missing or damaged."""
        dim = self.key["feature_dim"]
        found = _read(self._file("moments"), self.key, np.float64, (dim + 1, dim))
        return (
            None if found is None else Moments(self.count, np.array(found[0]), np.array(found[1:]))
        )

    def write_features(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """Keeps the features.

        Args:
          blocks: float32 [B, D], N rows in all, in the order of the images.

        Returns:
          float32 [N, D], a read-only memory map.

        Raises:
          ValueError: If there are more or fewer, or others.
          OSError: If they cannot be written. Nothing is left then, nor after SIGTERM.
        """
        shape = (self.count, self.key["feature_dim"])
        _write(self._file("features"), self.key, np.float32, shape, blocks)
        kept = self.read_features()
        if kept is None:
            raise OSError(f"{self._file('features')} cannot be read back")
        return kept

    def write_moments(self, moments: Moments) -> None:
        """Keeps the moments of the features; raises as `write_features`."""
        dim = self.key["feature_dim"]
        # The mean, and under it the scatter: one array.
        blocks = [moments.mean[None], moments.scatter]
        _write(self._file("moments"), self.key, np.float64, (dim + 1, dim), blocks)

    def _file(self, ending: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{ending}")


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _stored(dtype: type) -> np.dtype:
    return np.dtype(dtype).newbyteorder("<")


def _read(path: Path, key: dict[str, Any], dtype: type, shape: tuple[int, ...]) -> np.memmap | None:
    """The array that `_write` wrote as a read-only memory map, None where it is not to be had."""
    try:
        with path.open("rb") as file:
            if _check(file, key, _stored(dtype), shape):
                # Of the open file: another process may put a new one into its place.
                return np.memmap(file, _stored(dtype), "r", shape=shape)
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        pass  # Not there, or damaged: to be computed (again).
    return None


def _check(file: BinaryIO, key: dict[str, Any], dtype: np.dtype, shape: tuple[int, ...]) -> bool:
    end = file.seek(0, os.SEEK_END)
    length = end - math.prod(shape) * dtype.itemsize
    if length < _TAIL.size:
        return False
    file.seek(end - length)
    text = file.read(length - _TAIL.size)
    if file.read() != _TAIL.pack(_MAGIC, len(text), hashlib.sha256(text).digest()):
        return False
    description = json.loads(text)
    known = {"key": key, "dtype": dtype.str, "shape": list(shape)}
    if any(description[name] != value for name, value in known.items()):
        return False
    file.seek(0)
    crc, left = 0, end - length
    while left and (chunk := file.read(min(left, _CHUNK))):
        crc, left = zlib.crc32(chunk, crc), left - len(chunk)
    return not left and crc == description["crc32"]


def _write(
    path: Path,
    key: dict[str, Any],
    dtype: type,
    shape: tuple[int, ...],
    blocks: Iterable[np.ndarray],
) -> None:
    with _replacing(path) as write:
        crc = rows = 0
        for block in blocks:
            if block.shape[1:] != shape[1:] or block.dtype != dtype:
                raise ValueError(f"not rows of {shape[1:]} {dtype.__name__} but of {block.shape}")
            data = np.ascontiguousarray(block, _stored(dtype)).data.cast("B")
            crc, rows = zlib.crc32(data, crc), rows + len(block)
            write(data)
        if rows != shape[0]:
            raise ValueError(f"{shape[0]} rows were promised, {rows} came")
        description = {"key": key, "dtype": _stored(dtype).str, "shape": list(shape), "crc32": crc}
        text = _canonical(description)
        write(text + _TAIL.pack(_MAGIC, len(text), hashlib.sha256(text).digest()))


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Callable[[bytes | memoryview], None]]:
    """What appends to a temporary file, which takes the place of `path` if all goes well."""
    # Two processes may compute the same: each writes a file of its own.
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    with _unwinding_at_sigterm():
        try:
            with _writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                _remove_abandoned(path.parent)
                file = partial.open("xb", buffering=0)
            with file:
                yield lambda data: _append(file, data, path)
                with _writing(path):
                    os.fsync(file.fileno())
            with _writing(path):
                os.replace(partial, path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()


def _append(file: RawIOBase, data: bytes | memoryview, path: Path) -> None:
    left = memoryview(data)
    with _writing(path):
        while left:
            left = left[file.write(left) :]


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


@contextlib.contextmanager
def _unwinding_at_sigterm() -> Iterator[None]:
    """Lets SIGTERM end the process by an exception where nobody else listens for it."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    ):
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
    """Removes what killed writers left a day ago or longer."""
    for old in folder.glob(".*.partial"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _ABANDONED_SECONDS:
                old.unlink()
