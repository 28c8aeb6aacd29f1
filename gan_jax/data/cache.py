"""Decoded images as one memory-mapped file, written whole or not at all.

A file holds the images (uint8, so that they start at a page), the labels (int32), a JSON
description, and a fixed tail: magic, length and SHA-256 of the description. Whatever a killed
writer leaves is a temporary name that no reader looks at.
"""

import contextlib
import errno
import hashlib
import json
import os
import struct
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_MAGIC = b"GANJAX\x00\x01"
_TAIL = struct.Struct("<8sQ32s")
_ABANDONED_SECONDS = 24 * 3600


class Decoded(NamedTuple):
    """Decoded examples.

    Attributes:
      images: uint8 [N, H, W, C].
      labels: int32 [N].
      skipped: a line for each example that could not be decoded.
    """

    images: np.ndarray
    labels: np.ndarray
    skipped: tuple[str, ...]


class UnwritableError(OSError):
    """The folder of the cache cannot be written to at all."""


def default_directory() -> Path:
    """Returns `$XDG_CACHE_HOME/gan_jax`, or `~/.cache/gan_jax`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gan_jax"


def cache_directory(chosen: str | Path | None = None) -> Path:
    """Returns the folder that was chosen, or the default where none was."""
    return Path(chosen).expanduser() if chosen else default_directory()


def path_for(directory: Path, stem: str, key: Mapping[str, Any]) -> Path:
    """Returns where the examples described by `key` (JSON values) belong."""
    digest = hashlib.sha256(_canonical(key)).hexdigest()[:16]
    readable = "".join(c if c.isalnum() or c in "-_." else "_" for c in stem)[:80]
    return directory / f"{readable}-{digest}.images"


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def read(path: Path, key: Mapping[str, Any]) -> Decoded | None:
    """Maps a file into memory.

    Args:
      path: where it should be.
      key: what it should hold.

    Returns:
      The examples, the images a read-only `numpy.memmap`; None where the file is missing,
      damaged or holds something else, so that it is to be written (again).
    """
    try:
        with path.open("rb") as file:
            description, labels = _read_description(file)
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    if description["key"] != json.loads(_canonical(key)):
        return None
    shape = tuple(description["shape"])
    images = np.memmap(path, np.uint8, "r", shape=shape)
    return Decoded(images, labels, tuple(description["skipped"]))


def _read_description(file: BinaryIO) -> tuple[dict[str, Any], np.ndarray]:
    end = file.seek(0, os.SEEK_END)
    file.seek(end - _TAIL.size)
    magic, length, digest = _TAIL.unpack(file.read(_TAIL.size))
    if magic != _MAGIC or length > end:
        raise ValueError("not a cache file")
    file.seek(end - _TAIL.size - length)
    text = file.read(length)
    if hashlib.sha256(text).digest() != digest:
        raise ValueError("damaged description")
    description = json.loads(text)
    count, height, width, channels = description["shape"]
    pixels = count * height * width * channels
    if end != pixels + 4 * count + length + _TAIL.size:
        raise ValueError("wrong size")
    file.seek(pixels)
    stored = file.read(4 * count)
    if zlib.crc32(stored) != description["labels_crc32"]:
        raise ValueError("damaged labels")
    return description, np.frombuffer(stored, "<i4").astype(np.int32)


def write(path: Path, key: Mapping[str, Any], batches: Iterable[Decoded]) -> None:
    """Writes examples to a temporary file and moves it into place.

    Several processes may write the same file at once: each writes its own temporary file, and
    the last one to finish stays.

    Args:
      path: where to. The folder is made.
      key: what the examples are, kept in the file.
      batches: the examples; every batch has the same H, W and C.

    Raises:
      UnwritableError: the folder cannot be made or written to; nothing was read from `batches`.
      OSError: the disk is full, or another failure while writing. The temporary file is gone.
    """
    with _temporary(path) as (file, temporary):
        labels, skipped, shape = [], [], None
        for batch in batches:
            file.write(np.ascontiguousarray(batch.images).data)
            labels.append(batch.labels)
            skipped.extend(batch.skipped)
            shape = batch.images.shape[1:]
        stored = np.concatenate(labels).astype("<i4").tobytes()
        text = _canonical(
            {
                "key": key,
                "shape": [len(stored) // 4, *shape],
                "labels_crc32": zlib.crc32(stored),
                "skipped": skipped,
            }
        )
        file.write(stored + text + _TAIL.pack(_MAGIC, len(text), hashlib.sha256(text).digest()))
        file.flush()
        os.fsync(file.fileno())
        file.close()
        os.replace(temporary, path)


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        file = temporary.open("xb")
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from e
        raise UnwritableError(f"cannot write to {path.parent}: {e.strerror}") from e
    try:
        with file:
            yield file, temporary
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from e
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _full(path: Path) -> OSError:
    error = OSError(
        f"the disk is full: no room for decoded images in {path.parent}; "
        "free some, or choose another cache_dir"
    )
    error.errno = errno.ENOSPC
    return error


def _remove_abandoned(path: Path) -> None:
    """Removes what killed writers of the same file left a day ago or longer."""
    for old in path.parent.glob(f".{path.name}.*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _ABANDONED_SECONDS:
                old.unlink()
