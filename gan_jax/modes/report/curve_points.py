"""Points of a line for a page: fewer of them, and their moving mean."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np

MAX_DRAWN = 1e300
_SMOOTHED_SHARE = 0.03  # Of the points, under the window of the moving mean.


def half_window(count: int) -> int:
    """Points at each side of one that its moving mean takes in; 0 where there are too few."""
    return int(count * _SMOOTHED_SHARE / 2)


def drawable(values: Sequence[float]) -> np.ndarray:
    """The values as float64 [N], NaN for what is beyond `MAX_DRAWN`, where axes overflow."""
    found = np.asarray(values, np.float64)
    return np.where(np.abs(found) <= MAX_DRAWN, found, np.nan)


def plain(values) -> list[float | None]:
    """Six digits, more than a pixel shows; None, which plotly leaves blank, for what is none."""
    return [float(f"{v:.6g}") if math.isfinite(v) else None for v in map(float, values)]


def thin(x: np.ndarray, y: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns x and y, of every bucket of so many points the extremes alone: no peak is lost."""
    if len(y) <= limit:
        return x, y, 1
    size = math.ceil(2 * len(y) / limit)
    kept: list[int] = []
    for start in range(0, len(y), size):
        bucket = y[start : start + size]
        if np.isfinite(bucket).any():
            extremes = {int(np.nanargmin(_finite(bucket))), int(np.nanargmax(_finite(bucket)))}
            kept += sorted(start + i for i in extremes)
        else:
            kept.append(start)
    return x[kept], y[kept], size


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def moving_mean(values: np.ndarray, half: int) -> np.ndarray:
    """The centered mean of what is finite in each window, [N] -> [N]."""
    padded = np.pad(_finite(values), half, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.nanmean(windows, axis=-1)
