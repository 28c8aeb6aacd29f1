"""Bytes by key in a folder that several processes use: checked, bounded, whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from gan_jax.files.atomic import remove_abandoned, write_bytes_atomically

_SUFFIX = ".kept"
_DIGEST_BYTES = 32


class KeyedFiles:
    """Values that can be made again: a failure to read one is the same as one that is not there.

    A value comes to be by a rename and carries its SHA-256, so that no process reads half of one.
    """

    def __init__(self, folder: Path, *, max_bytes: int, warn: Callable[[str], None]):
        """Names the folder, which is made by the first value.

        Args:
          folder: The folder; other files in it are left alone.
          max_bytes: The size of all values at most; those that were not read for the longest time
            make way.
          warn: Given one line when a value cannot be written, the first time.
        """
        self._path, self._max_bytes = folder, max_bytes
        self._warn, self._warned = warn, False

    def get(self, key: str) -> bytes | None:
        """The value of a key; None where there is none, or a damaged one, which is removed."""
        path = self._file(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):  # A folder that may only be read is of use, too.
            os.utime(path)
        digest, value = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if hashlib.sha256(value).digest() == digest:
            return value
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, key: str, value: bytes) -> None:
        """Keeps a value, and removes others where there are too many; never fails."""
        if len(value) > self._max_bytes:
            return
        try:
            if not self._path.is_dir():
                self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_bytes_atomically(self._file(key), hashlib.sha256(value).digest() + value)
        except OSError as error:
            if not self._warned:
                self._warn(str(error))
            self._warned = True
            return
        self._remove_oldest()

    def _file(self, key: str) -> Path:
        return self._path / f"{key}{_SUFFIX}"

    def _remove_oldest(self) -> None:
        remove_abandoned(self._path)
        found = []
        for path in self._path.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError):  # Another process may remove it meanwhile.
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
        size = sum(of_file for _, of_file, _ in found)
        for _, of_file, path in sorted(found):
            if size <= self._max_bytes:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            size -= of_file
