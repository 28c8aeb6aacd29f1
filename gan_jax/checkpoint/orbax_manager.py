"""Everything this package asks of Orbax."""

import contextlib
import json
import logging as python_logging
import os
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

from gan_jax.checkpoint.errors import DamagedError
from gan_jax.untrusted import read_bytes

Manager: TypeAlias = ocp.CheckpointManager
TEMPORARY = ".orbax-checkpoint-tmp"  # In the name of a checkpoint that is not committed.
_MAX_RECORD_BYTES = 1 << 28
_STATE, _RECORD = "state", "record"  # The items of a checkpoint, each a sub-folder.


def writer(
    directory: pathlib.Path, *, keep: int, discarded: str, before_commit: Callable[[], None]
) -> Manager:
    """Returns a manager that writes in the background; it removes what a killed one left behind.

    Args:
      directory: Folder of the checkpoints; created if it does not exist.
      keep: How many of the newest checkpoints stay.
      discarded: Name of the sub-folder that outdated checkpoints are moved to.
      before_commit: Called in the background when all files are written, before the checkpoint
        gets its name.
    """
    silence()
    return ocp.CheckpointManager(
        directory,
        options=ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            create=True,
            cleanup_tmp_directories=True,
            # Deleting file by file could be killed half-way and leave a broken checkpoint.
            todelete_subdir=discarded,
            # Reading the metadata of a damaged checkpoint here would raise too early.
            lightweight_initialize=True,
            async_options=ocp.options.AsyncOptions(post_finalization_callback=before_commit),
            atomicity_options=ocp.options.AtomicityOptions(
                mode=ocp.options.AtomicityMode.ATOMIC_RENAME
            ),
        ),
    )


def write(manager: Manager, step: int, arrays: Any, record: dict[str, Any]) -> None:
    """Starts the write of nested dicts of NumPy arrays and a JSON record as one checkpoint."""
    items = {_RECORD: ocp.args.JsonSave(record)}
    if arrays:  # Orbax refuses a tree without arrays.
        items[_STATE] = ocp.args.StandardSave(arrays)
    # The caller decides when to save; Orbax's own policy must not drop a step.
    manager.save(step, args=ocp.args.Composite(**items), force=True)


def read_arrays(
    folder: pathlib.Path, wanted: dict[str, Any], shapes: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    """Reads some of the arrays of one checkpoint, and nothing of the others.

    Starts no thread that outlives the call, and waits for no other process.

    Args:
      folder: Folder of the checkpoint.
      wanted: Nested dicts as they were given to `write`, of the wanted arrays alone, with their
        names in the arrays' places.
      shapes: The shapes that they must have, by name. Files that claim others are not read: they
        might claim more than the memory holds.

    Returns:
      The same nested dicts of NumPy arrays; anything is raised if the files are damaged.
    """
    if not wanted:
        return {}
    silence()
    arguments = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted)
    # Orbax's StandardCheckpointHandler, which wrote them, can only read all.
    with contextlib.closing(ocp.PyTreeCheckpointHandler()) as handler:
        _check_shapes(handler.metadata(folder / _STATE).tree, wanted, shapes)
        return handler.restore(
            folder / _STATE,
            args=ocp.args.PyTreeRestore(wanted, restore_args=arguments, partial_restore=True),
        )


def _check_shapes(
    found: Mapping[str, Any], wanted: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]
) -> None:
    for key, part in wanted.items():
        if isinstance(part, dict):
            _check_shapes(found[key], part, shapes)
        elif tuple(found[key].shape) != tuple(shapes[part]):
            raise DamagedError(f"{part} is missing or has another shape")


def read_record(folder: pathlib.Path) -> Any:
    """Returns the JSON record of one checkpoint; raises anything if it is damaged."""
    return json.loads(read_bytes(folder / _RECORD / "metadata", most=_MAX_RECORD_BYTES))


def barrier(name: str) -> None:
    """Waits until every process is here."""
    ocp.multihost.sync_global_processes(f"gan_jax.checkpoint.{name}")


def silence() -> None:
    """Keeps Orbax's progress reports, and tracebacks of errors we raise, off the terminal."""
    logger = python_logging.getLogger("absl")
    if _from_elsewhere not in logger.filters:
        logger.addFilter(_from_elsewhere)
    if not isinstance(sys.unraisablehook, _UnraisableHook):
        sys.unraisablehook = _UnraisableHook(sys.unraisablehook)


class _UnraisableHook:
    """Drops what TensorStore's threads print about a failure that was raised already.

    When one array of a checkpoint cannot be read or written, Orbax closes its event loop, and each
    of the other arrays then finds it closed.
    """

    def __init__(self, hook: Callable[[Any], Any]):
        self._hook = hook

    def __call__(self, unraisable: Any) -> None:
        error = unraisable.exc_value
        if not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
            self._hook(unraisable)


def _from_elsewhere(record: python_logging.LogRecord) -> bool:
    if logging.get_verbosity() >= logging.DEBUG:
        return True
    return f"{os.sep}orbax{os.sep}" not in record.pathname
