"""Nearest training images of generated ones, in the feature space of an extractor."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from gan_jax import metrics, telemetry
from gan_jax.data import Dataset
from gan_jax.evaluation import feature_cache, features
from gan_jax.modes.report.encoding import spread

QUERIES = 256  # Generated images whose distance is measured; some of them are shown.
SHOWN = 5  # Of the first numbers, and of those that came closest.
NEIGHBORS = 5
CPU_IMAGES = 5_000  # Training images that a CPU searches by default: about two minutes.


class Neighbor(NamedTuple):
    """A training image near a generated one.

    Attributes:
      image: uint8 [H, W, C].
      name: Its class; empty where there are none.
      distance: Euclidean, between features.
    """

    image: np.ndarray
    name: str
    distance: float


class Match(NamedTuple):
    """A generated image and its nearest training images.

    Attributes:
      image: uint8 [H, W, C].
      name: Its class; empty where there are none.
      neighbors: The nearest first.
    """

    image: np.ndarray
    name: str
    neighbors: tuple[Neighbor, ...]


@dataclasses.dataclass(frozen=True)
class Neighborhood:
    """What the search found.

    Attributes:
      first: Matches of the images of the first numbers, which nobody picked.
      closest: Matches of those that came closest to a training image, the closest first.
      generated: float64 [Q], from each generated image to the nearest training image.
      real: float64 [R], from training images to their nearest others.
      searched: How many training images were searched.
      total: How many there are.
      extractor: Its title.
    """

    first: tuple[Match, ...]
    closest: tuple[Match, ...]
    generated: np.ndarray
    real: np.ndarray
    searched: int
    total: int
    extractor: str

    @property
    def suspicious(self) -> float:
        """Share of generated images nearer than 99 % of training images are to each other."""
        return float(np.mean(self.generated < np.quantile(self.real, 0.01)))


def default_images(total: int) -> int:
    """How many training images are searched where nobody says: all, on a CPU up to 5,000."""
    return min(total, CPU_IMAGES) if jax.default_backend() == "cpu" else total


def find(
    images: np.ndarray,
    names: list[str],
    dataset: Dataset,
    extractor: metrics.Extractor,
    *,
    array: str = "image",
    count: int | None = None,
    cache_dir: str | Path | None = None,
) -> Neighborhood:
    """Searches the training set for the nearest images of generated ones.

    Args:
      images: uint8 [Q, H, W, C], generated.
      names: Class of each, or "".
      dataset: What the run was trained on, at least two images.
      extractor: Whose features are compared.
      array: The name of the images in the data set.
      count: How many training images to search, evenly over the set; None for `default_images`.
      cache_dir: Where features of training images are kept; None for the user's cache folder.

    Returns:
      The Neighborhood.
    """
    total = len(dataset)
    rows = np.asarray(spread(total, default_images(total) if count is None else count))
    bank = _bank(dataset, array, rows, extractor, cache_dir)
    queries = features.extract(extractor, images, title="generated images").features
    nearest = min(NEIGHBORS, len(rows))
    distances, indices = metrics.nearest_neighbors(queries, bank, nearest)

    def match(query: int) -> Match:
        near = zip(rows[indices[query]], distances[query], strict=True)
        return Match(
            images[query],
            names[query],
            tuple(_neighbor(dataset, array, row, distance) for row, distance in near),
        )

    order = np.argsort(distances[:, 0], kind="stable")
    return Neighborhood(
        first=tuple(map(match, range(min(SHOWN, len(images))))),
        closest=tuple(map(match, order[:SHOWN].tolist())),
        generated=np.asarray(distances[:, 0], np.float64),
        real=_among_real(bank),
        searched=len(rows),
        total=total,
        extractor=extractor.title,
    )


def _among_real(bank: np.ndarray) -> np.ndarray:
    """From some images of the bank to the nearest other one."""
    chosen = np.asarray(spread(len(bank), QUERIES))
    distances, indices = metrics.nearest_neighbors(bank[chosen], bank, 2)
    # A image's nearest is itself, but for exact copies, which may come in any order.
    itself = indices[:, 0] == chosen
    return np.where(itself, distances[:, 1], distances[:, 0]).astype(np.float64)


def _neighbor(dataset: Dataset, array: str, row: int, distance: float) -> Neighbor:
    labels, names = next(iter(dataset.class_names.items()), ("", ()))
    name = str(names[dataset.arrays[labels][row]]) if names else ""
    return Neighbor(np.asarray(dataset.arrays[array][row]), name, float(distance))


def _bank(
    dataset: Dataset,
    array: str,
    rows: np.ndarray,
    extractor: metrics.Extractor,
    cache_dir: str | Path | None,
) -> np.ndarray:
    """Features of training images, float32 [N, D], from the cache where they are there."""
    chosen = None if len(rows) == len(dataset) else rows
    entry = feature_cache.Entry.of(extractor, dataset, chosen, array=array, cache_dir=cache_dir)
    known = entry.read_features()
    if known is not None:
        return known
    images = dataset.arrays[array] if chosen is None else dataset.arrays[array][chosen]
    found = features.extract(extractor, images, title="training images").features
    try:
        return entry.write_features([found])
    except OSError as error:
        telemetry.say(f"warning: features are not kept for the next report: {error}")
    return found
