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
from gan_jax.core import fitting_batch_size, local_devices, with_precision
from gan_jax.images import batches_of
from gan_jax.metrics import Extractor

BATCH_SIZE = 64
BLOCK_ROWS = 2048


class Features(NamedTuple):
    """What an extractor computes of a batch.

    Attributes:
      features: float32 [B, D].
      logits: float32 [B, K].
    """

    features: np.ndarray
    logits: np.ndarray


def make_extract(
    extractor: Extractor, *, batch_size: int = BATCH_SIZE
) -> Callable[[Iterable[np.ndarray]], Iterator[Features]]:
    """A function from batches of images to their features, compiled once for each image size.

    Args:
      extractor: The extractor of the features.
      batch_size: Images at a time over all devices, rounded up to a multiple of their number. Fewer
        are filled up, so that an image's features do not depend on how many others there are.

    Returns:
      `extract(batches)`, which takes uint8 [B, H, W, C] of any B, C 1 or 3, gray being repeated,
      and yields the `Features` of `batch_size` images after the other, in their order. It sends
      images to the devices before it waits for those before. It raises ValueError for images of
      another kind.
    """
    devices = local_devices()
    size = fitting_batch_size(batch_size, devices.count)
    params = jax.device_put(extractor.params, devices.whole)
    # Scores are compared between machines: true float32 on all of them.
    extracted = with_precision(extractor.apply, "float32")
    apply = jax.jit(lambda params, images: extracted(params, _in_color(images)))

    def start(images: np.ndarray):
        filled = np.zeros((size - len(images), *images.shape[1:]), np.uint8)
        whole = np.concatenate([images, filled])
        return apply(params, jax.device_put(whole, devices.divided)), len(images)

    def finish(started) -> Features:
        (features, logits), count = started
        return Features(np.asarray(features)[:count], np.asarray(logits)[:count])

    def extract(batches: Iterable[np.ndarray]) -> Iterator[Features]:
        waiting = None
        for images in _regrouped(batches, size):
            started = start(images)
            if waiting is not None:
                yield finish(waiting)
            waiting = started
        if waiting is not None:
            yield finish(waiting)

    return extract


def _regrouped(batches: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same images in batches of `size`, but for the last one."""
    held, count = list[np.ndarray](), 0
    for batch in batches:
        check_images(batch)
        for part in batches_of(np.asarray(batch), size):
            # Never more than two batches are held.
            held, count = [*held, part], count + len(part)
            if count >= size:
                joined = np.concatenate(held)
                yield joined[:size]
                held, count = [joined[size:]], count - size
    if count:
        yield np.concatenate(held)


def collect(parts: Iterable[Features], rows: int = BLOCK_ROWS) -> Iterator[Features]:
    """Divides features anew into blocks of `rows`, but for the last.

    Taking moments costs passes over a [D, D] matrix: by the block, not by the batch. Which images
    are in a block does not depend on the batches.
    """
    held: list[Features] = []
    count = 0
    for part in parts:
        held, count = [*held, part], count + len(part.features)
        while count >= rows:
            joined = join(held)
            yield Features(*(column[:rows] for column in joined))
            held, count = [Features(*(column[rows:] for column in joined))], count - rows
    if count:
        yield join(held)


def join(parts: list[Features]) -> Features:
    """One block of several."""
    return Features(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def extract(
    extractor: Extractor, images: np.ndarray, *, batch_size: int = BATCH_SIZE, title: str = ""
) -> Features:
    """Features of an array of images.

    Args:
      extractor: The extractor of the features.
      images: uint8 [N, H, W, C], C being 1 or 3; an array or a memory map.
      batch_size: As in `make_extract`.
      title: Title of a progress bar on a terminal; empty for none.

    Returns:
      `Features` with float32 [N, D] and float32 [N, K].

    Raises:
      ValueError: If the images are of another kind, or there are none.
    """
    check_images(images)
    if not len(images):
        raise ValueError("there are no images to compute features of")
    compute = make_extract(extractor, batch_size=batch_size)
    return join(list(compute(progress(batches_of(images, batch_size), len(images), title))))


def progress(
    batches: Iterable[Any],
    count: int,
    title: str,
    *,
    interval: float = 10.0,
    file: IO[str] | None = None,
) -> Iterator[Any]:
    """Passes batches of `count` images on and reports progress: a bar, or lines.

    Args:
      batches: The batches to pass on.
      count: Images in all.
      title: Title of the bar; empty for silence.
      interval: Seconds between two lines, where the output is no terminal.
      file: The file to write to; stderr by default.
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
        yield from _in_lines(batches, count, title, interval, file)


def _in_lines(batches, count: int, title: str, interval: float, file: IO[str]):
    done, start = 0, time.monotonic()
    last = start
    for batch in batches:
        yield batch
        done, now = done + len(batch), time.monotonic()
        if now - last >= interval and done < count:
            last, rate = now, done / (now - start)
            left = telemetry.duration((count - done) / rate)
            print(
                f"{title}: {done:,} of {count:,}, {rate:,.0f} images/s, {left} left",
                file=file,
                flush=True,
            )


def check_images(images: Any) -> None:
    """Refuses what is no batch of stored images.

    Raises:
      ValueError: If it is not uint8 [N, H, W, C] with C 1 or 3.
    """
    shape, dtype = np.shape(images), getattr(images, "dtype", None)
    if dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3):
        raise ValueError(
            f"images to evaluate are uint8 [N, H, W, 1 or 3] in [0, 255], not {dtype} {shape}"
        )


def _in_color(images: jax.Array) -> jax.Array:
    return jnp.repeat(images, 3, axis=3) if images.shape[3] == 1 else images
