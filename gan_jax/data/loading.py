"""`load`: a data set by its name, from the cache or through its source into the cache."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.data import decoding, prepared, sources
from gan_jax.data.cache import Block, cache_directory, through_cache
from gan_jax.data.classes import class_labels
from gan_jax.data.dataset import Dataset, from_arrays
from gan_jax.data.digits import digits
from gan_jax.data.subset import Subset
from gan_jax.names import check_name

_log = logging.getLogger(__name__)

_FOLDER = "folder:"


def load(
    name: str,
    *,
    split: str = "train",
    data_dir: str | Path | None = None,
    image_size: int | Sequence[int] = 32,
    channels: int | None = None,
    classes: str | Sequence[str | int] | None = None,
    subset: Subset | None = None,
    cache_dir: str | Path | None = None,
    layout: str = "image",
    download: bool = True,
    progress: bool = True,
) -> Dataset:
    """Loads an image data set, decoded once and memory-mapped ever after.

    Args:
      name: any TensorFlow Datasets image data set ("cifar10", "mnist", "cycle_gan/facades"),
        downloaded and prepared on first use, which needs TensorFlow; "digits" of scikit-learn,
        which needs no download; or "folder:PATH", images without labels or one sub-folder of
        images per class.
      split: a split of the data set, or a part of one as tfds writes it ("train[:1000]").
      data_dir: where prepared data sets are; by default TFDS_DATA_DIR, else tfds's default.
      image_size: height and width in pixels, or both as (height, width). Images of another size
        are cut to their center part of this aspect and resized, see `decoding.decode`.
      channels: 1 for luma, 3 for RGB, None for what the source has (a folder: 1 if every image
        is gray).
      classes: class names, labels or groups (`CLASS_GROUPS`) to keep, see `class_labels`;
        labels keep their numbers and `class_names` all of its names. None for all.
      subset: which of these examples to keep, a random part of them; None for all.
      cache_dir: where decoded images are kept, one file per source, split, size, number of
        channels, layout and choice of examples; by default `$XDG_CACHE_HOME/gan_jax`, else
        `~/.cache/gan_jax`. Files may be deleted at will. If the folder cannot be written to, a
        warning is logged and the images are kept in memory.
      layout: "image", or "side_by_side" for images that hold a pair, each half of which is made
        `image_size`.
      download: whether a data set that is not prepared may be downloaded and prepared. Without it
        only data sets that tfds itself knows are read: no community ones, which it looks up on the
        network, and none that are described by files alone, which may name any module of Python.
      progress: whether to show progress bars.

    Returns:
      The data set: an array "image", or "left" and "right", and "label" if there are labels that
      are not withheld (-1). An image of a folder that cannot be decoded is left out, and a warning
      that names it is logged.

    Raises:
      ValueError: an unknown name, split or class (the nearest valid ones are named), a label
        out of range, a data set without 8-bit images, an image of an odd width in layout
        "side_by_side", or an argument out of its range.
      OSError: a data set that is not there and not available (or not to be downloaded), is
        damaged or stored in a format
        that cannot be read at random; or a full disk. Nothing that was there before is changed.
    """
    size = _check_size(image_size)
    if channels not in (None, 1, 3):
        raise ValueError(f"channels must be 1, 3 or None, is {channels!r}")
    check_name("layout", layout, decoding.LAYOUTS)
    directory = cache_directory(cache_dir)
    if name == "digits":
        if layout != "image":
            raise ValueError(f"the images of 'digits' are no pairs: layout={layout!r}")
        dataset = digits(split=split, size=size, channels=channels)
        return _chosen(dataset, classes, subset, None, directory, {})
    source = _source(name, split, data_dir, download=download, progress=progress)
    # Classes are looked up before anything is decoded: a misspelled one is an error at once.
    if classes is not None:
        class_labels(classes, source.class_names, name=name)
    channels = channels or source.channels
    key = {"identity": source.identity, "image_size": size, "channels": channels, "layout": layout}
    stem = _stem(name, split, size, layout)
    blocks = decoding.decode_all(
        source, name, size=size, channels=channels, layout=layout, progress=progress
    )
    decoded = through_cache(directory, stem, key, blocks, max_rows=source.length)
    _warn_skipped(decoded.skipped, source.length, name)
    arrays = dict(decoded.arrays)
    if "label" in arrays and (arrays["label"] < 0).any():
        del arrays["label"]
    class_names = {"label": source.class_names} if "label" in arrays else {}
    dataset = Dataset(arrays, class_names, name, split, decoded.identity)
    return _chosen(dataset, classes, subset, stem, directory, key)


def load_streams(domains: Mapping[str, Mapping[str, Any]]) -> dict[str, Dataset]:
    """Loads the data sets of several image domains, which are not paired.

    Args:
      domains: `{stream: arguments of load}`, `name` included.

    Returns:
      `{stream: data set}`, each of one array, its images, under the name of the stream. Labels are
      left out.

    Raises:
      ValueError: a domain of pairs, or as `load`.
      OSError: as `load`.
    """
    return {stream: _domain(stream, load(**settings)) for stream, settings in domains.items()}


def _domain(stream: str, dataset: Dataset) -> Dataset:
    if "image" not in dataset.arrays:
        raise ValueError(f"domain {stream!r} has pairs of images: its layout must be 'image'")
    arrays = {stream: dataset.arrays["image"]}
    return Dataset(arrays, {}, dataset.name, dataset.split, dataset.identity)


def _check_size(image_size: Any) -> tuple[int, int]:
    size = (image_size, image_size) if np.ndim(image_size) == 0 else tuple(image_size)
    whole = all(isinstance(s, int | np.integer) and not isinstance(s, bool) for s in size)
    if not whole or len(size) != 2 or min(size) < 1:
        raise ValueError(
            f"image_size must be an integer of at least 1, or (height, width), is {image_size!r}"
        )
    return int(size[0]), int(size[1])


def _stem(name: str, split: str, size: tuple[int, int], layout: str) -> str:
    readable = Path(name).name if name.startswith(_FOLDER) else name
    parts = [readable, split, f"{size[0]}x{size[1]}", *([] if layout == "image" else [layout])]
    return "-".join(parts)


def _source(
    name: str, split: str, data_dir: str | Path | None, *, download: bool, progress: bool
) -> sources.Source:
    if not name.startswith(_FOLDER):
        return prepared.source(
            name, split=split, data_dir=data_dir, download=download, progress=progress
        )
    if split != "train":
        raise ValueError(
            f"an image folder has one split, 'train', not {split!r}; for another, name its folder"
        )
    return sources.folder(Path(name[len(_FOLDER) :]))


def _chosen(
    dataset: Dataset,
    classes: str | Sequence[str | int] | None,
    subset: Subset | None,
    stem: str | None,
    directory: Path,
    key: dict[str, Any],
) -> Dataset:
    """Keeps some classes, and of these a part; all where neither is chosen."""
    rows, of_key = None, dict[str, Any]()
    if classes is not None:
        all_names = dataset.class_names.get("label", ())
        of_key["labels"] = class_labels(classes, all_names, name=dataset.name)
        rows = np.flatnonzero(np.isin(dataset.arrays["label"], of_key["labels"]))
        if not len(rows):
            names = ", ".join(all_names[label] for label in of_key["labels"])
            raise ValueError(
                f"split {dataset.split!r} of {dataset.name!r} has no image of: {names}"
            )
    size = len(dataset) if rows is None else len(rows)
    part = None if subset is None else subset.rows(size)
    if subset is not None and part is not None:
        of_key["subset"] = {"count": len(part), "seed": subset.seed}
        rows = part if rows is None else rows[part]
    return dataset if rows is None else _taken(dataset, rows, stem, directory, key | of_key)


def _taken(
    dataset: Dataset, rows: np.ndarray, stem: str | None, directory: Path, key: dict[str, Any]
) -> Dataset:
    """Some rows: in memory where there is no cache file to take them from."""
    if stem is None:
        arrays = {name: array[rows] for name, array in dataset.arrays.items()}
        return from_arrays(
            arrays, class_names=dataset.class_names, name=dataset.name, split=dataset.split
        )

    def taken() -> Iterator[Block]:
        for batch in decoding.ranges(len(rows)):
            part = rows[batch.start : batch.stop]
            yield Block({name: array[part] for name, array in dataset.arrays.items()})

    kept = through_cache(directory, f"{stem}-subset", key, taken(), max_rows=len(rows))
    return Dataset(kept.arrays, dataset.class_names, dataset.name, dataset.split, kept.identity)


def _warn_skipped(skipped: Sequence[str], total: int, name: str) -> None:
    if skipped:
        shown = ", ".join(skipped[:5]) + (", ..." if len(skipped) > 5 else "")
        _log.warning("skipped %d of %d images of %s: %s", len(skipped), total, name, shown)
