"""What real images look like to an extractor, kept so that it is computed once."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax import data, features
from gan_jax.metrics import Extractor, Moments, empty_moments, merge_moments, moments


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
      cache_dir: Where to keep results, by protocol and content of the images; None for the place
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
    protocol = {
        "data": dataset.name,
        "split": dataset.split,
        "classes": [_class_name(dataset, label) for label in dataset.present_classes],
        "real_count": count,
        "real_size": len(dataset),
        "real_shape": list(dataset.images.shape[1:]),
        "real_sha256": _fingerprint(dataset, chosen),
        "extractor": extractor.name,
        "extractor_title": extractor.title,
        "resize": extractor.resize,
        "weights_sha256": extractor.weights_sha256,
    }
    paths = _Paths.of(data.cache_directory(cache_dir), protocol)
    known = _read(paths, keep_features)
    if known is None:
        known = _look(extractor, dataset, chosen, paths, keep_features, batch_size, title)
    return Reference(*known, _frequencies(dataset), protocol)


def _choose(size: int, count: int) -> np.ndarray | None:
    """Sorted rows of a random choice, the same at every call; None for all."""
    if count == size:
        return None
    return np.sort(np.random.default_rng(0).permutation(size)[:count])


def _class_name(dataset: data.ImageDataset, label: int) -> str | int:
    return dataset.class_names[label] if dataset.class_names else label


def _frequencies(dataset: data.ImageDataset) -> np.ndarray:
    classes = len(dataset.class_names)
    if not classes:
        return np.zeros(0)
    return np.bincount(dataset.labels, minlength=classes) / len(dataset)


def _batches(dataset: data.ImageDataset, chosen: np.ndarray | None, size: int):
    count = len(dataset) if chosen is None else len(chosen)
    for start in range(0, count, size):
        rows = slice(start, start + size)
        yield dataset.images[rows if chosen is None else chosen[rows]]


def _fingerprint(dataset: data.ImageDataset, chosen: np.ndarray | None) -> str:
    digest = hashlib.sha256()
    for images in _batches(dataset, chosen, 1024):
        digest.update(np.ascontiguousarray(images))
    return digest.hexdigest()


class _Paths(NamedTuple):
    """Files of one reference."""

    moments: Path
    features: Path

    @classmethod
    def of(cls, folder: Path, protocol: dict[str, Any]) -> _Paths:
        key = hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()[:16]
        stem = f"reference-{protocol['extractor']}-{protocol['data']}-{protocol['split']}"
        readable = "".join(c if c.isalnum() or c in "-_." else "_" for c in stem)[:80]
        return cls(
            folder / f"{readable}-{key}.moments.npz", folder / f"{readable}-{key}.features.npy"
        )


def _read(paths: _Paths, keep_features: bool) -> tuple[Moments, np.ndarray | None] | None:
    try:
        with open(paths.moments, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            known = Moments(int(file["count"]), file["mean"], file["scatter"])
        kept = None
        if keep_features:
            kept = np.load(paths.features, mmap_mode="r", allow_pickle=False)
            if kept.shape != (known.count, len(known.mean)):
                return None
        return known, kept
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # Not there, or damaged: to be computed (again).


def _look(
    extractor, dataset, chosen, paths: _Paths, keep_features: bool, batch_size: int, title: str
) -> tuple[Moments, np.ndarray | None]:
    count = len(dataset) if chosen is None else len(chosen)
    batches = features.progress(_batches(dataset, chosen, batch_size), count, title)
    total = empty_moments(extractor.feature_dim)
    paths.moments.parent.mkdir(parents=True, exist_ok=True)
    run = features.make_extract(extractor, batch_size=batch_size)
    with _Replacing(paths.features) as partial:
        kept, done = None, 0
        if keep_features:
            shape = (count, extractor.feature_dim)
            kept = np.lib.format.open_memmap(partial, "w+", np.float32, shape)
        for seen in features.collect(run(batches)):
            total = merge_moments(total, moments(seen.features))
            if kept is not None:
                kept[done : done + len(seen.features)] = seen.features
                done += len(seen.features)
        if kept is not None:
            kept.flush()
    with _Replacing(paths.moments) as partial, open(partial, "wb") as file:
        np.savez(file, count=total.count, mean=total.mean, scatter=total.scatter)
    if keep_features:
        kept = np.load(paths.features, mmap_mode="r", allow_pickle=False)
    return total, kept


class _Replacing:
    """A temporary file that takes the place of `path` once it is whole, if it was made at all."""

    def __init__(self, path: Path):
        self._path = path
        # Two processes may compute the same reference: each writes a file of its own.
        self._partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")

    def __enter__(self) -> Path:
        return self._partial

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None and self._partial.exists():
            os.replace(self._partial, self._path)
        self._partial.unlink(missing_ok=True)
