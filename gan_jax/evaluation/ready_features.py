"""Features that were extracted elsewhere, from a file."""

from __future__ import annotations

import hashlib
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from gan_jax.evaluation.features import Features
from gan_jax.untrusted import available_memory, open_regular, printable

# All that a damaged or hostile .npz was seen to raise.
_DAMAGE = (
    *(ValueError, KeyError, EOFError, AttributeError, TypeError, NotImplementedError),
    *(RuntimeError, OverflowError, MemoryError, OSError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError),
)


def read_features(path: str | Path) -> Features:
    """Reads ready features.

    Args:
      path: An `.npz` with an array `features`, real numbers [N, D], and for the Inception Score an
        array `logits` [N, K]. Nothing in it is executed.

    Returns:
      float32 [N, D] and [N, K], or [N, 0] where there are no logits.

    Raises:
      ValueError: In one line: the file is damaged, or its arrays are others.
      OSError: If it cannot be opened.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}: give an .npz with an array features")
    try:
        with open_regular(path) as raw:
            if not zipfile.is_zipfile(raw):
                raise ValueError("it is no whole .npz")
            with zipfile.ZipFile(raw) as archive:
                size = sum(info.file_size for info in archive.infolist())
            if size > (free := available_memory()):
                raise ValueError(f"it takes {size:,} bytes of memory, {free:,} are free")
            raw.seek(0)
            with np.load(raw, allow_pickle=False) as arrays:
                if "features" not in arrays:
                    raise ValueError("it holds no array features")
                features = _matrix(arrays["features"], "features")
                logits = np.empty((len(features), 0), np.float32)
                if "logits" in arrays:
                    logits = _matrix(arrays["logits"], "logits")
    except PermissionError as error:
        raise PermissionError(f"{path} cannot be read: permission denied") from error
    except _DAMAGE as error:
        reason = (str(error).strip("'").splitlines() or [type(error).__name__])[0][:300]
        raise ValueError(
            printable(f"{path} cannot be read ({reason}): give an .npz with an array features")
        ) from None
    return Features(features, logits)


def sha256_of(ready: Features) -> str:
    """SHA-256 of features and logits, hexadecimal."""
    found = hashlib.sha256()
    for array in ready:
        found.update(f"{array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return found.hexdigest()


def _matrix(array: np.ndarray, name: str) -> np.ndarray:
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"its {name} are {array.dtype} {list(array.shape)}, not floats [N, D]")
    return np.ascontiguousarray(array, np.float32)
