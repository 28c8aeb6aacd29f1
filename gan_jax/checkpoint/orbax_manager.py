"""Everything this package asks of Orbax."""

import logging as python_logging
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import orbax.checkpoint as ocp
from absl import logging

Manager: TypeAlias = ocp.CheckpointManager
TEMPORARY = ".orbax-checkpoint-tmp"  # In the name of a checkpoint that is not committed.


def writer(
    directory: pathlib.Path, *, keep: int, discarded: str, before_commit: Callable[[], None]
) -> Manager:
    """Returns a manager that writes in the background; it removes what a killed one left behind.

    Args:
      directory: Folder of the checkpoints; made if it is not there.
      keep: How many of the newest checkpoints stay.
      discarded: Name of the sub-folder that outdated checkpoints are moved to.
      before_commit: Called in the background when all files are written, before the checkpoint
        gets its name.
    """
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
    manager.save(
        step,
        args=ocp.args.Composite(
            state=ocp.args.StandardSave(arrays), record=ocp.args.JsonSave(record)
        ),
        # The caller decides when to save; Orbax's own policy must not drop a step.
        force=True,
    )


def read(directory: pathlib.Path, step: int) -> tuple[Any, dict[str, Any]]:
    """Returns the nested dicts of NumPy arrays and the record; raises anything if damaged."""
    options = ocp.CheckpointManagerOptions(
        read_only=True, create=False, lightweight_initialize=True
    )
    with ocp.CheckpointManager(directory, options=options) as manager:
        items = manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(), record=ocp.args.JsonRestore()
            ),
        )
    return items["state"], items["record"]


def barrier(name: str) -> None:
    """Waits until every process is here."""
    ocp.multihost.sync_global_processes(f"gan_jax.checkpoint.{name}")


def quieten() -> None:
    """Keeps Orbax's progress reports, and tracebacks of errors we raise, off the terminal."""
    logger = python_logging.getLogger("absl")
    if _from_elsewhere not in logger.filters:
        logger.addFilter(_from_elsewhere)
    if not isinstance(sys.unraisablehook, _UnraisableHook):
        sys.unraisablehook = _UnraisableHook(sys.unraisablehook)


class _UnraisableHook:
    """Drops what TensorStore's threads print about a write whose failure was raised already.

    When one file of a checkpoint cannot be written, Orbax closes its event loop, and each of the
    other files then finds it closed.
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
