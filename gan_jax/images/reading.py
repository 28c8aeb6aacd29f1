"""Images of any origin: a folder of image files, read in batches, or an `.npz`."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
# Eight bits per channel and nothing else: Pillow's conversion of the others changes the pixels.
_MODES = ("1", "L", "P", "RGB")
# All that a damaged or hostile .npz was seen to raise.
_DAMAGE = (
    *(ValueError, KeyError, EOFError, AttributeError, TypeError, NotImplementedError),
    *(RuntimeError, OverflowError, MemoryError, OSError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError),
)


class ImageFiles(NamedTuple):
    """Images on disk.

    Attributes:
      count: How many there are.
      shape: (H, W, C) of each, C being 1 or 3.
      batches: `batches(rows, size)` yields uint8 [B, H, W, C] with B up to `size`, of the images
        with these numbers, in their order.
    """

    count: int  # type: ignore[assignment]  # hides tuple.count
    shape: tuple[int, int, int]
    batches: Callable[[np.ndarray, int], Iterator[np.ndarray]]


def batches_of(rows: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Cuts images, or rows of anything, into batches.

    Args:
      rows: An array [N, ...].
      batch_size: Rows in a batch, but for the last, which may be smaller.
    """
    for start in range(0, len(rows), batch_size):
        yield rows[start : start + batch_size]


def open_images(path: str | Path) -> ImageFiles:
    """Finds the images of a folder, its sub-folders included, or of an `.npz`.

    They are not resized: all must have the size of the first.

    Args:
      path: A folder of PNG, JPEG, WebP or BMP files with eight bits per channel, or an `.npz` with
        an array `images`, uint8 [N, H, W, C], as `--mode=sample` writes it, which is read whole.

    Raises:
      ValueError: If there are no images, or a file is none, transparent, of more than eight bits,
        or has another size (for all but the first while iterating).
      OSError: If nothing is there.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(f for f in path.rglob("*") if f.suffix.lower() in _SUFFIXES)
        if not files:
            raise ValueError(f"{path} holds no images ({', '.join(_SUFFIXES)})")
        shape = _read(files[0]).shape
        return ImageFiles(
            len(files), shape, lambda rows, size: _read_folder(files, shape, rows, size)
        )
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}: give a folder of images or an .npz")
    images = _read_npz(path)
    if not len(images):
        raise ValueError(f"{path} holds no images: its array images is empty")
    return ImageFiles(
        len(images),
        images.shape[1:],
        lambda rows, size: (images[part] for part in batches_of(rows, size)),
    )


def _read_npz(path: Path) -> np.ndarray:
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no whole .npz: give one with an array images, or a folder")
    try:
        # Opened here, as NumPy leaves what it cannot read open.
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            if "images" not in file:
                raise KeyError(f"it holds {', '.join(file) or 'nothing'}, and no array images")
            images = file["images"]
    except _DAMAGE as error:
        reason = (str(error).strip("'").splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{path} cannot be read ({reason}): give an .npz with an array images, or a folder"
        ) from None
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise ValueError(
            f"images in {path} are {images.dtype} {images.shape}: they must be uint8 "
            "[N, H, W, 1 or 3] in [0, 255]"
        )
    return images


def _read_folder(
    files: list[Path], shape: tuple[int, ...], rows: np.ndarray, size: int
) -> Iterator[np.ndarray]:
    for part in batches_of(rows, size):
        images = []
        for row in part:
            image = _read(files[row])
            if image.shape != shape:
                raise ValueError(
                    f"{files[row]} is {image.shape[1]}x{image.shape[0]}, {files[0].name} "
                    f"{shape[1]}x{shape[0]}: resize them to one size first"
                )
            images.append(image)
        yield np.stack(images)


def _read(file: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(file) as image:
            if image.mode in _MODES and "transparency" not in image.info:
                return np.asarray(image.convert("RGB"))
            mode = image.mode
    # What Pillow raises depends on the format and on the damage.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{file} is no image that can be read ({reason})") from None
    raise ValueError(
        f"{file} is of Pillow's mode {mode}: save it as RGB or gray with eight bits per channel "
        "and without transparency"
    )
