"""Checksums of the files of one checkpoint, kept in its folder.

The record in the checkpoint (see ``leaves``) is enough to verify the arrays that were read. The
files are verified first, so that TensorStore is not given a damaged one and the user reads which it
is. A checkpoint without these checksums is verified by its record alone.
"""

import json
import os
import pathlib
import zlib

from gan_jax.checkpoint.errors import DamagedError
from gan_jax.untrusted import irregular

_NAME = "checksums.json"
_BLOCK = 1 << 20


def seal(folder: pathlib.Path) -> None:
    """Records size and CRC-32 of every file in the sub-folders of a checkpoint.

    Orbax still changes its own metadata at the top of the folder after this.

    Args:
      folder: Folder of a checkpoint whose items are complete.

    Raises:
      OSError: If a file cannot be read or written; the folder is then as before.
    """
    sums = {
        path.relative_to(folder).as_posix(): [path.stat().st_size, _crc32(path)]
        for path in sorted(folder.glob("*/**/*"))
        if path.is_file()
    }
    temporary = folder / f"{_NAME}.tmp"
    try:
        temporary.write_text(json.dumps({"files": sums, "crc32": _crc32_of_json(sums)}, indent=1))
        os.replace(temporary, folder / _NAME)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def verify(folder: pathlib.Path, *, contents: bool = True) -> None:
    """Checks the files of a checkpoint against ``seal``; passes if there are no checksums.

    Nothing but files and folders is passed in any case: opening a fifo would wait for its writer.

    Args:
      folder: Folder of a checkpoint.
      contents: Whether to check what is in the files, which reads them all, or their sizes alone.

    Raises:
      DamagedError: If a file is missing or differs; names the first one.
    """
    for path in folder.rglob("*"):
        if not path.is_dir() and (what := irregular(path)):
            raise DamagedError(f"{path.relative_to(folder)} is {what}, not a file")
    try:
        written = json.loads((folder / _NAME).read_bytes())
        sums = written["files"]
        trusted = written["crc32"] == _crc32_of_json(sums)
    except (OSError, ValueError, KeyError, TypeError):
        trusted = False
    if not trusted:
        # Then the record of the checkpoint has to decide.
        return
    for name, (size, crc32) in sums.items():
        path = folder / name
        if not path.is_file():
            raise DamagedError(f"{name} is missing")
        if path.stat().st_size != size:
            raise DamagedError(f"{name} has {path.stat().st_size} bytes instead of {size}")
        if contents and _crc32(path) != crc32:
            raise DamagedError(f"{name} does not match its checksum")


def _crc32_of_json(value: object) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())


def _crc32(path: pathlib.Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value
