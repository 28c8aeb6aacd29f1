"""Arrays of an `.npz` from anywhere: nothing is executed, no memory is taken that no bytes fill."""

from __future__ import annotations

import contextlib
import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gan_jax.untrusted.opening import available_memory, open_regular
from gan_jax.untrusted.strict_json import printable

_PIECE_BYTES = 1 << 24

# All that a damaged or hostile .npz was seen to raise.
_DAMAGE = (
    *(ValueError, KeyError, EOFError, AttributeError, TypeError, NotImplementedError),
    *(RuntimeError, OverflowError, MemoryError, OSError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError),
)

Check = Callable[[np.dtype, tuple[int, ...]], None]


class Npz:
    """The arrays of an open file, by name."""

    def __init__(self, archive: zipfile.ZipFile):
        """Reads nothing yet."""
        self._archive = archive
        self._sizes = {info.filename: info.file_size for info in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._sizes

    def read(self, name: str, check: Check) -> np.ndarray:
        """Reads an array, with whose header the number of its bytes must agree first.

        Args:
          name: Its name.
          check: Given dtype and shape before memory is taken; raises ValueError, in words that
            follow "PATH cannot be read", for those that are not wanted. No dtype that holds
            objects is to pass.

        Raises:
          ValueError: If there is none of this name, or another one.
          EOFError: If it is cut short.
        """
        if name not in self:
            names = ", ".join(member.removesuffix(".npy") for member in self._sizes)
            raise ValueError(f"it holds {names[:200] or 'nothing'}, and no array {name}")
        with self._archive.open(f"{name}.npy") as member:
            assert isinstance(member, zipfile.ZipExtFile)
            return _read_array(member, self._sizes[f"{name}.npy"], name, check)


@contextlib.contextmanager
def open_npz(path: Path, *, advice: str) -> Iterator[Npz]:
    """Opens an `.npz`; whatever is wrong with it within the block is one line.

    Args:
      path: The file.
      advice: What to give instead, for the line.

    Raises:
      ValueError: In one line, if the file is damaged or its arrays are not read.
      PermissionError: If it may not be opened.
    """
    try:
        # Opened here, as zipfile leaves what it cannot read open.
        with open_regular(path) as raw:
            if not zipfile.is_zipfile(raw):
                raise ValueError("it is no whole .npz")
            with zipfile.ZipFile(raw) as archive:
                yield Npz(archive)
    except PermissionError as error:
        raise PermissionError(f"{path} cannot be read: permission denied") from error
    except _DAMAGE as error:
        reason = (str(error).strip("'").splitlines() or [type(error).__name__])[0][:300]
        raise ValueError(printable(f"{path} cannot be read ({reason}): {advice}")) from None


def _read_array(member: zipfile.ZipExtFile, size: int, name: str, check: Check) -> np.ndarray:
    version = np.lib.format.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"its format is {version[0]}.{version[1]}, not 1.0 or 2.0")
    with warnings.catch_warnings():
        # Python's parser warns of escapes in a damaged header.
        warnings.simplefilter("ignore")
        read_header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
        shape, is_fortran, dtype = read_header(member)
    check(dtype, shape)
    count = math.prod(shape) * dtype.itemsize
    if member.tell() + count != size:
        raise ValueError(f"its {name} have {size - member.tell():,} bytes instead of {count:,}")
    if count > (free := available_memory()):
        raise ValueError(f"its {name} take {count:,} bytes of memory, {free:,} are free")
    content = np.empty(count, np.uint8)
    left = memoryview(content)
    while left:
        if not (read := member.readinto(left[:_PIECE_BYTES])):
            raise EOFError("it is cut short")
        left = left[read:]
    member.read(1)  # The checksum is compared where the member ends.
    return content.view(dtype).reshape(shape, order="F" if is_fortran else "C")
