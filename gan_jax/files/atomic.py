"""Files that are either the old one or the new one, never half of one."""

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
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.files.holders import machine

_DAY_SECONDS = 24 * 3600
# Containers may share a host's name, each with a process 1.
_HOST = re.sub(r"[^\w-]", "-", socket.gethostname())[:23]
_HOST += "-" + hashlib.sha256(machine().encode()).hexdigest()[:8]
_WRITER = re.compile(r"\.(?P<host>[^.]*)\.(?P<pid>\d{1,9})\.[0-9a-f]{8}\.partial$")


def write_bytes_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Replaces a file by other contents in one step; makes the folder where it is missing.

    Args:
      path: The file.
      data: Its new contents.

    Raises:
      OSError: If they cannot be written, in one line; the file is then as it was before.
    """
    with replacing(Path(path)) as file:
        write_all(file, Path(path), 0, data)


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


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[RawIOBase]:
    """A temporary file, which takes the place of `path` if all goes well."""
    with describing_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with temporary(path) as (file, name):
        yield file
        with describing_errors(path):
            os.fsync(file.fileno())
            os.replace(name, path)


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[tuple[RawIOBase, Path]]:
    """A new file next to `path`, and its name, which is removed at the end of the block."""
    # A name of its own: two processes that write the same file must not share a half of it.
    suffix = f"{_HOST}.{os.getpid()}.{uuid.uuid4().hex[:8]}.partial"
    name = path.with_name(f".{path.name.lstrip('.')[:40]}.{suffix}")
    try:
        with describing_errors(path):
            file = name.open("xb", buffering=0)
        with file:
            yield file, name
    finally:
        with contextlib.suppress(OSError):
            name.unlink()


def write_all(file: RawIOBase, path: Path, offset: int, data: bytes | np.ndarray) -> None:
    """Writes all of `data` at an offset of a file that is to become `path`; see `write_error`."""
    left = memoryview(data)
    with describing_errors(path):
        file.seek(offset)
        while left:
            left = left[file.write(left) :]


@contextlib.contextmanager
def describing_errors(path: Path) -> Iterator[None]:
    """Raises what the operating system refuses as `write_error` describes it."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


@contextlib.contextmanager
def unwinding_at_sigterm() -> Iterator[None]:
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
        # Another thread may leave the block, right before it ends the process.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def remove_abandoned(folder: Path) -> None:
    """Removes the temporary files in a folder whose writers are dead."""
    for temporary in folder.glob(".*.partial"):
        with contextlib.suppress(OSError):
            if not _WRITER.search(temporary.name):
                continue  # Another program's.
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
