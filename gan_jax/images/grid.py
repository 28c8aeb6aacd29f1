"""Grids of images, and PNG files whose bytes are a function of their pixels."""

import functools
import io
import math
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan_jax import files
from gan_jax.images.pixels import to_pixels

_BACKGROUND = 255
_MARGIN = 6  # Pixels around a label.
_NAMES = 160  # Pixels that the names of rows may take at least, or a third of the grid.
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def image_grid(images, *, columns: int | None = None, padding: int = 2) -> np.ndarray:
    """Puts images side by side, row by row, on a white background.

    Args:
      images: [N, H, W, C] float in [-1, 1], or uint8; C is 1 or 3.
      columns: Images in a row; as many as make the grid about square where None.
      padding: Pixels around each image.

    Returns:
      uint8 [H', W', C]. Places of the last row without an image are white.

    Raises:
      ValueError: If the shape is not that of images, or there is nothing to show.
    """
    pixels = to_pixels(images)
    if pixels.ndim != 4 or pixels.shape[-1] not in (1, 3):
        raise ValueError(f"a grid needs images [N, H, W, 1 or 3], got {list(pixels.shape)}")
    number, height, width, channels = pixels.shape
    if number == 0:
        raise ValueError("a grid needs at least one image")
    columns = math.ceil(math.sqrt(number)) if columns is None else columns
    if columns < 1 or padding < 0:
        raise ValueError(f"columns must be positive and padding not negative: {columns}, {padding}")
    rows = math.ceil(number / columns)
    cells = np.full(
        (rows * columns, height + padding, width + padding, channels), _BACKGROUND, np.uint8
    )
    cells[:number, padding:, padding:] = pixels
    cells = cells.reshape(rows, columns, height + padding, width + padding, channels)
    grid = cells.transpose(0, 2, 1, 3, 4).reshape(
        rows * (height + padding), columns * (width + padding), channels
    )
    return np.pad(grid, ((0, padding), (0, padding), (0, 0)), constant_values=_BACKGROUND)


def labeled_grid(
    images,
    row_labels: Sequence[str],
    *,
    column_labels: Sequence[str] = (),
    padding: int = 2,
) -> np.ndarray:
    """Puts images in rows with the name of each row at its left.

    Names that are too long end with an ellipsis. Which letters there are: `can_draw`.

    Args:
      images: [R * columns, H, W, C] float in [-1, 1], or uint8, row by row; C is 1 or 3.
      row_labels: R names, such as the classes'.
      column_labels: A name above each column; none where empty.
      padding: Pixels around each image.

    Returns:
      uint8 [H', W', 3].

    Raises:
      ValueError: If the images do not fill the rows, or the columns do not fit their names.
    """
    images = to_pixels(images)
    if not row_labels or len(images) % len(row_labels):
        raise ValueError(f"{len(images)} images do not fill {len(row_labels)} rows")
    columns = len(images) // len(row_labels)
    if column_labels and len(column_labels) != columns:
        raise ValueError(f"{len(column_labels)} names for {columns} columns")
    grid = image_grid(images, columns=columns, padding=padding)
    if grid.shape[-1] == 1:
        grid = np.repeat(grid, 3, axis=-1)
    height, width = images.shape[1] + padding, images.shape[2] + padding
    size = int(np.clip(height - padding, 8, 16))
    row_labels = [_shortened(text, max(_NAMES, grid.shape[1] // 3), size) for text in row_labels]
    if all(column_labels):  # Else a name may reach over the empty ones next to it.
        column_labels = [_shortened(text, width, size) for text in column_labels]
    left = _text_size(row_labels, size)[0] + 2 * _MARGIN
    top = _text_size(column_labels, size)[1] + _MARGIN if column_labels else 0
    labels = [
        (text, (left - _MARGIN, top + padding + i * height + (height - padding) / 2), "rm")
        for i, text in enumerate(row_labels)
    ] + [
        (text, (left + padding + j * width + (width - padding) / 2, top), "mb")
        for j, text in enumerate(column_labels)
    ]
    grid = np.pad(grid, ((top, 0), (left, 0), (0, 0)), constant_values=_BACKGROUND)
    return _draw_text(grid, labels, size)


def save_png(path: str | os.PathLike, pixels) -> None:
    """Writes an image atomically; the same pixels give the same bytes.

    Args:
      path: The file; its folder is made where it is missing.
      pixels: [H, W], [H, W, 1] or [H, W, 3], float in [-1, 1] or uint8.

    Raises:
      OSError: If it cannot be written, in one line; an older file is then still there.
      ValueError: If the shape is not that of an image.
    """
    files.write_bytes_atomically(path, encode_png(pixels))


def encode_png(pixels) -> bytes:
    """An image as the bytes of a PNG file; the same pixels give the same bytes.

    Args:
      pixels: [H, W], [H, W, 1] or [H, W, 3], float in [-1, 1] or uint8.

    Raises:
      ValueError: If the shape is not that of an image.
    """
    import PIL.Image

    pixels = to_pixels(pixels)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim != 2 and (pixels.ndim != 3 or pixels.shape[-1] != 3):
        raise ValueError(f"an image is [H, W], [H, W, 1] or [H, W, 3], got {list(pixels.shape)}")
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def can_draw(text: str) -> bool:
    """Whether the font of grids has all letters of a text: most alphabets, no Chinese."""
    return all(ord(letter) in _letters() for letter in unicodedata.normalize("NFC", text))


def _shortened(text: str, width: int, size: int) -> str:
    """The text in the letters of the font, cut so that it takes at most `width` pixels."""
    text = unicodedata.normalize("NFC", text)
    if _text_size([text], size)[0] <= width:
        return text
    cuts = (f"{text[:end].rstrip()}{_ELLIPSIS}" for end in range(len(text) - 1, 0, -1))
    return next((cut for cut in cuts if _text_size([cut], size)[0] <= width), _ELLIPSIS)


def _text_size(texts: Sequence[str], size: int) -> tuple[int, int]:
    boxes = [_font(size).getbbox(text) for text in texts]
    return math.ceil(max(box[2] for box in boxes)), math.ceil(max(box[3] for box in boxes))


def _draw_text(pixels: np.ndarray, labels, size: int) -> np.ndarray:
    import PIL.Image
    import PIL.ImageDraw

    canvas = PIL.Image.fromarray(pixels)
    draw = PIL.ImageDraw.Draw(canvas)
    for text, position, anchor in labels:
        draw.text(position, text, fill=(0, 0, 0), font=_font(size), anchor=anchor)
    return np.asarray(canvas)


# The font that comes with matplotlib is the same on every machine, as the bytes of a grid are.
def _font_file() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")


@functools.cache
def _font(size: int):
    import PIL.ImageFont

    # The basic layout, since whether there is another depends on the machine.
    return PIL.ImageFont.truetype(_font_file(), size, layout_engine=PIL.ImageFont.Layout.BASIC)


@functools.cache
def _letters() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_font_file())).get_charmap())
