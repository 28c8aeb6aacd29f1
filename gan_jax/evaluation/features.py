"""Features of many images, a batch at a time, divided over the devices of this process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import telemetry
from gan_jax.core import fitting_batch_size, local_devices
from gan_jax.images import batches_of
from gan_jax.metrics import Extractor

BATCH_SIZE = 64
BLOCK_ROWS = 2048


class Features(NamedTuple):
    """What an extractor makes of a batch.

    Attributes:
      features: float32 [B, D].
      logits: float32 [B, K].
    """

    features: np.ndarray
    logits: np.ndarray


def make_extract(
    extractor: Extractor, *, batch_size: int = BATCH_SIZE
) -> Callable[[Iterable[np.ndarray | jax.Array]], Iterator[Features]]:
    """A function from batches of images to their features, compiled once for each shape.

    Args:
      extractor: What sees the images.
      batch_size: Images at a time over all devices, rounded up to a multiple of their number.
        Smaller batches are filled up, so that a picture's features do not depend on its company.

    Returns:
      `extract(batches)`, which yields the `Features` of every batch: uint8 [B, H, W, C] with B up
      to `batch_size` and C 1 or 3, grey being repeated. It sends a batch to the devices before it
      waits for the one before. It raises ValueError for images of another kind.
    """
    devices = local_devices()
    size = fitting_batch_size(batch_size, devices.count)
    params = jax.device_put(extractor.params, devices.whole)
    apply = jax.jit(lambda params, images: extractor.apply(params, _colour(images)))

    def start(images):
        check_images(images)
        if len(images) > size:
            raise ValueError(f"a batch has up to {size} images, not {len(images)}")
        filled = size - len(images)
        if filled:
            images = np.concatenate([images, np.zeros((filled, *images.shape[1:]), np.uint8)])
        return apply(params, jax.device_put(images, devices.divided)), size - filled

    def finish(started) -> Features:
        (features, logits), count = started
        return Features(np.asarray(features)[:count], np.asarray(logits)[:count])

    def extract(batches) -> Iterator[Features]:
        waiting = None
        for images in batches:
            started = start(images)
            if waiting is not None:
                yield finish(waiting)
            waiting = started
        if waiting is not None:
            yield finish(waiting)

    return extract


def collect(seen: Iterable[Features], rows: int = BLOCK_ROWS) -> Iterator[Features]:
    """Puts batches together to blocks of `rows` or somewhat more, but for the last.

    Taking moments costs passes over a [D, D] matrix: by the block, not by the batch.
    """
    block: list[Features] = []
    for part in seen:
        block.append(part)
        if sum(len(one.features) for one in block) >= rows:
            yield _join(block)
            block = []
    if block:
        yield _join(block)


def _join(parts: list[Features]) -> Features:
    return Features(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def extract(
    extractor: Extractor, images: np.ndarray, *, batch_size: int = BATCH_SIZE, title: str = ""
) -> Features:
    """Features of an array of images.

    Args:
      extractor: What sees the images.
      images: uint8 [N, H, W, C], C being 1 or 3; an array or a memory map.
      batch_size: As `make_extract`.
      title: Of a progress bar on a terminal; empty for none.

    Returns:
      `Features` with float32 [N, D] and float32 [N, K].

    Raises:
      ValueError: If the images are of another kind, or there are none.
    """
    check_images(images)
    if not len(images):
        raise ValueError("there are no images to look at")
    run = make_extract(extractor, batch_size=batch_size)
    return _join(list(run(progress(batches_of(images, batch_size), len(images), title))))


def progress(
    batches: Iterable[Any],
    count: int,
    title: str,
    *,
    interval: float = 10.0,
    file: IO[str] | None = None,
) -> Iterator[Any]:
    """Passes batches of `count` images on and tells how far they are: a bar, or lines.

    Args:
      batches: What to pass on.
      count: Images in all.
      title: Of the bar; empty for silence.
      interval: Seconds between two lines, where the output is no terminal.
      file: Where to; stderr by default.
    """
    file = file or sys.stderr
    if not title:
        yield from batches
    elif file.isatty():
        import tqdm

        with tqdm.tqdm(total=count, unit=" images", desc=title, leave=False, file=file) as bar:
            for batch in batches:
                yield batch
                bar.update(len(batch))
    else:
        yield from _told_in_lines(batches, count, title, interval, file)


def _told_in_lines(batches, count: int, title: str, interval: float, file: IO[str]):
    done, start = 0, time.monotonic()
    told = start
    for batch in batches:
        yield batch
        done, now = done + len(batch), time.monotonic()
        if now - told >= interval and done < count:
            told, rate = now, done / (now - start)
            left = telemetry.duration((count - done) / rate)
            print(
                f"{title}: {done:,} of {count:,}, {rate:,.0f} images/s, {left} left",
                file=file,
                flush=True,
            )


def check_images(images: Any) -> None:
    """Refuses what is no batch of stored pictures.

    Raises:
      ValueError: If it is not uint8 [N, H, W, C] with C 1 or 3.
    """
    shape, dtype = np.shape(images), getattr(images, "dtype", None)
    if dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3):
        raise ValueError(
            f"images to evaluate are uint8 [N, H, W, 1 or 3] in [0, 255], not {dtype} {shape}"
        )


def _colour(images: jax.Array) -> jax.Array:
    return jnp.repeat(images, 3, axis=3) if images.shape[3] == 1 else images
