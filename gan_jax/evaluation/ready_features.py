"""Features that were extracted elsewhere, from a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from gan_jax.evaluation.features import Features
from gan_jax.untrusted import Npz, open_npz


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
    with open_npz(path, advice="give an .npz with an array features") as arrays:
        features = _read(arrays, "features")
        logits = np.empty((len(features), 0), np.float32)
        if "logits" in arrays:
            logits = _read(arrays, "logits")
    return Features(features, logits)


def sha256_of(ready: Features) -> str:
    """SHA-256 of features and logits, hexadecimal."""
    found = hashlib.sha256()
    for array in ready:
        found.update(f"{array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return found.hexdigest()


def _read(arrays: Npz, name: str) -> np.ndarray:
    def check(dtype: np.dtype, shape: tuple[int, ...]) -> None:
        if len(shape) != 2 or min(shape) < 0 or not np.issubdtype(dtype, np.floating):
            raise ValueError(f"its {name} are {dtype} {list(shape)}, not floats [N, D]")

    return np.ascontiguousarray(arrays.read(name, check), np.float32)
