"""Images as data URIs that stay within a number of bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

_LOSSLESS = "webp lossless"
_QUALITIES = (90, 75, 60)
_SMALLEST = 16  # Pixels per side; smaller images show nothing.


class Encoded(NamedTuple):
    """Images for a page.

    Attributes:
      indices: Which of them were kept, ascending; the first and the last always are.
      uris: A data URI of each that was kept.
      note: What was done to them, as a sentence; empty where nothing is lost.
    """

    indices: tuple[int, ...]
    uris: tuple[str, ...]
    note: str


class _Attempt(NamedTuple):
    kept: int
    factor: int
    encoding: str | int


def encode(
    images: Sequence[np.ndarray], *, max_bytes: int, thin: bool = False, at_most: int = 40
) -> Encoded:
    """Encodes images as well as the bytes allow.

    Args:
      images: uint8 [H, W], or [H, W, 1 or 3]; at least one, sizes may differ.
      max_bytes: Of all files together, before base64 makes them a third longer.
      thin: Whether some may be left out, evenly, to save the others' quality.
      at_most: With `thin`: how many to keep at most.

    Returns:
      PNG where that fits, else lossless WebP, else WebP of falling quality, else fewer of them,
      else smaller ones.
    """
    images = [_squeeze(image) for image in images]
    for attempt in _attempts(len(images), at_most if thin else len(images), thin):
        chosen = spread(len(images), attempt.kept)
        if not _may_fit(images, chosen, attempt, max_bytes):
            continue
        files = [_encode(images[i], attempt) for i in chosen]
        if sum(map(len, files)) <= max_bytes:
            break
    else:
        # Nothing fits: the page is then larger than asked for, which beats no page.
        files = [_encode(images[i], attempt) for i in chosen]
    kind = "png" if attempt.encoding == "png" else "webp"
    uris = [f"data:image/{kind};base64,{base64.b64encode(file).decode()}" for file in files]
    return Encoded(tuple(chosen), tuple(uris), _note(attempt, len(images)))


def spread(count: int, kept: int) -> list[int]:
    """Returns up to `kept` of `range(count)`, evenly, the first and the last among them."""
    if kept >= count:
        return list(range(count))
    if kept == 1:
        return [count - 1]
    return [int(i) for i in np.round(np.linspace(0, count - 1, kept)).astype(int)]


def _attempts(count: int, at_most: int, thin: bool) -> Iterator[_Attempt]:
    kept = min(count, at_most)
    for encoding in ("png", _LOSSLESS, *_QUALITIES):
        yield _Attempt(kept, 1, encoding)
    while thin and kept > 10:
        kept = max(10, kept // 2)
        for quality in _QUALITIES[1:]:
            yield _Attempt(kept, 1, quality)
    for factor in (2, 4, 8, 16):
        yield _Attempt(kept, factor, _QUALITIES[1])
    while thin and kept > 2:
        kept = max(2, kept // 2)
        yield _Attempt(kept, 16, _QUALITIES[1])


def _may_fit(images, chosen, attempt: _Attempt, max_bytes: int) -> bool:
    """Whether it is worth encoding all, judged by three of them."""
    probes = sorted({chosen[0], chosen[len(chosen) // 2], chosen[-1]})
    sizes = [len(_encode(images[i], attempt)) for i in probes]
    return sum(sizes) / len(sizes) * len(chosen) <= 1.5 * max_bytes and sum(sizes) <= max_bytes


def _encode(pixels: np.ndarray, attempt: _Attempt) -> bytes:
    import PIL.Image

    image = PIL.Image.fromarray(pixels)
    if attempt.factor > 1:
        size = [max(min(side, _SMALLEST), side // attempt.factor) for side in image.size]
        image = image.resize(size, PIL.Image.Resampling.BOX)
    file = io.BytesIO()
    if attempt.encoding == "png":
        image.save(file, "PNG", compress_level=9)
    elif attempt.encoding == _LOSSLESS:
        image.save(file, "WEBP", lossless=True, method=4)
    else:
        image.convert("RGB").save(file, "WEBP", quality=attempt.encoding, method=4)
    return file.getvalue()


def _squeeze(image: np.ndarray) -> np.ndarray:
    return image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image


def _note(attempt: _Attempt, count: int) -> str:
    parts = []
    if attempt.kept < count:
        parts.append(f"{attempt.kept} of {count} are shown")
    if isinstance(attempt.encoding, int):
        parts.append(f"compressed as WebP of quality {attempt.encoding} to keep this page small")
    if attempt.factor > 1:
        parts.append(f"at 1/{attempt.factor} of their size")
    return f"{', '.join(parts)}." if parts else ""
