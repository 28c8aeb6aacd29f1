"""The one place that opens image files: which kinds, of what depth and size, and what they become.

Training, evaluation and the report read by the same rules.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gan_jax.untrusted import irregular, open_regular, printable

if TYPE_CHECKING:
    from PIL.Image import Image

_log = logging.getLogger(__name__)

# Pillow's names; what a file holds decides, whatever its name ends in. Pillow knows more: some
# start other programs (PostScript starts Ghostscript), TIFF's decoder prints what it finds amiss.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "WEBP")
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp")
# A quarter of a gigabyte as RGB. A small file may claim any size.
MAX_PIXELS = 89_478_485
_GRAY_MODES = ("1", "L", "LA", "La")
_SHOWN = 5


def image_files(folder: Path) -> list[Path]:
    """The image files that lie in a folder itself, by the ending of their names, sorted.

    Hidden files are left out, and so is what is no file: a fifo would be waited for, a device may
    do anything. A warning of one line names it. A link to a file is a file.

    Args:
      folder: The folder.

    Raises:
      OSError: If it cannot be listed.
    """
    files, skipped = [], []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        try:
            what = irregular(path)
        except OSError:
            what = "a broken link" if path.is_symlink() else "unreadable"
        if not what:
            files.append(path)
        elif what != "a folder":
            skipped.append(f"{printable(path.name)} ({what})")
    if skipped:
        shown = ", ".join(skipped[:_SHOWN]) + (", ..." if len(skipped) > _SHOWN else "")
        _log.warning("skipped %d of %s, no files: %s", len(skipped), printable(str(folder)), shown)
    return files


@contextlib.contextmanager
def open_image(encoded: bytes | Path, *, follow: bool = True) -> Iterator[Image]:
    """Opens an image without decoding it; of an animated one, its first frame.

    Args:
      encoded: The bytes of a file, or where the file is.
      follow: Whether the file may be a symbolic link to one.

    Yields:
      Pillow's image, of eight bits per channel or fewer, and of at most `MAX_PIXELS`.

    Raises:
      ValueError: If it is of none of the `FORMATS`, larger, or of more bits.
      OSError: If the file cannot be opened or is no file.
      Exception: Whatever Pillow raises for a damaged one.
    """
    from PIL import Image, UnidentifiedImageError

    file = (
        io.BytesIO(encoded) if isinstance(encoded, bytes) else open_regular(encoded, follow=follow)
    )
    with file:
        try:
            image = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError:
            raise ValueError(f"none of {', '.join(FORMATS)}") from None
        with image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise ValueError(f"{width}x{height} are more than {MAX_PIXELS:,} pixels")
            if _has_more_bits(image):
                raise ValueError("more than 8 bits per channel")
            yield image


def _has_more_bits(image: Image) -> bool:
    """Whether a channel has more than eight bits, which Pillow cuts off without a word.

    Colors of 16 bits have the mode "RGB" too: only the decoder's arguments tell.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        return True
    for tile in getattr(image, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        # A BMP of 16 bits per pixel has five or six per channel.
        if any(isinstance(o, str) and ";16" in o and o != "BGR;16" for o in arguments):
            return True
        if tile[0].startswith("ppm") and isinstance(arguments[-1], int) and arguments[-1] > 255:
            return True
    return False


def is_gray(image: Image) -> bool:
    """Whether an image that `open_image` opened is gray, by its header."""
    return image.mode in _GRAY_MODES


def flattened(image: Image) -> Image:
    """Decodes an image that `open_image` opened: upright, and without transparency.

    An orientation in its EXIF data is applied, transparency is laid over white.

    Args:
      image: The image.

    Returns:
      Pillow's image of mode "L" where it is gray, else "RGB".

    Raises:
      Exception: Whatever Pillow raises for a damaged one.
    """
    from PIL import Image, ImageOps

    mode = "L" if is_gray(image) else "RGB"
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        over = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(over, upright.convert("RGBA")).convert("RGB")
    return upright.convert(mode)
