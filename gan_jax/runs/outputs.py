"""Where a mode may write what a flag names: found out before the work is done."""

from __future__ import annotations

import os
from pathlib import Path

# What a file is called until it is whole, is its name and so many characters more.
_TEMPORARY = len("..partial") + 32


def check_new(flag: str, path: str | Path) -> None:
    """Refuses an output that exists, or whose folder cannot take it. Nothing is touched.

    Args:
      flag: The flag that names it, as "--json", for the messages.
      path: The file.

    Raises:
      OSError: In one line.
    """
    if os.path.lexists(path):
        kind = "is a folder" if os.path.isdir(path) else "exists"
        raise FileExistsError(f"{path} {kind}: give a new {flag}")
    check_parent(flag, path)


def check_new_folder(flag: str, path: str | Path) -> None:
    """The same of a folder, which may be there if it is empty.

    Raises:
      OSError: In one line.
    """
    if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise FileExistsError(f"{path} exists and is not an empty folder: give a new {flag}")
    check_parent(flag, path)


def check_parent(flag: str, path: str | Path) -> None:
    """Refuses an output whose folder is not there, or cannot be written to.

    Args:
      flag: The flag that names the output.
      path: The output, which may exist.

    Raises:
      OSError: In one line.
    """
    parent = Path(path).absolute().parent
    if not parent.exists():
        raise FileNotFoundError(f"{flag}={path}: there is no folder {parent}, make it first")
    if not parent.is_dir():
        raise NotADirectoryError(f"{flag}={path}: {parent} is a file, not a folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise PermissionError(f"{flag}={path}: the folder {parent} cannot be written to")
    if len(os.fsencode(Path(path).name)) > os.pathconf(parent, "PC_NAME_MAX") - _TEMPORARY:
        raise OSError(f"{flag}: the name is too long, {len(Path(path).name)} characters")
