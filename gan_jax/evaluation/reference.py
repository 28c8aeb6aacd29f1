"""Statistics of real images, kept so that they are computed once."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data import Dataset
from gan_jax.evaluation import feature_cache, features
from gan_jax.files import locks
from gan_jax.images import batches_of
from gan_jax.metrics import Extractor, Moments, merge_moments, moments, neighbor_distances

_log = logging.getLogger(__name__)


class Reference(NamedTuple):
    """The features of real images.

    Attributes:
      moments: Moments of the features.
      features: float32 [N, D], a read-only memory map; None where they were not asked for.
      protocol: What they were computed from, `{name: JSON value}`.
      distances: float64 [N, k], of each to its nearest ones (`metrics.neighbor_distances`); None
        where they were not asked for.
    """

    moments: Moments
    features: np.ndarray | None
    protocol: dict[str, Any]
    distances: np.ndarray | None = None


def make_reference(
    extractor: Extractor,
    dataset: Dataset,
    *,
    array: str = "image",
    count: int = 0,
    keep_features: bool = False,
    neighbors: int = 0,
    cache_dir: str | Path | None = None,
    batch_size: int = features.BATCH_SIZE,
    title: str = "real images",
) -> Reference:
    """Computes the features of real images, or reads what an earlier call kept.

    Args:
      extractor: The extractor of the features.
      dataset: The data set.
      array: The name of its images to compare with.
      count: How many, chosen at random but always the same; 0 for all.
      keep_features: Whether single features are wanted (KID, precision, recall, density, coverage)
        and not only their moments (FID).
      neighbors: To how many nearest ones each feature's distances are wanted (precision, recall,
        density, coverage), which wants the features too; 0 for none.
      cache_dir: Where to keep results, by extractor and identity of the images; None for the place
        of decoded images.
      batch_size: Images at a time.
      title: Title of the progress bar.

    Raises:
      ValueError: If the data set has fewer than two images, fewer than `count`, or no more than
        `neighbors`.
      OSError: If the result cannot be written.
    """
    count = count or len(dataset)
    if not 2 <= count <= len(dataset):
        raise ValueError(
            f"cannot compare with {count} real images: {dataset.name} {dataset.split} has "
            f"{len(dataset)} here, take 2 to {len(dataset)}"
        )
    chosen = _choose(len(dataset), count)
    entry = feature_cache.Entry.of(extractor, dataset, chosen, array=array, cache_dir=cache_dir)
    protocol = {
        "data": dataset.name,
        "split": dataset.split,
        "array": array,
        "classes": {
            name: [names[label] for label in dataset.present_classes(name)]
            for name, names in dataset.class_names.items()
        },
        "num_classes": {name: len(names) for name, names in dataset.class_names.items()},
        "real_count": count,
        "real_size": len(dataset),
        "real_shape": list(dataset.arrays[array].shape[1:]),
        "real_identity": entry.images_identity,
        "extractor": extractor.name,
        "extractor_title": extractor.title,
        "resolution": extractor.resolution,
        "resize": extractor.resize,
        "weights_sha256": extractor.weights_sha256,
    }
    compute = functools.partial(_compute, extractor, dataset, chosen, array, batch_size, title)
    kept = _read_or_compute(entry, compute, _Wanted(keep_features or neighbors > 0, neighbors))
    return Reference(kept.moments, kept.features, protocol, kept.distances)


class _Wanted(NamedTuple):
    """What is asked for next to moments.

    Attributes:
      features: Whether features are.
      neighbors: How many distances of each.
    """

    features: bool
    neighbors: int


class _Kept(NamedTuple):
    """What is kept of real images; None where it is not asked for."""

    moments: Moments
    features: np.ndarray | None
    distances: np.ndarray | None


def _read_or_compute(
    entry: feature_cache.Entry, compute: Callable[[], Iterator[np.ndarray]], wanted: _Wanted
) -> _Kept:
    """What is kept; what is not is computed, and kept then."""
    known = _read(entry, wanted)
    if known is not None:
        return known
    with locks.making(entry.path, _log.warning):
        return _read(entry, wanted) or _compute_and_keep(entry, compute, wanted)


def _read(entry: feature_cache.Entry, wanted: _Wanted) -> _Kept | None:
    """All that was asked for, if it is kept."""
    known, kept, distances = entry.read_moments(), None, None
    if known is None:
        return None
    if wanted.features:
        kept = entry.read_features()
        if kept is None:
            return None
    if wanted.neighbors > 0:
        distances = entry.read_distances(wanted.neighbors)
        if distances is None:
            return None
    return _Kept(known, kept, distances)


def _compute_and_keep(
    entry: feature_cache.Entry, compute: Callable[[], Iterator[np.ndarray]], wanted: _Wanted
) -> _Kept:
    known, kept, distances = entry.read_moments(), entry.read_features(), None
    if wanted.features and kept is None:
        kept = entry.write_features(compute())
    if known is None:
        blocks = compute() if kept is None else batches_of(kept, features.BLOCK_ROWS)
        known = functools.reduce(merge_moments, map(moments, blocks))
        entry.write_moments(known)
    if wanted.neighbors > 0 and kept is not None:
        distances = entry.read_distances(wanted.neighbors)
        if distances is None:
            distances = neighbor_distances(kept, wanted.neighbors)
            entry.write_distances(distances)
    return _Kept(known, kept if wanted.features else None, distances)


def _choose(size: int, count: int) -> np.ndarray | None:
    """Sorted rows of a random choice, the same at every call; None for all."""
    if count == size:
        return None
    return np.sort(np.random.default_rng(0).permutation(size)[:count])


def _compute(
    extractor: Extractor,
    dataset: Dataset,
    chosen: np.ndarray | None,
    array: str,
    batch_size: int,
    title: str,
) -> Iterator[np.ndarray]:
    count = len(dataset) if chosen is None else len(chosen)
    batches = feature_cache.batches(dataset, chosen, batch_size, array=array)
    extract = features.make_extract(extractor, batch_size=batch_size)
    for block in features.collect(extract(features.progress(batches, count, title))):
        yield block.features
