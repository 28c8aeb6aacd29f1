"""Checkpoints that are scored of an evaluation of several that is not complete."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_jax.evaluation import parts, results
from gan_jax.files import write_json_atomically

_log = logging.getLogger(__name__)


class Finished:
    """Results of checkpoints, kept until all that were asked for are there.

    Not those in the run's folder: they stay for good, and the run may be somebody else's.
    """

    def __init__(self, folder: Path):
        """Names the folder, as `parts.folder_of` returns it."""
        self._folder = folder
        self._paths: list[Path] = []

    def read(self, identity: Mapping[str, Any]) -> dict[str, Any] | None:
        """The result of a checkpoint; None where there is none that can be read.

        Args:
          identity: All that its scores depend on, as `SampleEvaluator.identity` returns it.
        """
        path = self._path(identity)
        try:
            found = results.read_result(path)
        except (OSError, ValueError):
            return None
        self._paths.append(path)
        return found

    def keep(self, identity: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Keeps the result of a checkpoint; where it cannot be written, says so."""
        path = self._path(identity)
        try:
            parts.remove_old(self._folder)
            write_json_atomically(path, result)
        except OSError as error:
            _log.warning("an evaluation that is interrupted now will begin anew: %s", error)
        else:
            self._paths.append(path)

    def remove(self) -> None:
        """Removes what was read and kept, once all checkpoints are scored."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _path(self, identity: Mapping[str, Any]) -> Path:
        return self._folder / f"{parts.digest_of(identity)}.json"
