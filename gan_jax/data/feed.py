"""From a data set to the inputs of compiled steps.

Small data sets lie on the device whole, as uint8, and a step gathers its images by index; larger
ones are streamed. Both follow the same order, a function of (seed, step) alone, so a run gives the
same numbers either way and wherever it was resumed.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

import jax
import numpy as np

from gan_jax import data
from gan_jax.images import make_augment, normalize

PLACEMENTS = ("auto", "device", "host")
# Under "auto" a data set goes to the device if it is no larger than this many bytes.
RESIDENT_BYTES = 4 * 2**30


@dataclasses.dataclass(frozen=True)
class Feed:
    """The inputs of every step of a run.

    Attributes:
      dataset: What is trained on.
      updates: Batches a step.
      batch_size: Examples a batch, over all devices.
      seed: Of the order.
      resident: Whether the images lie on the device.
    """

    dataset: data.ImageDataset
    updates: int
    batch_size: int
    seed: int
    resident: bool

    @property
    def images_per_step(self) -> int:
        """Real images that a step consumes."""
        return self.updates * self.batch_size

    def resident_data(self) -> dict[str, np.ndarray] | None:
        """What must lie on the device: uint8 [N, H, W, C] and int32 [N], or None."""
        if not self.resident:
            return None
        return {"image": np.asarray(self.dataset.images), "label": np.asarray(self.dataset.labels)}

    def indices(self, step: int, count: int) -> np.ndarray:
        """The examples of `count` steps from `step` on: int32 [count, updates, batch_size]."""
        rows = data.index_batches(
            len(self.dataset),
            self.batch_size,
            seed=self.seed,
            start=step * self.updates,
            count=count * self.updates,
        )
        return rows.reshape(count, self.updates, self.batch_size)

    @contextlib.contextmanager
    def chunks(self, start: int, stop: int, size: int) -> Iterator[Iterator[dict[str, np.ndarray]]]:
        """Inputs of the steps from `start` to `stop`, cut at the multiples of `size`.

        Yields:
          An iterator of `{"index": int32 [steps, updates, B]}` for resident data, else of
          `{"image": uint8 [steps, updates, B, H, W, C], "label": int32 [steps, updates, B]}`, where
          steps is `size`, or less at either end.
        """
        rows = (self.indices(step, count) for step, count in calls(start, stop, size))
        if self.resident:
            yield ({"index": row} for row in rows)
            return
        with data.stream(self.dataset, rows) as batches:
            yield ({"image": image, "label": label} for image, label in batches)


def make_feed(
    dataset: data.ImageDataset, *, updates: int, batch_size: int, seed: int, placement: str
) -> Feed:
    """A feed over `dataset`.

    Args:
      dataset: What to train on.
      updates: Batches a step.
      batch_size: Examples a batch.
      seed: Of the order.
      placement: "device", "host", or "auto": on the device up to `RESIDENT_BYTES`.

    Raises:
      ValueError: If the placement is unknown.
    """
    if placement not in PLACEMENTS:
        raise ValueError(
            f"config.data.placement='{placement}' is unknown, there are {', '.join(PLACEMENTS)}"
        )
    resident = placement == "device" or (
        placement == "auto" and dataset.images.nbytes <= RESIDENT_BYTES
    )
    return Feed(dataset, updates, batch_size, seed, resident)


def make_prepare(
    *, flip: bool = False, crop_padding: int = 0, rotation_degrees: float = 0.0
) -> Callable[[jax.Array, dict, dict | None], dict[str, jax.Array]]:
    """What happens to the images inside the compiled step.

    Args:
      flip: Mirror half of the images.
      crop_padding: Pixels of padding before a crop of the old size.
      rotation_degrees: Largest angle of a rotation.

    Returns:
      `prepare(key, inputs, resident) -> {"image": [updates, B, H, W, C] float32 in [-1, 1],
      "label": [updates, B] int32}`, on inputs of `Feed.chunks`, less their step axis.
    """
    augment = make_augment(flip=flip, crop_padding=crop_padding, rotation_degrees=rotation_degrees)

    def prepare(key, inputs, resident):
        if resident is None:
            images, labels = inputs["image"], inputs["label"]
        else:
            images = resident["image"][inputs["index"]]
            labels = resident["label"][inputs["index"]]
        keys = jax.random.split(key, images.shape[0])
        return {"image": jax.vmap(augment)(keys, normalize(images)), "label": labels}

    return prepare


def calls(start: int, stop: int, size: int) -> Iterator[tuple[int, int]]:
    """Cuts the steps from `start` to `stop` into calls (first step, number of steps).

    They are cut at the multiples of `size` wherever the run starts. So a run that was interrupted,
    or is longer than it was to be, still meets all its events; a first call that is shorter costs
    a compilation and no exactness.
    """
    while start < stop:
        count = min(size - start % size, stop - start)
        yield start, count
        start += count
