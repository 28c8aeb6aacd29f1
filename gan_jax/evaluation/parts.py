"""What is done of an evaluation that is not complete, kept so that the next one goes on there.

It lies in the user's cache folder, not in the run's: a run may be somebody else's, and scores are
computed here, not believed. Features are kept in parts, each a file that is whole or not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax import files
from gan_jax.core import Weights
from gan_jax.data import cache_directory
from gan_jax.evaluation.features import Features, join

# A part is written after so many images or seconds: what a process that is killed may lose.
MAX_ROWS, MAX_SECONDS = 2048, 2.0
_DAY_SECONDS = 24 * 3600
# What nobody went on with for so long is removed.
_MAX_AGE_DAYS = 30
_NAME = re.compile(r"(\d{12})\.features")
_log = logging.getLogger(__name__)

Compute = Callable[[int, int], Iterator[Features]]


def folder_of(cache_dir: str | Path | None) -> Path:
    """The folder of evaluations that are not complete, in the cache's folder."""
    return cache_directory(cache_dir) / "evaluations"


def digest_of(key: Mapping[str, Any]) -> str:
    """Names a key, JSON values."""
    return hashlib.sha256(files.canonical_json(files.to_json(key))).hexdigest()[:32]


def weights_sha256(weights: Weights) -> str:
    """SHA-256 of the weights that a sampler reads, hexadecimal."""
    found = hashlib.sha256()
    # Mappings of other kinds than dict would be leaves.
    plain = tuple(map(dict, weights))
    for path, leaf in jax.tree_util.tree_leaves_with_path(plain):
        array = np.asarray(leaf)
        found.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return found.hexdigest()


class Parts:
    """The features of numbered images, kept in parts until they are scored.

    A folder that cannot be written is said once, and nothing is kept then.
    """

    def __init__(self, folder: Path, key: Mapping[str, Any], *, keep_logits: bool = True):
        """Names the files; none is read or written yet.

        Args:
          folder: As `folder_of` returns it.
          key: All that the features depend on, JSON values.
          keep_logits: Whether logits are needed too.
        """
        self._key = files.to_json(key)
        self._folder = folder / digest_of(key)
        self._keep_logits = keep_logits
        self._writes = True

    def completed(self, compute: Compute, count: int) -> Generator[Features, None, None]:
        """The features of images number 0 to `count` - 1: those that are kept, and the others.

        What is computed is kept before long, and also where the caller stops early or an exception
        ends the computation.

        Args:
          compute: Maps (start, stop) to the features of images number start to stop - 1, batch by
            batch.
          count: Number of images.
        """
        start = 0
        while start < count:
            kept = self._read(start)
            if kept is not None and start + len(kept.features) <= count:
                yield kept
                start += len(kept.features)
            else:
                stop = min([count, *(one for one in self._starts() if one > start)])
                yield from self._kept_now(compute(start, stop), start)
                start = stop

    def remove(self) -> None:
        """Removes the parts, once the images are scored."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kept_now(self, batches: Iterator[Features], start: int) -> Iterator[Features]:
        held: list[Features] = []
        since = time.monotonic()
        try:
            for batch in batches:
                held.append(batch)
                rows = sum(len(one.features) for one in held)
                if rows >= MAX_ROWS or time.monotonic() - since >= MAX_SECONDS:
                    self._write(start, held)
                    start, held, since = start + rows, [], time.monotonic()
                yield batch
        finally:
            if held:
                self._write(start, held)

    def _starts(self) -> list[int]:
        with contextlib.suppress(OSError):
            names = (_NAME.fullmatch(path.name) for path in self._folder.iterdir())
            return sorted(int(name[1]) for name in names if name)
        return []

    def _path(self, start: int) -> Path:
        return self._folder / f"{start:012d}.features"

    def _read(self, start: int) -> Features | None:
        found = files.read_arrays(self._path(start), verify=True)
        if found is None or found[1].get("key") != self._key:
            return None
        return Features(found[0]["features"], found[0]["logits"])

    def _write(self, start: int, held: list[Features]) -> None:
        if not self._writes:
            return
        part = join(held)
        logits = part.logits if self._keep_logits else part.logits[:, :0]
        try:
            if not self._folder.is_dir():
                remove_old(self._folder.parent)
            with files.array_writer(self._path(start), max_rows=len(logits)) as writer:
                writer.append({"features": part.features, "logits": logits})
                writer.description["key"] = self._key
        except OSError as error:
            self._writes = False
            _log.warning("an evaluation that is interrupted now will begin anew: %s", error)


def remove_old(folder: Path) -> None:
    """Removes what was begun in a folder more than a month ago and never completed."""
    oldest = time.time() - _MAX_AGE_DAYS * _DAY_SECONDS
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.lstat().st_mtime >= oldest:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
