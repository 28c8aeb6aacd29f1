"""Images of any origin: a folder of image files, read in batches, or an `.npz`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_jax.images.opening import SUFFIXES, flattened, image_files, open_image
from gan_jax.untrusted import open_npz, printable, shown


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
      path: A folder of BMP, GIF, JPEG, PNG, PPM or WebP files with eight bits per channel, or an
        `.npz` with an array `images`, uint8 [N, H, W, C], as `--mode=sample` writes it, which is
        read whole. Transparency is laid over white, and an orientation in a file's EXIF data is
        applied, as in training; of an animated file the first frame counts.

    Raises:
      ValueError: If there are no images, or a file is none, of more than eight bits, or has another
        size (for all but the first while iterating); or if an `.npz` would fill the memory.
      OSError: If nothing is there, or it cannot be opened.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(_files_below(path))
        if not files:
            raise ValueError(f"{path} holds no images ({', '.join(SUFFIXES)})")
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


def _files_below(folder: Path) -> Iterator[Path]:
    """Image files of a folder and of those in it; links to folders may go round in circles."""
    yield from image_files(folder)
    for below in sorted(folder.iterdir()):
        if below.is_dir() and not below.is_symlink() and not below.name.startswith("."):
            yield from _files_below(below)


def _read_npz(path: Path) -> np.ndarray:
    with open_npz(path, advice="give an .npz with an array images, or a folder") as arrays:
        return arrays.read("images", _check_images)


def _check_images(dtype: np.dtype, shape: tuple[int, ...]) -> None:
    if dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3) or min(shape) < 0:
        raise ValueError(
            f"its images are {dtype} {shown(str(shape))[1:-1]}: they must be uint8 "
            "[N, H, W, 1 or 3] in [0, 255]"
        )


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
    try:
        with open_image(file) as image:
            return np.asarray(flattened(image).convert("RGB"))
    # What Pillow raises depends on the format and on the damage.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise ValueError(printable(f"{file} is no image that can be read ({reason})")) from None
