"""Opens regular files alone: a fifo would wait for its writer, a device may do anything."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

_WHAT = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}


def irregular(path: str | os.PathLike, *, follow: bool = True) -> str:
    """What a path is that is no regular file, as "a fifo"; empty for a regular file.

    Args:
      path: The path. Nothing is opened: opening a fifo would wait for its writer.
      follow: Whether a symbolic link counts as what it leads to.

    Raises:
      OSError: If nothing is there.
    """
    return _kind(os.stat(path, follow_symlinks=follow).st_mode)


def open_regular(path: str | os.PathLike, *, follow: bool = True) -> BinaryIO:
    """Opens a regular file for reading, and nothing else.

    Args:
      path: The file.
      follow: Whether it may be a symbolic link to one.

    Raises:
      OSError: If it is not there, cannot be opened, or is a fifo, a device or the like.
    """
    if what := irregular(path, follow=follow):
        raise OSError(f"{os.fspath(path)} is {what}, not a file")
    # Between the two it may have become a fifo, whose opening would wait.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    number = os.open(path, flags | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    file = os.fdopen(number, "rb")
    if what := _kind(os.fstat(number).st_mode):
        file.close()
        raise OSError(f"{os.fspath(path)} is {what}, not a file")
    return file


def _kind(mode: int) -> str:
    return "" if stat.S_ISREG(mode) else _WHAT.get(stat.S_IFMT(mode), "no regular file")


def read_bytes(path: str | os.PathLike, *, most: int) -> bytes:
    """Reads a regular file whole.

    Args:
      path: The file.
      most: The bytes that it may have.

    Raises:
      OSError: As `open_regular`.
      ValueError: If it is larger.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{os.fspath(path)} has more than {most:,} bytes")
    return content


def available_memory() -> int:
    """Bytes of memory that can be had without swapping; the machine's where that is not known."""
    try:
        text = Path("/proc/meminfo").read_text()
        return int(text.partition("MemAvailable:")[2].split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
