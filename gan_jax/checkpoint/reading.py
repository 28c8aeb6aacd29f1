"""Reading of a directory of checkpoints: which are there, and the newest that can be trusted.

Nothing here changes what is on disk, starts a thread that outlives the call, or waits for another
process.
"""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from gan_jax.checkpoint import errors, files, leaves, orbax_manager
from gan_jax.checkpoint.errors import CheckpointError, DamagedError
from gan_jax.checkpoint.record import Record, verify_record

PyTree = Any
T = TypeVar("T")


def all_steps(directory: pathlib.Path) -> list[int]:
    """Returns the steps of the committed checkpoints in a directory, ascending."""
    if not directory.is_dir():
        return []
    return sorted(
        int(entry.name)
        for entry in directory.iterdir()
        if entry.name.isdecimal() and entry.is_dir()
    )


def newest(
    directory: pathlib.Path, read: Callable[[pathlib.Path], T], step: int | None
) -> tuple[int, T, dict[int, str]]:
    """Reads the newest checkpoint that is not damaged.

    Args:
      directory: Folder of the checkpoints.
      read: Reads the folder of one checkpoint, raises DamagedError if it is damaged.
      step: The only step to try; None tries all, the newest first.

    Returns:
      The step, what `read` returned, and {step: reason} of the damaged ones that were passed over.

    Raises:
      CheckpointError: If there is no checkpoint, none of step `step`, or none that is whole.
    """
    steps = all_steps(directory)
    if not steps:
        raise CheckpointError(f"there is no checkpoint in {directory}")
    if step is not None and step not in steps:
        raise CheckpointError(
            f"there is no checkpoint of step {step} in {directory}; "
            f"there are: {', '.join(map(str, steps))}"
        )
    damage: dict[int, str] = {}
    for candidate in [step] if step is not None else steps[::-1]:
        try:
            return candidate, read(directory / str(candidate)), damage
        except DamagedError as error:
            damage[candidate] = str(error)
    reasons = "; ".join(f"{bad}: {reason}" for bad, reason in damage.items())
    raise CheckpointError(
        f"no checkpoint in {directory} can be used, all asked for are damaged ({reasons})"
    )


def read_record(folder: pathlib.Path) -> Record:
    """Returns the record of one checkpoint, without reading an array.

    Args:
      folder: Folder of the checkpoint, named by its step.

    Raises:
      DamagedError: If it cannot be read, or is not what was saved.
    """
    with errors.damaged_if_unreadable():
        return verify_record(int(folder.name), orbax_manager.read_record(folder))


def read_arrays(
    folder: pathlib.Path, template: PyTree | None, *, partial: bool
) -> tuple[Record, dict[str, np.ndarray]]:
    """Returns the record of one checkpoint and the arrays {name: array} that are asked for.

    Args:
      folder: Folder of the checkpoint, named by its step.
      template: Pytree of the wanted leaves; None for all.
      partial: Whether `template` may leave out parts of the checkpoint, which are not read.

    Raises:
      CheckpointError: If the checkpoint holds other leaves than `template` asks for.
      DamagedError: If what is asked for cannot be read, or is not what was saved.
    """
    with errors.damaged_if_unreadable():
        files.verify(folder, contents=not partial)
    record = read_record(folder)
    names = leaves.select(template, record, partial=partial)
    with errors.damaged_if_unreadable():
        shapes = {name: record["leaves"][name]["shape"] for name in names}
        arrays = orbax_manager.read_arrays(folder, leaves.stored(record, names), shapes)
        return record, leaves.verify(record, names, arrays)


def passed_over(directory: pathlib.Path, damage: Mapping[int, str], used: int) -> list[str]:
    """Returns one line for the user per damaged checkpoint {step: reason} in favor of `used`."""
    return [
        f"checkpoint {bad} in {directory} is damaged ({reason}); using checkpoint {used}"
        for bad, reason in damage.items()
    ]
