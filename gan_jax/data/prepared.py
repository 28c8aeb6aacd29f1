"""TensorFlow Datasets: found where prepared, or downloaded and prepared on first use.

Reading needs no TensorFlow, preparing does.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.data import preparation
from gan_jax.data.sources import Example, Source
from gan_jax.data.tfrecord import TFRecords
from gan_jax.names import check_name, unknown_name
from gan_jax.untrusted import printable

Read = Callable[[Sequence[int]], Sequence[dict[str, Any]]]


def source(
    name: str, *, split: str, data_dir: str | Path | None, download: bool = True, progress: bool
) -> Source:
    """Describes a split of a tfds data set, preparing the data set if need be.

    The images are the first feature of type Image, the labels the first of type ClassLabel.

    Args:
      name: as tfds writes it: name, name/config, name:version.
      split: a split, or a part of one as tfds writes it.
      data_dir: where prepared data sets are, or are to be; None for tfds's default.
      download: whether the data set may be prepared; if not, nothing but what lies on this machine
        is read, and no code but tfds's own is run.
      progress: whether to show progress bars.

    Raises:
      ValueError: an unknown name or split, or no 8-bit image feature.
      OSError: the data set is not available, is damaged, or is stored in a format other than
        array_record, parquet and tfrecord.
    """
    directory = None if data_dir is None else str(Path(data_dir).expanduser())
    if not download:
        _check_plain(name)
    builder = _builder(name, directory)
    if not preparation.is_prepared(builder):
        if not download:
            raise OSError(
                f"data set {name!r} is not prepared in {builder.data_dir_root}, and it is not "
                "downloaded for the run of somebody else: give --trust_workdir if the run is your "
                "own, or set TFDS_DATA_DIR to where it is prepared"
            )
        preparation.prepare(builder, name, progress=progress)
        builder = _builder(name, directory)
    image_key, label_key, channels = _features(builder.info.features, name)
    length = _split_length(builder, split, name)
    read_rows = _open(builder, split, length, name)

    def read(start: int, stop: int) -> list[Example]:
        try:
            # What is damaged may lack a feature, or have one of another kind.
            return [
                Example(
                    f"example {start + i} of split {split!r}",
                    _bytes(row[image_key]),
                    int(row[label_key]) if label_key else 0,
                )
                for i, row in enumerate(read_rows(range(start, stop)))
            ]
        except Exception as e:
            raise _damaged(builder, name, e) from e

    return Source(
        length=length,
        channels=channels,
        class_names=tuple(builder.info.features[label_key].names) if label_key else (),
        read=read,
        tolerant=False,
        identity=_identity(builder, split, image_key, label_key),
    )


def _check_plain(name: str) -> None:
    """Refuses what tfds would look up on the network, or build from files that name modules."""
    import tensorflow_datasets as tfds

    plain = re.fullmatch(r"(\w+)(/[\w.+-]+)?(:(\d+|\*)(\.(\d+|\*)){0,2})?", name)
    if not plain or plain[1] not in tfds.list_builders(with_community_datasets=False):
        raise ValueError(
            f"data set {printable(name)!r} is none of tfds's own, and is not looked up for the run "
            "of somebody else: give --trust_workdir if the run is your own"
        )


def _builder(name: str, directory: str | None) -> Any:
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=directory)
    except tfds.core.registered.DatasetNotFoundError as e:
        known = ["digits", *tfds.list_builders(with_community_datasets=False)]
        base = re.split("[/:]", name)[0]
        raise ValueError(
            f"{unknown_name('data set', base, known)}; 'folder:PATH' is for images of your own"
        ) from e
    except Exception as e:
        raise ValueError(_why_no_builder(tfds, name, e)) from e


def _why_no_builder(tfds: Any, name: str, error: Exception) -> str:
    base, *config = name.split(":")[0].split("/")
    try:
        configs = list(tfds.builder_cls(base).builder_configs)
    except Exception:
        configs = []
    if config and "/".join(config) not in configs:
        if not configs:
            return f"data set {base!r} has no configs; name it without {'/'.join(config)!r}"
        return unknown_name(f"config of data set {base}", config[0], configs)
    return f"data set {name!r} cannot be used: {preparation.one_line(error)}"


def _features(features: Any, name: str) -> tuple[str, str | None, int]:
    import tensorflow_datasets as tfds

    items = dict(features.items()) if hasattr(features, "items") else {}
    images = [k for k, v in items.items() if type(v) is tfds.features.Image]
    labels = [k for k, v in items.items() if type(v) is tfds.features.ClassLabel]
    if not images:
        raise ValueError(
            f"data set {name!r} has no image feature; its features: {', '.join(items) or 'none'}"
        )
    image = items[images[0]]
    if np.dtype(image.np_dtype) != np.uint8:
        raise ValueError(
            f"feature {images[0]!r} of data set {name!r} has pixels of type "
            f"{np.dtype(image.np_dtype)}; only 8-bit images (uint8) can be used"
        )
    channels = 1 if image.shape[-1] == 1 else 3
    return images[0], labels[0] if labels else None, channels


def _bytes(encoded: Any) -> bytes:
    if not isinstance(encoded, bytes):
        raise ValueError(f"an image is {type(encoded).__name__}")
    return encoded


def _split_length(builder: Any, split: str, name: str) -> int:
    splits = list(builder.info.splits)
    for part in split.split("+"):
        base = part.split("[")[0].strip()
        check_name(f"split of data set {name}", base, (*splits, "all"))
    try:
        length = builder.info.splits[split].num_examples
    except Exception as e:
        raise ValueError(
            f"split {split!r} of data set {name!r} cannot be understood: {preparation.one_line(e)}"
        ) from e
    if not length:
        raise ValueError(f"split {split!r} of data set {name!r} is empty")
    return length


def _open(builder: Any, split: str, length: int, name: str) -> Read:
    import tensorflow_datasets as tfds

    formats = {f.value for f in builder.info.available_file_formats()}
    raw = {
        key: tfds.decode.SkipDecoding()
        for key, feature in builder.info.features.items()
        if type(feature) is tfds.features.Image
    }
    try:
        if formats & {"array_record", "parquet"}:
            records = builder.as_data_source(split, decoders=raw)
            read = records.__getitems__
        elif "tfrecord" in formats:
            records = TFRecords(builder.info.splits[split].file_instructions)
            read = _reader(records, builder.info.features, raw)
        else:
            raise ValueError(f"stored as {', '.join(sorted(formats)) or 'an unknown format'}")
        if len(records) != length:
            raise ValueError(f"{len(records)} examples instead of {length}")
    except Exception as e:
        raise _damaged(builder, name, e) from e
    return read


def _reader(records: TFRecords, features: Any, decoders: dict[str, Any]) -> Read:
    def read(keys: Sequence[int]) -> list[dict[str, Any]]:
        return [
            features.deserialize_example_np(record, decoders=decoders)
            for record in records.__getitems__(keys)
        ]

    return read


def _damaged(builder: Any, name: str, error: Exception) -> OSError:
    return OSError(
        f"data set {name!r} at {builder.data_dir} is damaged or incomplete "
        f"({preparation.one_line(error)}); move it away to have it prepared again"
    )


def _identity(builder: Any, split: str, image_key: str, label_key: str | None) -> dict[str, Any]:
    files = sorted(p for p in Path(builder.data_dir).iterdir() if p.is_file())
    return {
        "tfds": builder.info.full_name,
        "split": split,
        "features": [image_key, label_key],
        "files": [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in files],
    }
