"""Images of any origin, read a batch at a time: a folder of pictures, or an `.npz`."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class ImageFiles(NamedTuple):
    """Images on disk.

    Attributes:
      count: How many there are.
      batches: Called with a batch size, yields uint8 [B, H, W, C], C being 1 or 3.
    """

    count: int
    batches: Callable[[int], Iterator[np.ndarray]]


def open_images(path: str | Path) -> ImageFiles:
    """Finds the images of a folder, its sub-folders included, or of an `.npz`.

    They are not resized: all must have the size of the first.

    Args:
      path: A folder of PNG, JPEG, WebP or BMP files, or an `.npz` with an array `images`, uint8
        [N, H, W, C], as `--mode=sample` writes it.

    Raises:
      ValueError: If there are no images, or a file is none or has another size (while iterating).
      OSError: If nothing is there.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(f for f in path.rglob("*") if f.suffix.lower() in _SUFFIXES)
        if not files:
            raise ValueError(f"{path} holds no images ({', '.join(_SUFFIXES)})")
        return ImageFiles(len(files), lambda size: _read_folder(files, size))
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}: give a folder of images or an .npz")
    images = _read_npz(path)
    return ImageFiles(len(images), lambda size: _cut(images, size))


def _cut(images: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(images), size):
        yield images[start : start + size]


def _read_npz(path: Path) -> np.ndarray:
    try:
        # Opened here, as NumPy leaves what it cannot read open.
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            images = file["images"]
    except (ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} cannot be read ({error}): give an .npz with an array images, or a folder"
        ) from None
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(
            f"images in {path} are {images.dtype} {images.shape}: they must be uint8 "
            "[N, H, W, 1 or 3] in [0, 255]"
        )
    return images


def _read_folder(files: list[Path], size: int) -> Iterator[np.ndarray]:
    first = _read(files[0])
    for start in range(0, len(files), size):
        images = [_read(file) for file in files[start : start + size]]
        for file, image in zip(files[start : start + size], images, strict=True):
            if image.shape != first.shape:
                raise ValueError(
                    f"{file} is {image.shape[1]}x{image.shape[0]}, {files[0].name} "
                    f"{first.shape[1]}x{first.shape[0]}: resize them to one size first"
                )
        yield np.stack(images)


def _read(file: Path) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{file} is no image that can be read ({error})") from None
