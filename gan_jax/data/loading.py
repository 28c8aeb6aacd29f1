"""`load`: a data set by its name, from the cache or through its source into the cache."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from gan_jax.data import cache, prepared, sources
from gan_jax.data.dataset import ImageDataset, class_labels

_log = logging.getLogger(__name__)

_FOLDER = "folder:"
_BATCH = 256
_THREADED_BYTES = 8192


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
    directory = Path(cache_dir).expanduser() if cache_dir else cache.default_directory()
    if name == "digits":
        dataset = sources.digits(split=split, image_size=image_size, channels=channels)
        return dataset if classes is None else _choose(dataset, classes, None, directory, {})
    if name.startswith(_FOLDER):
        if split != "train":
            raise ValueError(
                f"an image folder has one split, 'train', not {split!r}; "
                "for another, name its folder"
            )
        source = sources.folder(Path(name[len(_FOLDER) :]))
    else:
        source = prepared.source(name, split=split, data_dir=data_dir, progress=progress)
    # Classes are looked up before anything is decoded: a misspelt one costs no waiting.
    if classes is not None:
        class_labels(classes, source.class_names, name=name)
    channels = channels or source.channels
    key = {"identity": source.identity, "image_size": image_size, "channels": channels}
    stem = f"{Path(name).name if name.startswith(_FOLDER) else name}-{split}-{image_size}"
    batches = _decode_all(source, name, image_size, channels, progress)
    decoded = _cached(directory, stem, key, batches)
    _warn_skipped(decoded.skipped, source.length, name)
    class_names = source.class_names
    labels = decoded.labels
    if (labels < 0).any():
        class_names, labels = (), np.zeros_like(labels)
    labels.flags.writeable = False
    dataset = ImageDataset(decoded.images, labels, class_names, name, split)
    return dataset if classes is None else _choose(dataset, classes, stem, directory, key)


def _cached(
    directory: Path, stem: str, key: dict[str, Any], batches: Iterator[cache.Decoded]
) -> cache.Decoded:
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
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            yield cache.Decoded(dataset.images[part], dataset.labels[part], ())

    if stem is None:
        images, labels = dataset.images[rows], dataset.labels[rows]
        images.flags.writeable = False
    else:
        subset = _cached(directory, f"{stem}-subset", {**key, "labels": chosen}, taken())
        images, labels = subset.images, subset.labels
    labels.flags.writeable = False
    return ImageDataset(images, labels, dataset.class_names, dataset.name, dataset.split)


def _decode_all(
    source: sources.Source, name: str, image_size: int, channels: int, progress: bool
) -> Iterator[cache.Decoded]:
    def attempt(example: sources.Example) -> np.ndarray | Exception:
        try:
            return sources.decode(example.encoded, image_size, channels)
        except Exception as e:  # Pillow's plug-ins raise what they like on damaged files
            return e

    left = source.length
    bar = tqdm(total=source.length, desc=f"decoding {name}", unit="img", disable=not progress)
    with bar, ThreadPoolExecutor() as pool:
        for start in range(0, source.length, _BATCH):
            examples = source.read(start, min(start + _BATCH, source.length))
            results = list((pool.map if _are_large(examples) else map)(attempt, examples))
            broken = tuple(
                f"{example.name} ({_reason(result)})"
                for example, result in zip(examples, results, strict=True)
                if isinstance(result, Exception)
            )
            left -= len(broken)
            if broken and not source.tolerant:
                raise OSError(f"data set {name!r} is damaged: cannot decode {broken[0]}")
            if not left:
                raise ValueError(f"none of the {source.length} images of {name!r} can be decoded")
            images = [r for r in results if not isinstance(r, Exception)]
            labels = [
                e.label
                for e, r in zip(examples, results, strict=True)
                if not isinstance(r, Exception)
            ]
            shape = (len(images), image_size, image_size, channels)
            stacked = np.stack(images) if images else np.empty(shape, np.uint8)
            yield cache.Decoded(stacked, np.array(labels, np.int32), broken)
            bar.update(len(examples))


def _are_large(examples: Sequence[sources.Example]) -> bool:
    """Whether threads help: below this, handing the interpreter lock around costs more."""
    sizes = [
        e.encoded.stat().st_size if isinstance(e.encoded, Path) else len(e.encoded)
        for e in examples
    ]
    return sum(sizes) > _THREADED_BYTES * len(sizes)


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _warn_skipped(skipped: Sequence[str], total: int, name: str) -> None:
    if skipped:
        shown = ", ".join(skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        _log.warning("skipped %d of %d images of %s: %s", len(skipped), total, name, shown)
