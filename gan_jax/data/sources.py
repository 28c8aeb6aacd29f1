"""Sources of encoded images that need no download: an image folder, scikit-learn's digits."""

import dataclasses
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from gan_jax.data.dataset import ImageDataset, nearest

_EXTENSIONS = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
_GRAY_MODES = ("1", "L", "LA", "La")


class Example(NamedTuple):
    """One encoded image.

    Attributes:
      name: what to call it in a message.
      encoded: the bytes of a file, or where the file is.
      label: its label, 0 where there are none.
    """

    name: str
    encoded: bytes | Path
    label: int


@dataclasses.dataclass(frozen=True)
class Source:
    """Encoded images that can be read at random.

    Attributes:
      length: number of examples.
      channels: 1 or 3, as the images are stored; None where only the files can tell.
      class_names: the names of the classes, empty where there are no labels.
      read: the examples start, ..., stop - 1.
      tolerant: whether an image that cannot be decoded is skipped, or an error.
      identity: JSON values that differ whenever the examples may.
    """

    length: int
    channels: int | None
    class_names: tuple[str, ...]
    read: Callable[[int, int], Sequence[Example]]
    tolerant: bool
    identity: dict[str, Any]


def decode(encoded: bytes | Path, image_size: int, channels: int) -> np.ndarray:
    """Decodes one image to a square.

    An image of another size is cut to its centre square and resized with Pillow's bicubic
    filter, which is antialiased: MNIST's 28x28 are enlarged to 32x32, not padded. Transparency
    is laid over white, an orientation in the file's EXIF data is applied.

    Args:
      encoded: the bytes of a file, or where the file is.
      image_size: the height and width to make.
      channels: 1 for luma (ITU-R 601), 3 for RGB; grey is repeated.

    Returns:
      uint8 [image_size, image_size, channels].

    Raises:
      ValueError: more than 8 bits a channel.
      Exception: whatever Pillow raises for a damaged file.
    """
    with _open(encoded) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode == "F" or image.mode.startswith("I"):
            raise ValueError("more than 8 bits a channel")
        if image.has_transparency_data:
            over = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(over, image.convert("RGBA")).convert("RGB")
        image = image.convert("L" if channels == 1 else "RGB")
        if image.size != (image_size, image_size):
            image = _resize(image, image_size)
        return np.asarray(image).reshape(image_size, image_size, channels)


def _open(encoded: bytes | Path) -> Image.Image:
    return Image.open(io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded)


def _resize(image: Image.Image, image_size: int) -> Image.Image:
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    # Cropped first: resize's own `box` would let the filter see pixels that are cut off.
    square = image.crop((left, top, left + side, top + side))
    return square.resize((image_size, image_size), Image.Resampling.BICUBIC)


def folder(path: Path) -> Source:
    """Describes a folder of images, or of a sub-folder of images a class.

    Files are taken in the order of their names, classes in the order of theirs. Hidden files and
    folders, files that are no images by their extension, and sub-folders without images are
    passed over. Images that cannot be decoded are skipped when reading.

    Raises:
      ValueError: no such folder, no image in it, or both images and sub-folders of images.
    """
    path = path.expanduser()
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise ValueError(f"image folder {path} {what}")
    here = _images_in(path)
    subfolders = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    classes = {p.name: files for p in subfolders if (files := _images_in(p))}
    if here and classes:
        raise ValueError(
            f"image folder {path} holds both images and sub-folders of images "
            f"({', '.join(list(classes)[:3])}); keep either images or a sub-folder a class"
        )
    if not here and not classes:
        raise ValueError(
            f"image folder {path} holds no images ({', '.join(sorted(_EXTENSIONS))}), "
            "directly or in a sub-folder a class"
        )
    classes = classes or {path.resolve().name: here}
    examples = [
        Example(str(file), file, label)
        for label, files in enumerate(classes.values())
        for file in files
    ]
    stats = [(e.encoded, e.encoded.stat()) for e in examples]
    return Source(
        length=len(examples),
        channels=None,
        class_names=tuple(classes),
        read=lambda start, stop: examples[start:stop],
        tolerant=True,
        identity={
            "folder": str(path.resolve()),
            "files": [[str(f.relative_to(path)), s.st_size, s.st_mtime_ns] for f, s in stats],
        },
    )


def _images_in(path: Path) -> list[Path]:
    return sorted(
        p
        for p in path.iterdir()
        if p.suffix.lower() in _EXTENSIONS and not p.name.startswith(".") and p.is_file()
    )


def is_gray(encoded: bytes | Path) -> bool:
    """Whether an image is grey by its header; a broken one says nothing against it."""
    try:
        with _open(encoded) as image:
            return image.mode in _GRAY_MODES
    except Exception:  # Pillow's plug-ins raise what they like on damaged files
        return True


def digits(*, split: str, image_size: int, channels: int | None) -> ImageDataset:
    """Loads scikit-learn's 1797 digits of 8x8 pixels, enlarged with a bicubic filter.

    Args:
      split: "train", the only one.
      image_size: height and width.
      channels: 1 (and None) or 3, the same plane repeated.

    Raises:
      ValueError: another split.
    """
    from sklearn.datasets import load_digits

    if split != "train":
        raise ValueError(f"data set 'digits' has no split {split!r}; {nearest(split, ['train'])}")
    small, labels = load_digits(return_X_y=True)
    images = np.stack([_enlarge(s.reshape(8, 8), image_size) for s in small])[..., None]
    images = np.repeat(images, channels or 1, axis=-1)
    labels = labels.astype(np.int32)
    images.flags.writeable = labels.flags.writeable = False
    names = tuple(str(digit) for digit in range(10))
    return ImageDataset(images, labels, names, name="digits", split=split)


def _enlarge(values: np.ndarray, image_size: int) -> np.ndarray:
    # Resized before rounding: the values have 17 levels, and eight bits are there for 256.
    image = Image.fromarray(values.astype(np.float32) * (255 / 16))
    resized = np.asarray(image.resize((image_size, image_size), Image.Resampling.BICUBIC))
    return np.clip(np.round(resized), 0, 255).astype(np.uint8)
