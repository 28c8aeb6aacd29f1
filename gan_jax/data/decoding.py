"""Encoded images to decoded ones of one size: singly, and a source from end to end."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from gan_jax.data.cache import Block
from gan_jax.data.sources import Example, Source
from gan_jax.images.opening import flattened, is_gray, open_image
from gan_jax.untrusted import printable

# The arrays that an image becomes.
LAYOUTS = {"image": ("image",), "side_by_side": ("left", "right")}

_BATCH = 256
# At a kilobyte an image (32x32) threads were a fifth slower than none: only the decoding of
# large images keeps long enough off the interpreter lock for threads to gain.
_THREADED_BYTES = 16384


class LayoutError(ValueError):
    """An image that does not have the layout asked for."""


def decode(
    encoded: bytes | Path, size: tuple[int, int], channels: int, *, layout: str = "image"
) -> dict[str, np.ndarray]:
    """Decodes one image to a size.

    An image of another aspect is cut to its center part of the wanted aspect, and resized with
    Pillow's bicubic filter, which is antialiased: MNIST's 28x28 are enlarged to 32x32, not padded.
    Transparency is laid over white, an orientation in the file's EXIF data is applied.

    Args:
      encoded: the bytes of a file, or where the file is.
      size: (H, W), the height and width to make.
      channels: 1 for luma (ITU-R 601), 3 for RGB; gray is repeated.
      layout: "image", or "side_by_side" for two images of one width, each of which is made the
        size.

    Returns:
      `{"image": uint8 [H, W, channels]}`, or "left" and "right".

    Raises:
      LayoutError: an image of an odd width, side by side.
      ValueError: more than 8 bits per channel, too many pixels, or no format that is read; see
        `gan_jax.images.open_image`.
      Exception: whatever Pillow raises for a damaged file.
    """
    with open_image(encoded) as opened:
        image = flattened(opened).convert("L" if channels == 1 else "RGB")
    parts = _halves(image) if layout == "side_by_side" else (image,)
    fitted = [np.asarray(fit(part, size)).reshape(*size, channels) for part in parts]
    return dict(zip(LAYOUTS[layout], fitted, strict=True))


def fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cuts an image to its center part of the aspect of a size, and resizes it; see `decode`.

    Args:
      image: any image.
      size: (H, W).
    """
    height, width = size
    if image.size == (width, height):
        return image
    all_width, all_height = image.size
    part_width = min(all_width, max(1, round(all_height * width / height)))
    part_height = min(all_height, max(1, round(all_width * height / width)))
    left, top = (all_width - part_width) // 2, (all_height - part_height) // 2
    # Cut first: resize's own `box` would let the filter see pixels that are cut off.
    part = image.crop((left, top, left + part_width, top + part_height))
    return part.resize((width, height), Image.Resampling.BICUBIC)


def _halves(image: Image.Image) -> tuple[Image.Image, Image.Image]:
    width, height = image.size
    if width % 2:
        raise LayoutError(
            f"is {width} pixels wide; two images of one width side by side have an even width"
        )
    return image.crop((0, 0, width // 2, height)), image.crop((width // 2, 0, width, height))


def _is_gray(encoded: bytes | Path) -> bool:
    """Whether an image is gray by its header; a broken one says nothing against it."""
    try:
        with open_image(encoded) as image:
            return is_gray(image)
    except Exception:  # Pillow's plug-ins raise what they like on damaged files
        return True


def ranges(length: int) -> Iterator[range]:
    """Yields consecutive ranges of a batch or less that together are range(length)."""
    for start in range(0, length, _BATCH):
        yield range(start, min(start + _BATCH, length))


def decode_all(
    source: Source,
    name: str,
    *,
    size: tuple[int, int],
    channels: int | None,
    layout: str,
    progress: bool,
) -> Iterator[Block]:
    """Decodes a source from its first example to its last.

    Args:
      source: what to decode.
      name: what to call it.
      size: (H, W), the height and width to make.
      channels: 1 or 3; None for 1 if every image is gray, else 3.
      layout: see `decode`.
      progress: whether to show a progress bar.

    Yields:
      Blocks of decoded examples, less those that a tolerant source cannot decode. They have an
      array "label" if the source has labels.

    Raises:
      ValueError: nothing could be decoded, or an image does not have the layout.
      OSError: an example of a source that is not tolerant cannot be decoded.
    """
    channels = channels or _channels_of(source)

    def attempt(example: Example, again: bool = True) -> dict[str, np.ndarray] | Exception:
        try:
            return decode(example.encoded, size, channels, layout=layout)
        except Exception as e:  # Pillow's plug-ins raise what they like on damaged files
            return attempt(example, again=False) if again and _is_unread(e) else e

    left = source.length
    # None: on a terminal only. In a log file a bar would be one long line of all its states.
    bar = tqdm(
        total=source.length, desc=f"decoding {name}", unit="img", disable=None if progress else True
    )
    with bar, ThreadPoolExecutor() as pool:
        for batch in ranges(source.length):
            examples = source.read(batch.start, batch.stop)
            results = list((pool.map if _are_large(examples) else map)(attempt, examples))
            pairs = list(zip(examples, results, strict=True))
            whole = [(e.label, r) for e, r in pairs if not isinstance(r, Exception)]
            broken = [(e.name, r) for e, r in pairs if isinstance(r, Exception)]
            left -= len(broken)
            _check_broken(broken, source, name, left)
            skipped = tuple(f"{example} ({_reason(error)})" for example, error in broken)
            unread = tuple(str(e.encoded) for e, r in pairs if _is_unread(r))
            yield Block(_stack(whole, source, (*size, channels), layout), skipped, unread)
            bar.update(len(examples))


def _is_unread(result: object) -> bool:
    """Whether the operating system could not read a file, and may another time; not damage."""
    return isinstance(result, OSError) and result.errno is not None


def _check_broken(
    broken: Sequence[tuple[str, Exception]], source: Source, name: str, left: int
) -> None:
    for example, error in broken:
        # Left out, an image that is no pair would hide that the layout is not the data's.
        if isinstance(error, LayoutError):
            raise ValueError(f"{example} {error}")
        if not source.tolerant:
            raise OSError(
                f"data set {name!r} is damaged: cannot decode {example} ({_reason(error)})"
            )
    if not left:
        raise ValueError(f"none of the {source.length} images of {name!r} can be decoded")


def _stack(
    decoded: Sequence[tuple[int, Mapping[str, np.ndarray]]],
    source: Source,
    shape: tuple[int, ...],
    layout: str,
) -> dict[str, np.ndarray]:
    arrays = {
        array: np.array([images[array] for _, images in decoded], np.uint8).reshape(-1, *shape)
        for array in LAYOUTS[layout]
    }
    if source.class_names:
        arrays["label"] = np.array([label for label, _ in decoded], np.int32)
    return arrays


def _channels_of(source: Source) -> int:
    gray = (
        _is_gray(example.encoded)
        for batch in ranges(source.length)
        for example in source.read(batch.start, batch.stop)
    )
    return 1 if all(gray) else 3


def _are_large(examples: Sequence[Example]) -> bool:
    """Whether threads help: below this, handing the interpreter lock around costs more."""
    sizes = [
        e.encoded.stat().st_size if isinstance(e.encoded, Path) else len(e.encoded)
        for e in examples
    ]
    return sum(sizes) > _THREADED_BYTES * len(sizes)


def _reason(error: Exception) -> str:
    return printable((str(error).splitlines() or [type(error).__name__])[0])
