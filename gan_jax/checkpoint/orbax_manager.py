"""Everything this package asks of Orbax."""

import contextlib
import json
import logging as python_logging
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

Manager: TypeAlias = ocp.CheckpointManager
TEMPORARY = ".orbax-checkpoint-tmp"  # In the name of a checkpoint that is not committed.
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


def read_arrays(folder: pathlib.Path, wanted: dict[str, Any]) -> dict[str, Any]:
    """Reads some of the arrays of one checkpoint, and nothing of the others.

    Starts no thread that outlives the call, and waits for no other process.

    Args:
      folder: Folder of the checkpoint.
      wanted: Nested dicts as they were given to `write`, of the wanted arrays alone, with anything
        in the arrays' places.

    Returns:
      The same nested dicts of NumPy arrays; anything is raised if the files are damaged.
    """
    if not wanted:
        return {}
    silence()
    arguments = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted)
    # Orbax's StandardCheckpointHandler, which wrote them, can only read all.
    with contextlib.closing(ocp.PyTreeCheckpointHandler()) as handler:
        return handler.restore(
            folder / _STATE,
            args=ocp.args.PyTreeRestore(wanted, restore_args=arguments, partial_restore=True),
        )


def read_record(folder: pathlib.Path) -> Any:
    """Returns the JSON record of one checkpoint; raises anything if it is damaged."""
    return json.loads((folder / _RECORD / "metadata").read_bytes())


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
