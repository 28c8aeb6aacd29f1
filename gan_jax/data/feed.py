"""From data sets to the inputs of compiled steps.

Small data sets lie on the device whole, as uint8, and a step gathers its images by index; larger
ones are streamed. Both follow the same order, a function of the seed and the number of examples
before, so a run gives the same numbers either way and wherever it was resumed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from gan_jax.data.dataset import Streams, arrays_of
from gan_jax.data.order import index_examples
from gan_jax.data.read_ahead import read_ahead
from gan_jax.names import check_name

PLACEMENTS = ("auto", "device", "host")
# What lies on the device under "auto" where the caller does not know how much memory it has.
RESIDENT_BYTES = 4 * 2**30


@dataclasses.dataclass(frozen=True)
class Feed:
    """The inputs of every step of a phase.

    Attributes:
      streams: What is trained on.
      updates: Batches per step.
      batch_size: Examples per batch, over all devices of all processes.
      seed: Seed of the order.
      resident: Whether the images lie on the device.
      rows: The rows of every batch that this process reads.
    """

    streams: Streams
    updates: int
    batch_size: int
    seed: int
    resident: bool
    rows: slice

    @property
    def examples_per_step(self) -> int:
        """Examples of every stream that a step consumes, over all processes."""
        return self.updates * self.batch_size

    def resident_data(self) -> dict[str, np.ndarray] | None:
        """What must lie on the device, the same in every phase; None if nothing must.

        Returns:
          `{array: uint8 [N, H * W * C] or int32 [N]}`. Images are flat because a device may lay
          out the last axes in tiles: padded to those, 3 channels can take many times their bytes.
        """
        if not self.resident:
            return None
        arrays = {name: a.view(np.ndarray) for name, a in arrays_of(self.streams).items()}
        return {n: a.reshape(len(a), -1) if a.ndim > 1 else a for n, a in arrays.items()}

    def indices(self, first_example: int, count: int) -> dict[str, np.ndarray]:
        """The examples of some steps.

        Args:
          first_example: How many examples of every stream the steps before consumed.
          count: Number of steps.

        Returns:
          `{stream: int32 [count, updates, B]}`, where B are this process's rows of a batch.
        """
        shape = (count, self.updates, self.batch_size)
        return {
            stream: index_examples(
                len(dataset),
                seed=self.seed,
                start=first_example,
                count=count * self.examples_per_step,
                stream=stream,
            ).reshape(shape)[..., self.rows]
            for stream, dataset in self.streams.items()
        }

    @contextlib.contextmanager
    def chunks(
        self, calls: Iterable[tuple[int, int]], examples_before: Callable[[int], int]
    ) -> Iterator[Iterator[dict[str, dict[str, np.ndarray]]]]:
        """Inputs of the steps of some calls, read ahead unless the data is resident.

        Args:
          calls: (first step, number of steps) of each; see `calls`.
          examples_before: How many examples of every stream the steps before a step consumed:
            `Experiment.examples_before`.

        Yields:
          An iterator with, for each call, `{"index": {stream: int32 [steps, updates, B]}}` for
          resident data, else `{"arrays": {array: [steps, updates, B, ...]}}`, uint8 images
          [..., H, W, C] and int32 labels. B are this process's rows of a batch.
        """
        indices = (self.indices(examples_before(first), count) for first, count in calls)
        if self.resident:
            yield ({"index": index} for index in indices)
            return
        read = functools.partial(_read, self.streams)
        with read_ahead(read, indices) as batches:
            yield ({"arrays": batch} for batch in batches)


def _read(streams: Streams, indices: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        # As a plain array, so that none of the results keeps the file open.
        name: array.view(np.ndarray)[indices[stream]]
        for stream, dataset in streams.items()
        for name, array in dataset.arrays.items()
    }


def make_feed(
    streams: Streams,
    *,
    updates: int,
    batch_size: int,
    seed: int,
    placement: str = "auto",
    resident_bytes: int = RESIDENT_BYTES,
    rows: slice = slice(None),
) -> Feed:
    """A feed over some streams of data.

    Args:
      streams: What to train on.
      updates: Batches per step.
      batch_size: Examples per batch, over all devices of all processes.
      seed: Seed of the order, 0 to 2**64 - 1.
      placement: "device", "host", or "auto": on the device up to `resident_bytes`.
      resident_bytes: The largest data that "auto" keeps on the device.
      rows: The rows of every batch that this process reads: all, or those of its own devices.

    Raises:
      ValueError: If the placement is unknown, or two streams have arrays of one name.
    """
    check_name("config.data.placement", placement, PLACEMENTS)
    size = sum(array.nbytes for array in arrays_of(streams).values())
    resident = placement == "device" or (placement == "auto" and size <= resident_bytes)
    return Feed(dict(streams), updates, batch_size, seed, resident, rows)


def calls(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Cuts the steps from `start` to `stop` into calls (first step, number of steps).

    They are cut at the multiples of `size` wherever the run starts. So a run that was interrupted,
    or is longer than it was to be, still meets all its events; a first call that is shorter costs
    a compilation and no exactness.

    Args:
      start: The first step.
      stop: The step after the last one.
      size: The most steps per call, at least 1.
    """
    while start < stop:
        count = min(size - start % size, stop - start)
        yield start, count
        start += count
