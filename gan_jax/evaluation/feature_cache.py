"""What an extractor computed of real images, kept on disk so that it is computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax import files
from gan_jax.data import Dataset, cache_directory
from gan_jax.data.cache import path_for
from gan_jax.images import batches_of
from gan_jax.metrics import Extractor, Moments

CACHE_VERSION = 2  # Of the files, and of how images become features.


def batches(
    dataset: Dataset, rows: np.ndarray | None, size: int, *, array: str = "image"
) -> Iterator[np.ndarray]:
    """Images of a data set, uint8 [B, H, W, C] with B up to `size`.

    Args:
      dataset: The images.
      rows: Which of them; None for all.
      size: Images at a time.
      array: The name of their array.
    """
    images = dataset.arrays[array]
    if rows is None:
        yield from batches_of(images, size)
    else:
        for part in batches_of(rows, size):
            yield images[part]


class Entry(NamedTuple):
    """Where the features and moments of certain images are kept.

    Attributes:
      path: The path of the files, without their endings.
      key: What the features depend on, `{name: JSON value}`.
    """

    path: Path
    key: dict[str, Any]

    @classmethod
    def of(
        cls,
        extractor: Extractor,
        dataset: Dataset,
        rows: np.ndarray | None = None,
        *,
        array: str = "image",
        cache_dir: str | Path | None = None,
    ) -> Entry:
        """Names the files by the identity of the data set, without reading the images.

        Args:
          extractor: The extractor of the features.
          dataset: The images.
          rows: Which of them, int [N]; None for all.
          array: The name of their array.
          cache_dir: The folder; None for that of decoded images.
        """
        count = len(dataset) if rows is None else len(rows)
        key = {
            "version": CACHE_VERSION,
            "extractor": extractor.name,
            "resolution": extractor.resolution,
            "resize": extractor.resize,
            "feature_dim": extractor.feature_dim,
            "weights_sha256": extractor.weights_sha256,
            "images_shape": [count, *dataset.arrays[array].shape[1:]],
            "images_identity": _identity(dataset, rows, array),
        }
        stem = f"{dataset.name}-{dataset.split}-{extractor.name}-{count}"
        return cls(path_for(cache_directory(cache_dir), stem, key), key)

    @property
    def count(self) -> int:  # type: ignore[override]  # hides tuple.count
        """Number of images."""
        return self.key["images_shape"][0]

    @property
    def images_identity(self) -> str:
        """Identity of these images, hexadecimal: the same wherever the same images are chosen."""
        return self.key["images_identity"]

    def read_features(self) -> np.ndarray | None:
        """float32 [N, D], a read-only memory map; None where they are missing or damaged."""
        found = self._read("features")
        return None if found is None else found["features"]

    def read_moments(self) -> Moments | None:
        """Moments of the features; None where they are missing or damaged."""
        found = self._read("moments")
        if found is None:
            return None
        return Moments(self.count, np.array(found["mean"]), np.array(found["scatter"]))

    def read_distances(self, neighbors: int) -> np.ndarray | None:
        """float64 [N, `neighbors` or more]; None where they are missing, fewer or damaged."""
        found = self._read("distances")
        if found is None or found["distances"].shape[1] < neighbors:
            return None
        return found["distances"]

    def write_features(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """Keeps the features.

        Args:
          blocks: float32 [B, D], N rows in all, in the order of the images.

        Returns:
          float32 [N, D], a read-only memory map.

        Raises:
          ValueError: If there are more or fewer, or others.
          OSError: If they cannot be written. Nothing is left then, nor after SIGTERM.
        """
        row = (np.dtype(np.float32), (self.key["feature_dim"],))
        # Those of features that were computed elsewhere, and may differ in their last bits.
        self._file("distances").unlink(missing_ok=True)
        with files.array_writer(self._file("features"), max_rows=self.count) as writer:
            for block in blocks:
                if (block.dtype, block.shape[1:]) != row:
                    raise ValueError(f"not rows of {row} but of {block.dtype} {block.shape}")
                writer.append({"features": block})
            if writer.rows != self.count:
                raise ValueError(f"{writer.rows} rows came instead of {self.count}")
            writer.description["key"] = self.key
        kept = self.read_features()
        if kept is None:
            raise OSError(f"{self._file('features')} cannot be read back")
        return kept

    def write_moments(self, moments: Moments) -> None:
        """Keeps the moments of the features; raises as `write_features`."""
        dim = self.key["feature_dim"]
        with files.array_writer(self._file("moments"), max_rows=dim) as writer:
            writer.append({"mean": moments.mean, "scatter": moments.scatter})
            writer.description["key"] = self.key

    def write_distances(self, distances: np.ndarray) -> None:
        """Keeps distances to the nearest features, float64 [N, k]; raises as `write_features`."""
        with files.array_writer(self._file("distances"), max_rows=self.count) as writer:
            writer.append({"distances": distances})
            writer.description["key"] = self.key

    def _read(self, ending: str) -> dict[str, np.ndarray] | None:
        # Checked whole: a wrong feature would be a wrong score, and their use reads them anyway.
        found = files.read_arrays(self._file(ending), verify=True)
        return None if found is None or found[1].get("key") != self.key else found[0]

    def _file(self, ending: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{ending}")


def _identity(dataset: Dataset, rows: np.ndarray | None, array: str) -> str:
    parts = {"data": dataset.identity, "array": array}
    if rows is not None and not np.array_equal(rows, np.arange(len(dataset))):
        parts["rows"] = hashlib.sha256(np.asarray(rows, "<i8").tobytes()).hexdigest()
    return hashlib.sha256(files.canonical_json(parts)).hexdigest()
