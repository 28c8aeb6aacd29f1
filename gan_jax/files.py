"""Files that are either the old one or the new one, never half of one."""

import contextlib
import json
import math
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np


def write_bytes_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Replaces a file by other contents in one step; makes the folder where it is missing.

    Args:
      path: The file.
      data: Its new contents.

    Raises:
      OSError: If they cannot be written, in one line; the file is then as it was before.
    """
    path = pathlib.Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own: two processes that write the same file must not share a half of it.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise write_error(path, error) from error


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


def _umask() -> int:
    # Python can only read it by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
