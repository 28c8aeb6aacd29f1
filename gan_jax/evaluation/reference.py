"""What real images look like to an extractor, kept so that it is computed once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax import data
from gan_jax.evaluation import feature_cache as feature_store
from gan_jax.evaluation import features
from gan_jax.images import batches_of
from gan_jax.metrics import Extractor, Moments, merge_moments, moments


class Reference(NamedTuple):
    """Real images, as an extractor sees them.

    Attributes:
      moments: Of their features.
      features: float32 [N, D], a read-only memory map; None where nobody asked for them.
      label_frequencies: float64 [num_classes], which sum to 1; empty for data without labels.
      protocol: What it was computed from, `{name: JSON value}`.
    """

    moments: Moments
    features: np.ndarray | None
    label_frequencies: np.ndarray
    protocol: dict[str, Any]


def make_reference(
    extractor: Extractor,
    dataset: data.ImageDataset,
    *,
    count: int = 0,
    keep_features: bool = False,
    cache_dir: str | Path | None = None,
    batch_size: int = features.BATCH_SIZE,
    title: str = "real images",
) -> Reference:
    """Looks at real images, or reads what was kept of an earlier look.

    Args:
      extractor: What sees them.
      dataset: The images.
      count: How many, chosen at random but always the same; 0 for all.
      keep_features: Whether single features are wanted (KID, precision, recall, density, coverage)
        and not only their moments (FID).
      cache_dir: Where to keep results, by extractor and content of the images; None for the place
        of decoded images.
      batch_size: Images at a time.
      title: Of the progress bar.

    Raises:
      ValueError: If the data set has fewer than two images, or fewer than `count`.
      OSError: If the result cannot be written.
    """
    count = count or len(dataset)
    if not 2 <= count <= len(dataset):
        raise ValueError(
            f"cannot compare with {count} real images: {dataset.name} {dataset.split} has "
            f"{len(dataset)} here, take 2 to {len(dataset)}"
        )
    chosen = _choose(len(dataset), count)
    entry = feature_store.Entry.of(extractor, dataset, chosen, cache_dir=cache_dir)
    protocol = {
        "data": dataset.name,
        "split": dataset.split,
        "classes": [_class_name(dataset, label) for label in dataset.present_classes],
        "num_classes": len(dataset.class_names),
        "real_count": count,
        "real_size": len(dataset),
        "real_shape": list(dataset.images.shape[1:]),
        "real_sha256": entry.images_sha256,
        "extractor": extractor.name,
        "extractor_title": extractor.title,
        "resolution": extractor.resolution,
        "resize": extractor.resize,
        "weights_sha256": extractor.weights_sha256,
    }
    look = functools.partial(_look, extractor, dataset, chosen, batch_size, title)
    frequencies = _frequencies(dataset, chosen)
    return Reference(*_recall(entry, look, keep_features), frequencies, protocol)


def _recall(
    entry: feature_store.Entry, look: Callable[[], Iterator[np.ndarray]], keep_features: bool
) -> tuple[Moments, np.ndarray | None]:
    """What is kept; what is not comes from a new look, and is kept then."""
    known, kept = entry.read_moments(), None
    if keep_features or known is None:
        kept = entry.read_features()
    if keep_features and kept is None:
        kept = entry.write_features(look())
    if known is None:
        blocks = look() if kept is None else batches_of(kept, features.BLOCK_ROWS)
        known = functools.reduce(merge_moments, map(moments, blocks))
        entry.write_moments(known)
    return known, kept if keep_features else None


def _choose(size: int, count: int) -> np.ndarray | None:
    """Sorted rows of a random choice, the same at every call; None for all."""
    if count == size:
        return None
    return np.sort(np.random.default_rng(0).permutation(size)[:count])


def _class_name(dataset: data.ImageDataset, label: int) -> str | int:
    return dataset.class_names[label] if dataset.class_names else label


def _frequencies(dataset: data.ImageDataset, chosen: np.ndarray | None) -> np.ndarray:
    classes = len(dataset.class_names)
    if not classes:
        return np.zeros(0)
    labels = dataset.labels if chosen is None else dataset.labels[chosen]
    return np.bincount(labels, minlength=classes) / len(labels)


def _look(
    extractor: Extractor,
    dataset: data.ImageDataset,
    chosen: np.ndarray | None,
    batch_size: int,
    title: str,
) -> Iterator[np.ndarray]:
    count = len(dataset) if chosen is None else len(chosen)
    batches = feature_store.batches(dataset, chosen, batch_size)
    run = features.make_extract(extractor, batch_size=batch_size)
    for seen in features.collect(run(features.progress(batches, count, title))):
        yield seen.features
