"""What reads files that strangers may have written, with valid files to begin from."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import pathlib
import random
import struct
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from mutating import (
    mutate_bytes,
    mutate_description,
    mutate_json,
    mutate_line,
    mutate_pickle,
    mutate_record,
)
from PIL import Image

from configs import common
from gan_jax import files, telemetry
from gan_jax.checkpoint import leaves
from gan_jax.checkpoint.errors import DamagedError, damaged_if_unreadable
from gan_jax.checkpoint.record import verify_record
from gan_jax.data.tfrecord import TFRecords
from gan_jax.evaluation import results
from gan_jax.images import open_images
from gan_jax.metrics.torch_file import read_torch_file
from gan_jax.runs import setup, workdir

TORCH_FILES = pathlib.Path(__file__).parents[1] / "tests" / "metrics" / "torch_files"


@dataclasses.dataclass(frozen=True)
class Reader:
    """A reader, and files that it reads.

    Attributes:
      name: Of the file, as the reader wants it.
      valid: Files to mutate.
      read: Reads the file of this path.
      mutate: `(content, random) -> content`.
    """

    name: str
    valid: tuple[bytes, ...]
    read: Callable[[pathlib.Path], Any]
    mutate: Callable[[bytes, random.Random], bytes]


def _arrays_file(folder: pathlib.Path) -> bytes:
    path = folder / "arrays"
    with files.array_writer(path, max_rows=6) as writer:
        images = np.arange(6 * 4 * 4 * 3, dtype=np.uint8).reshape(6, 4, 4, 3)
        writer.append({"image": images, "label": np.arange(6, dtype=np.int32)})
        writer.description.update(key={"a": [1, 2]}, skipped=[], identity="0")
    return path.read_bytes()


def _read_arrays(path: pathlib.Path) -> None:
    found = files.read_arrays(path, verify=True)
    if found is None:
        raise ValueError("damaged")
    for array in found[0].values():
        array.tobytes()


def _npz(compress: bool) -> bytes:
    file = io.BytesIO()
    save = np.savez_compressed if compress else np.savez
    save(file, images=np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3))
    return file.getvalue()


def _image(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    pixels = np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    extra = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP") else {}
    Image.fromarray(pixels).save(file, kind, **extra, **options)
    return file.getvalue()


def _read_image(path: pathlib.Path) -> None:
    found = open_images(path.parent)
    for _ in found.batches(np.arange(found.count), 2):
        pass


def _read_record(path: pathlib.Path) -> None:
    try:
        with damaged_if_unreadable():
            record = verify_record(7, json.loads(path.read_bytes()))
    except DamagedError as error:  # Its checkpoint is passed over, with this line.
        raise ValueError(str(error)) from None
    names = leaves.select(None, record, partial=True)
    leaves.stored(record, names)


def _config(folder: pathlib.Path) -> bytes:
    stream = {
        "name": "pets",
        "split": "train",
        "size": 10,
        "identity": "abc",
        "arrays": {
            "image": {"shape": (32, 32, 3), "num_classes": 0},
            "label": {"shape": (), "num_classes": 2},
        },
        "class_names": {"label": ("cat", "dog")},
        "present_classes": {"label": (1,)},
        "class_counts": {"label": (0, 10)},
    }
    info = workdir.DataInfo({"data": stream})
    workdir.create_or_resume(folder / "run", common.base("test"), info, steps_matter=False)
    return (folder / "run" / "config.json").read_bytes()


def _read_run(path: pathlib.Path) -> None:
    config, info = workdir.load(path.parent)
    setup.check_complete(config, path.parent)
    setup.experiment_of(config, info.specs, parallel="jit")
    assert info.classes is not None
    assert all(np.isfinite(part).all() for part in info.label_frequencies.values())
    with contextlib.redirect_stdout(io.StringIO()):
        setup.reader_config(config, trusted=False)


@dataclasses.dataclass(frozen=True)
class _Instruction:
    filename: str
    skip: int = 0
    take: int = 5


def _read_records(path: pathlib.Path) -> None:
    records = TFRecords([_Instruction(str(path))])
    records.__getitems__(range(len(records)))


def _records() -> bytes:
    frames = []
    for size in (0, 3, 50, 7, 300):
        body = bytes(range(size % 256)) * (1 + size // 256)
        frames.append(struct.pack("<QI", len(body), 0) + body + bytes(4))
    return b"".join(frames)


def _checkpoint_record() -> bytes:
    state = {"params": {"kernel": np.ones((2, 2), np.float32)}, "key": jax.random.key(0), "e": {}}
    return json.dumps(leaves.describe(7, state, {"best": 1.5})[1]).encode()


def _log() -> bytes:
    line = {"step": 10, "loss/a": 0.5, "epoch": 0.1, "score/fid": "NaN", "phase": "x", "l": [1, 2]}
    return b"".join(json.dumps({**line, "step": step}).encode() + b"\n" for step in (1, 2, 3))


def _result() -> bytes:
    result = {
        "step": 3,
        "in_training": True,
        "scores": {"fid": 1.5, "kid": "NaN"},
        "protocol": {"data": "x", "real_shape": [8, 8, 3], "options": {"psi": None}},
        "line": "step 3: FID 1.5",
        "environment": telemetry.environment(),
        "seconds": 2.0,
        "images_per_second": 2.5,
    }
    return json.dumps(files.to_json(result)).encode()


def readers(folder: pathlib.Path) -> dict[str, Reader]:
    """All readers by name.

    Args:
      folder: An empty folder, in which valid files are made.
    """
    zips, legacy = TORCH_FILES / "zip.pth", TORCH_FILES / "legacy.pth"
    images = (
        *(_image(kind) for kind in ("BMP", "JPEG", "PNG", "PPM")),
        *(_image("GIF"), _image("WEBP"), _image("WEBP", lossless=True)),
    )
    config, arrays = _config(folder), _arrays_file(folder)
    return {
        "weights_zip": Reader("x.pth", (zips.read_bytes(),), read_torch_file, mutate_bytes),
        "weights_legacy": Reader("x.pth", (legacy.read_bytes(),), read_torch_file, mutate_bytes),
        "weights_pickle": Reader("x.pth", (zips.read_bytes(),), read_torch_file, mutate_pickle),
        "tfrecord": Reader("x.tfrecord", (_records(),), _read_records, mutate_bytes),
        "arrays": Reader("x.images", (arrays,), _read_arrays, mutate_bytes),
        "arrays_description": Reader("x.images", (arrays,), _read_arrays, mutate_description),
        "npz": Reader("x.npz", (_npz(False), _npz(True)), open_images, mutate_bytes),
        "images": Reader("x.png", images, _read_image, mutate_bytes),
        "config_json": Reader("config.json", (config,), _read_run, mutate_json),
        "config_bytes": Reader("config.json", (config,), _read_run, mutate_bytes),
        "metrics_jsonl": Reader("metrics.jsonl", (_log(),), telemetry.read_metrics, mutate_line),
        "results": Reader("step_3.json", (_result(),), results.read_result, mutate_json),
        "checkpoint_record": Reader(
            "metadata", (_checkpoint_record(),), _read_record, mutate_record
        ),
    }
