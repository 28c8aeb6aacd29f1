"""Decoded images kept in files, by what they were decoded from."""

import contextlib
import errno
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax import files
from gan_jax.data.dataset import ContentHash
from gan_jax.files import locks
from gan_jax.files.arrays import SMALL_BYTES

_log = logging.getLogger(__name__)


class Block(NamedTuple):
    """Some decoded examples.

    Attributes:
      arrays: `{name: array [B, ...]}`.
      skipped: a line for each example that could not be decoded.
      unread: the files among them that could not be read at all, and may be another time.
    """

    arrays: Mapping[str, np.ndarray]
    skipped: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


class Decoded(NamedTuple):
    """All examples of a source.

    Attributes:
      arrays: `{name: array [N, ...]}`, read-only.
      skipped: a line for each example that could not be decoded.
      identity: SHA-256 of the arrays, hexadecimal.
    """

    arrays: dict[str, np.ndarray]
    skipped: tuple[str, ...]
    identity: str


class UnwritableError(OSError):
    """The folder of the cache cannot be written to at all."""


def default_directory() -> Path:
    """Returns `$XDG_CACHE_HOME/gan_jax`, or `~/.cache/gan_jax`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gan_jax"


def cache_directory(chosen: str | Path | None) -> Path:
    """Returns the folder that was chosen, or the default where none was."""
    return Path(chosen).expanduser() if chosen else default_directory()


def path_for(directory: Path, stem: str, key: Mapping[str, Any]) -> Path:
    """Returns where a file belongs that `key` (JSON values) describes; the name has no ending."""
    digest = hashlib.sha256(files.canonical_json(key)).hexdigest()[:16]
    readable = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in stem)
    return directory / f"{readable[:80]}-{digest}"


def read(path: Path, key: Mapping[str, Any], *, retry: bool = True) -> Decoded | None:
    """Maps a file into memory.

    The checksums of its images are compared once for each version of the file, which a small file
    next to a large one records: CIFAR-10 (150 MB) takes 0.1 s, but a data set may be of any size.

    Args:
      path: where it should be.
      key: what it should hold.
      retry: whether examples that are left out, because they could not be read, count as missing
        if they can be read now.

    Returns:
      The examples, as read-only memory maps; None where the file is missing, damaged or holds
      something else, so that it is to be written (again).
    """
    version = _version(path)
    verified = version is not None and _noted_version(path) == version
    found = files.read_arrays(path, verify=not verified)
    if found is None or found[1].get("key") != files.to_json(key):
        if version is not None:
            _log.warning("%s is damaged; it is made again", path)
        return None
    arrays, description = found
    if retry and any(map(_can_be_read, description.get("unread", ()))):
        return None
    if not verified and path.stat().st_size > SMALL_BYTES and version == _version(path):
        _note_version(path, version)
    return Decoded(arrays, tuple(description["skipped"]), description["identity"])


def _version(path: Path) -> list[int] | None:
    """What changes with the contents of a file; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _noted_version(path: Path) -> Any:
    try:
        return json.loads(_note(path).read_text())
    except (OSError, ValueError):
        return None


def _note_version(path: Path, version: Any) -> None:
    # Where nothing can be noted, the file is verified at every start.
    with contextlib.suppress(OSError):
        files.write_json_atomically(_note(path), version)


def _can_be_read(file: str) -> bool:
    try:
        with open(file, "rb") as opened:
            return bool(opened.read(1))
    except OSError:
        return False


def write(path: Path, key: Mapping[str, Any], blocks: Iterable[Block], *, max_rows: int) -> None:
    """Writes examples to a file, whole or not at all; see `files.array_writer`.

    Args:
      path: where to. The folder is made.
      key: what the examples are, JSON values, kept in the file.
      blocks: the examples; rows of the same arrays in every block.
      max_rows: the most examples that will come.

    Raises:
      UnwritableError: the folder cannot be made or written to; nothing was read from `blocks`.
      OSError: the disk is full, or another failure while writing.
    """
    started = False
    try:
        with files.array_writer(path, max_rows=max_rows) as writer:
            started = True
            content, skipped, unread = ContentHash(), list[str](), list[str]()
            for block in blocks:
                writer.append(block.arrays)
                content.update(block.arrays)
                skipped.extend(block.skipped)
                unread.extend(block.unread)
            identity = content.hexdigest()
            writer.description.update(key=key, skipped=skipped, unread=unread, identity=identity)
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from e
        if not started:
            reason = e.__cause__.strerror if isinstance(e.__cause__, OSError) else e
            raise UnwritableError(f"cannot write to {path.parent}: {reason}") from e
        raise


def through_cache(
    directory: Path, stem: str, key: dict[str, Any], blocks: Iterator[Block], *, max_rows: int
) -> Decoded:
    """Returns examples from the cache, where they are written first if they are not there.

    Of several processes that look for them at once one writes them, and the others wait.

    Args:
      directory: the folder of the cache. If it cannot be written to, the examples are kept in
        memory and a warning is logged.
      stem: how the name of the file begins.
      key: what tells these examples from others, JSON values.
      blocks: the examples, read if the cache does not hold them.
      max_rows: the most examples that will come.

    Raises:
      OSError: the disk is full.
    """
    path = path_for(directory, stem, key)
    path = path.with_name(f"{path.name}.images")
    decoded = read(path, key)
    if decoded is not None:
        return decoded
    with locks.making(path, _log.warning):
        if path.exists():
            decoded = read(path, key)
        return _write_and_read(path, key, blocks, max_rows) if decoded is None else decoded


def _write_and_read(
    path: Path, key: dict[str, Any], blocks: Iterator[Block], max_rows: int
) -> Decoded:
    try:
        write(path, key, blocks, max_rows=max_rows)
    except UnwritableError as e:
        _log.warning("%s; the decoded images are kept in memory only", e)
        return _in_memory(blocks)
    # Read back whole: a disk that keeps something else than was written is found out now.
    decoded = read(path, key, retry=False)
    if decoded is None:
        raise OSError(f"decoded images were written to {path} and cannot be read back")
    return decoded


def _in_memory(blocks: Iterable[Block]) -> Decoded:
    blocks = list(blocks)
    arrays = {
        name: np.concatenate([block.arrays[name] for block in blocks]) for name in blocks[0].arrays
    }
    content = ContentHash()
    content.update(arrays)
    return Decoded(arrays, sum((b.skipped for b in blocks), ()), content.hexdigest())


def _full(path: Path) -> OSError:
    error = OSError(
        f"the disk is full: no room for decoded images in {path.parent}; "
        "free some, or choose another cache_dir"
    )
    error.errno = errno.ENOSPC
    return error
