"""From one normal input to another along a great circle."""

from __future__ import annotations

import numpy as np

_FLAT = 1e-4  # Sine of an angle below which two points span no great circle to follow.


def great_circle(start: np.ndarray, stop: np.ndarray, steps: int) -> np.ndarray:
    """Interpolates along a great circle, which keeps the length that a normal input has.

    White 2016, arXiv:1609.04468.

    Args:
      start: float [N, D].
      stop: float [N, D].
      steps: Points from one to the other, both ends included, at least 2.

    Returns:
      float32 [N, steps, D]; a straight line between points of nearly the same or the opposite
      direction.

    Raises:
      ValueError: If `steps` is below 2.
    """
    if steps < 2:
        raise ValueError(f"an interpolation has at least 2 steps, not {steps}")
    start, stop = np.float64(start)[:, None], np.float64(stop)[:, None]
    lengths = np.linalg.norm(start, axis=-1) * np.linalg.norm(stop, axis=-1)
    cosine = np.sum(start * stop, axis=-1) / np.maximum(lengths, 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))[..., None]
    t = np.linspace(0.0, 1.0, steps)[None, :, None]
    sine = np.sin(angle)
    flat = sine < _FLAT
    safe = np.where(flat, 1.0, sine)
    circle = (np.sin((1.0 - t) * angle) * start + np.sin(t * angle) * stop) / safe
    return np.where(flat, (1.0 - t) * start + t * stop, circle).astype(np.float32)
