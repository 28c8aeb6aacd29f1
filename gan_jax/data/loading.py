"""`load`: a data set by its name, from the cache or through its source into the cache."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.data import cache, decoding, prepared, sources
from gan_jax.data.dataset import ImageDataset, class_labels

_log = logging.getLogger(__name__)

_FOLDER = "folder:"


def load(
    name: str,
    *,
    split: str = "train",
    data_dir: str | Path | None = None,
    image_size: int = 32,
    channels: int | None = None,
    classes: str | Sequence[str | int] | None = None,
    cache_dir: str | Path | None = None,
    progress: bool = True,
) -> ImageDataset:
    """Loads an image data set, decoded once and memory-mapped ever after.

    Args:
      name: any TensorFlow Datasets image data set ("cifar10", "mnist", "cycle_gan/facades"),
        downloaded and prepared on first use, which needs TensorFlow; "digits" of scikit-learn,
        which needs no download; or "folder:PATH", images directly or a sub-folder a class.
      split: a split of the data set, or a part of one as tfds writes it ("train[:1000]").
      data_dir: where prepared data sets are; by default TFDS_DATA_DIR, else tfds's default.
      image_size: height and width. Images of another size are cut to their centre square and
        resized, see `sources.decode`.
      channels: 1 for luma, 3 for RGB, None for what the source has (a folder: 1 if every image
        is grey).
      classes: class names, labels or groups (`CLASS_GROUPS`) to keep, see `class_labels`;
        labels keep their numbers and `class_names` all of its names. None for all.
      cache_dir: where decoded images are kept, a file for every source, split, size, number of
        channels and choice of classes; by default `$XDG_CACHE_HOME/gan_jax`, else
        `~/.cache/gan_jax`. Files may be deleted at will. If the folder cannot be written to, a
        warning is logged and the images are kept in memory.
      progress: whether to show progress bars.

    Returns:
      The data set. An image of a folder that cannot be decoded is left out, and a warning that
      names it is logged. Where the labels of a split are withheld (-1), there are none.

    Raises:
      ValueError: an unknown name, split or class (the nearest valid ones are named), a label
        out of range, a data set without 8-bit images, or an argument out of its range.
      OSError: a data set that is not there and cannot be had, is damaged or stored in a format
        that cannot be read at random; or a full disk. Nothing that was there before is changed.
    """
    if isinstance(image_size, bool) or not isinstance(image_size, int) or image_size < 1:
        raise ValueError(f"image_size must be an integer of at least 1, is {image_size!r}")
    if channels not in (None, 1, 3):
        raise ValueError(f"channels must be 1, 3 or None, is {channels!r}")
    directory = cache.cache_directory(cache_dir)
    if name == "digits":
        dataset = sources.digits(split=split, image_size=image_size, channels=channels)
        return dataset if classes is None else _choose(dataset, classes, None, directory, {})
    source = _source(name, split, data_dir, progress)
    # Classes are looked up before anything is decoded: a misspelt one costs no waiting.
    if classes is not None:
        class_labels(classes, source.class_names, name=name)
    channels = channels or source.channels
    key = {"identity": source.identity, "image_size": image_size, "channels": channels}
    stem = f"{Path(name).name if name.startswith(_FOLDER) else name}-{split}-{image_size}"
    batches = decoding.decode_all(
        source, name, image_size=image_size, channels=channels, progress=progress
    )
    decoded = decoding.through_cache(directory, stem, key, batches)
    _warn_skipped(decoded.skipped, source.length, name)
    class_names = source.class_names
    labels = decoded.labels
    if (labels < 0).any():
        class_names, labels = (), np.zeros_like(labels)
    labels.flags.writeable = False
    dataset = ImageDataset(decoded.images, labels, class_names, name, split)
    return dataset if classes is None else _choose(dataset, classes, stem, directory, key)


def _source(name: str, split: str, data_dir: str | Path | None, progress: bool) -> sources.Source:
    if not name.startswith(_FOLDER):
        return prepared.source(name, split=split, data_dir=data_dir, progress=progress)
    if split != "train":
        raise ValueError(
            f"an image folder has one split, 'train', not {split!r}; for another, name its folder"
        )
    return sources.folder(Path(name[len(_FOLDER) :]))


def _choose(
    dataset: ImageDataset,
    classes: str | Sequence[str | int],
    stem: str | None,
    directory: Path,
    key: dict[str, Any],
) -> ImageDataset:
    """Keeps some classes: in memory where there is no cache file to take them from."""
    chosen = class_labels(classes, dataset.class_names, name=dataset.name)
    rows = np.flatnonzero(np.isin(dataset.labels, chosen))
    if not len(rows):
        names = ", ".join(dataset.class_names[label] for label in chosen)
        raise ValueError(f"split {dataset.split!r} of {dataset.name!r} has no image of: {names}")

    def taken() -> Iterator[cache.Decoded]:
        for batch in decoding.ranges(len(rows)):
            part = rows[batch.start : batch.stop]
            yield cache.Decoded(dataset.images[part], dataset.labels[part], ())

    if stem is None:
        images, labels = dataset.images[rows], dataset.labels[rows]
        images.flags.writeable = False
    else:
        subset = decoding.through_cache(
            directory, f"{stem}-subset", {**key, "labels": chosen}, taken()
        )
        images, labels = subset.images, subset.labels
    labels.flags.writeable = False
    return ImageDataset(images, labels, dataset.class_names, dataset.name, dataset.split)


def _warn_skipped(skipped: Sequence[str], total: int, name: str) -> None:
    if skipped:
        shown = ", ".join(skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        _log.warning("skipped %d of %d images of %s: %s", len(skipped), total, name, shown)
