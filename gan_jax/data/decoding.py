"""Encoded images to decoded ones, in batches, and those through the cache."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gan_jax.data import cache, sources

_log = logging.getLogger(__name__)

_BATCH = 256
# At a kilobyte an image (32x32) threads were a fifth slower than none: only the decoding of
# large images keeps long enough off the interpreter lock for threads to gain.
_THREADED_BYTES = 16384


def ranges(length: int) -> Iterator[range]:
    """Yields consecutive ranges of a batch or less that together are range(length)."""
    for start in range(0, length, _BATCH):
        yield range(start, min(start + _BATCH, length))


def through_cache(
    directory: Path, stem: str, key: dict[str, Any], batches: Iterator[cache.Decoded]
) -> cache.Decoded:
    """Returns examples from the cache, where they are written first if they are not there.

    Args:
      directory: the folder of the cache. If it cannot be written to, the examples are kept in
        memory and a warning is logged.
      stem: how the name of the file begins.
      key: what tells these examples from others, JSON values.
      batches: the examples, read if the cache does not hold them.

    Raises:
      OSError: the disk is full.
    """
    path = cache.path_for(directory, stem, key)
    decoded = cache.read(path, key)
    if decoded is not None:
        return decoded
    try:
        cache.write(path, key, batches)
    except cache.UnwritableError as e:
        _log.warning("%s; the decoded images are kept in memory only", e)
        images, labels, skipped = zip(*batches, strict=True)
        joined = np.concatenate(images)
        joined.flags.writeable = False
        return cache.Decoded(joined, np.concatenate(labels), sum(skipped, ()))
    decoded = cache.read(path, key)
    if decoded is None:
        raise OSError(f"decoded images were written to {path} and cannot be read back")
    return decoded


def decode_all(
    source: sources.Source,
    name: str,
    *,
    image_size: int,
    channels: int | None,
    progress: bool,
) -> Iterator[cache.Decoded]:
    """Decodes a source from its first example to its last.

    Args:
      source: what to decode.
      name: what to call it.
      image_size: the height and width to make.
      channels: 1 or 3; None for 1 if every image is grey, else 3.
      progress: whether to show a progress bar.

    Yields:
      Batches of decoded examples, less those that a tolerant source cannot decode.

    Raises:
      ValueError: nothing could be decoded.
      OSError: an example of another source cannot be decoded.
    """
    channels = channels or _channels_of(source)

    def attempt(example: sources.Example) -> np.ndarray | Exception:
        try:
            return sources.decode(example.encoded, image_size, channels)
        except Exception as e:  # Pillow's plug-ins raise what they like on damaged files
            return e

    left = source.length
    # None: on a terminal only. A bar in a log file is one long torn line.
    bar = tqdm(
        total=source.length, desc=f"decoding {name}", unit="img", disable=None if progress else True
    )
    with bar, ThreadPoolExecutor() as pool:
        for batch in ranges(source.length):
            examples = source.read(batch.start, batch.stop)
            results = list((pool.map if _are_large(examples) else map)(attempt, examples))
            pairs = list(zip(examples, results, strict=True))
            whole = [(e.label, r) for e, r in pairs if not isinstance(r, Exception)]
            broken = [f"{e.name} ({_reason(r)})" for e, r in pairs if isinstance(r, Exception)]
            left -= len(broken)
            if broken and not source.tolerant:
                raise OSError(f"data set {name!r} is damaged: cannot decode {broken[0]}")
            if not left:
                raise ValueError(f"none of the {source.length} images of {name!r} can be decoded")
            if whole:
                labels, images = zip(*whole, strict=True)
                yield cache.Decoded(np.stack(images), np.array(labels, np.int32), tuple(broken))
            elif broken:
                nothing = np.empty((0, image_size, image_size, channels), np.uint8)
                yield cache.Decoded(nothing, np.empty(0, np.int32), tuple(broken))
            bar.update(len(examples))


def _channels_of(source: sources.Source) -> int:
    gray = (
        sources.is_gray(example.encoded)
        for batch in ranges(source.length)
        for example in source.read(batch.start, batch.stop)
    )
    return 1 if all(gray) else 3


def _are_large(examples: Sequence[sources.Example]) -> bool:
    """Whether threads help: below this, handing the interpreter lock around costs more."""
    sizes = [
        e.encoded.stat().st_size if isinstance(e.encoded, Path) else len(e.encoded)
        for e in examples
    ]
    return sum(sizes) > _THREADED_BYTES * len(sizes)


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
