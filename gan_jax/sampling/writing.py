"""Images to files, batch by batch: a folder of PNGs, or an `.npz`."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from gan_jax.files import write_error
from gan_jax.images import encode_png


class Labeled(NamedTuple):
    """A batch of images with the categories that they were generated from.

    Attributes:
      images: uint8 [B, H, W, C].
      categories: `{name: int32 [B]}`, as "label"; empty where there are none.
    """

    images: np.ndarray
    categories: Mapping[str, np.ndarray]


def save_images(folder: str | Path, batches: Iterable[Labeled], count: int) -> None:
    """Writes PNGs `00000.png`, ... to a new folder; `00000_label3.png` where there are categories.

    The folder appears whole or not at all.

    Args:
      folder: The folder; a parent that is missing is made.
      batches: The images, in the order of their numbers.
      count: How many they are in all.

    Raises:
      FileExistsError: If the folder is there already and not empty, before the first batch.
      OSError: If it cannot be written; nothing is left then.
      ValueError: If there are more or fewer images.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists and is not an empty folder: give a new --output")
    folder.parent.mkdir(parents=True, exist_ok=True)
    digits = max(5, len(str(count - 1)))
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        whole = Path(temporary) / "images"
        whole.mkdir()
        done = 0
        for images, categories in batches:
            for row, image in enumerate(images):
                what = "".join(f"_{name}{values[row]}" for name, values in categories.items())
                with _writing(folder):
                    (whole / f"{done:0{digits}d}{what}.png").write_bytes(encode_png(image))
                done += 1
        _check_count(done, count)
        os.replace(whole, folder)


def save_npz(path: str | Path, batches: Iterable[Labeled], count: int) -> None:
    """Writes an `.npz` with `images` uint8 [N, H, W, C], and int32 [N] for each category.

    A category's array has the name of the input in the plural, "labels". Equal images give equal
    bytes.

    Args:
      path: The file; a parent that is missing is made.
      batches: The images.
      count: How many they are in all, at least 1.

    Raises:
      FileExistsError: If the file is there already, before the first batch.
      OSError: If it cannot be written; nothing is left then.
      ValueError: If there are more or fewer images.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists: give a new --output")
    with _replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        categories = _write_images(archive, batches, count)
        for name, parts in categories.items():
            values = np.concatenate(parts).astype("<i4")
            with _member(archive, f"{name}s", values.dtype, values.shape) as member:
                member.write(values)


def _write_images(
    archive: zipfile.ZipFile, batches: Iterable[Labeled], count: int
) -> dict[str, list[np.ndarray]]:
    """Writes the images as they come; returns the categories, which have to wait for their end."""
    categories: dict[str, list[np.ndarray]] = {}
    done = 0
    with contextlib.ExitStack() as stack:
        member = None
        for images, batch_categories in batches:
            if member is None:
                shape = (count, *images.shape[1:])
                member = stack.enter_context(_member(archive, "images", images.dtype, shape))
            member.write(np.ascontiguousarray(images))
            for name, values in batch_categories.items():
                categories.setdefault(name, []).append(values)
            done += len(images)
        _check_count(done, count)
    return categories


@contextlib.contextmanager
def _member(
    archive: zipfile.ZipFile, name: str, dtype: np.dtype, shape: tuple[int, ...]
) -> Iterator[IO[bytes]]:
    """An array of an `.npz`, of which only the header has been written."""
    # A time of its own would make other bytes of equal images.
    entry = zipfile.ZipInfo(f"{name}.npy")
    entry.compress_type = archive.compression
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    with archive.open(entry, "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        yield member


def _check_count(done: int, count: int) -> None:
    if done != count:
        raise ValueError(f"{count} images were promised, {done} came")


class _File(io.FileIO):
    """A file whose errors say in one line what could not be written."""

    def __init__(self, path: Path, shown: Path):
        self._shown = shown
        with _writing(shown):
            super().__init__(path, "xb")

    def write(self, data) -> int:
        with _writing(self._shown):
            return super().write(data)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place at `path` if all goes well."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with _writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with io.BufferedWriter(_File(temporary, path)) as file:
            yield file
            file.flush()
            with _writing(path):
                os.fsync(file.fileno())
        with _writing(path):
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error
