"""Scikit-learn's digits, which need no download."""

import numpy as np
from PIL import Image

from gan_jax.data.dataset import Dataset, from_arrays
from gan_jax.data.decoding import fit
from gan_jax.names import check_name


def digits(*, split: str, size: tuple[int, int], channels: int | None) -> Dataset:
    """Loads scikit-learn's 1797 digits of 8x8 pixels, enlarged with a bicubic filter.

    Args:
      split: "train", the only one.
      size: (H, W); of another aspect than a square, the center part is taken.
      channels: 1 (and None) or 3, the same plane repeated.

    Raises:
      ValueError: another split.
    """
    from sklearn.datasets import load_digits

    check_name("split of data set digits", split, ["train"])
    small, labels = load_digits(return_X_y=True)
    images = np.stack([_enlarge(s.reshape(8, 8), size) for s in small])[..., None]
    arrays = {
        "image": np.repeat(images, channels or 1, axis=-1),
        "label": labels.astype(np.int32),
    }
    names = {"label": tuple(str(digit) for digit in range(10))}
    return from_arrays(arrays, class_names=names, name="digits", split=split)


def _enlarge(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    # Resized before rounding: the values have 17 levels, and eight bits are there for 256.
    image = Image.fromarray(values.astype(np.float32) * (255 / 16))
    return np.clip(np.round(np.asarray(fit(image, size))), 0, 255).astype(np.uint8)
