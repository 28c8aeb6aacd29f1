"""Checkpoints of any pytree: asynchronous, crash-safe, verified when read.

Orbax's ``CheckpointManager`` writes them; this module adds what a long run needs:

* ``save`` returns as soon as the state is copied to the host, so its buffers may be donated to the
  next step at once, and the write goes on in the background;
* every checkpoint carries the shape, dtype and CRC-32 of each leaf, written in the same atomic
  commit, so a truncated file or a flipped bit is found and the next older checkpoint is used;
* leaves are stored by name as plain host arrays, so a checkpoint does not depend on the classes of
  the state, nor on the devices or the number of processes that wrote it, and a part of it can be
  read without the rest;
* a write that fails (full disk) is one clear line, and the older checkpoints are still there.

A directory of checkpoints holds one folder per step, named by the step. A folder gets that name
only when it is whole: what a killed process left half-written has another name, is ignored, and is
removed by the first ``save`` of the next run. Reading changes nothing on disk, so samples can be
generated from a run that is still training.
"""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import jax
from absl import logging

from gan_jax.checkpoint import errors, files, leaves, orbax_manager, reading
from gan_jax.checkpoint.errors import CheckpointError

PyTree = Any

_DISCARDED = "discarded"  # Orbax moves an outdated checkpoint here by one atomic rename.
_DAMAGED = "damaged-{}"


class Checkpointer:
    """Saves and restores the checkpoints of one run.

    Nothing is created or changed on disk, and no thread is started, before the first ``save``.
    With several processes (``jax.distributed``) every process calls ``save``, ``wait`` and
    ``close`` in the same order, with the same replicated arrays, on a directory that all of them
    see; process 0 writes. A process that reads, with no write under way, waits for no other; those
    that go on to ``save`` must all have called the same ``restore``.

    Usable as a context manager; leaving it waits for the write under way.
    """

    def __init__(self, directory: str | os.PathLike, *, keep: int = 3, asynchronous: bool = True):
        """Names the directory and what to keep in it.

        Args:
          directory: Folder of the checkpoints; created by the first ``save``.
          keep: How many of the newest checkpoints to keep, at least 1. An older one is removed
            only after a newer one is whole on disk.
          asynchronous: Whether ``save`` leaves the writing to a background thread.

        Raises:
          ValueError: If ``keep`` is below 1.
        """
        if keep < 1:
            raise ValueError(f"keep must be at least 1 checkpoint, got {keep}")
        self._directory = pathlib.Path(os.path.abspath(directory))
        self._keep = keep
        self._asynchronous = asynchronous
        self._manager: orbax_manager.Manager | None = None
        self._in_flight: int | None = None
        self._damaged: list[int] = []

    def __enter__(self) -> "Checkpointer":
        return self

    def __exit__(self, exception_type, exception, traceback) -> None:
        if exception_type is None:
            self.close()
            return
        try:
            self.close()
        except CheckpointError as error:
            # The user has to see the exception that is being raised already.
            logging.error("%s", error)

    def all_steps(self) -> list[int]:
        """Returns the steps of the checkpoints that are whole on disk, ascending."""
        return reading.all_steps(self._directory)

    def latest_step(self) -> int | None:
        """Returns the newest step that is whole on disk, or None where there is none."""
        return max(self.all_steps(), default=None)

    def save(self, step: int, state: PyTree, progress: Mapping[str, Any]) -> None:
        """Saves one checkpoint; a step that is already saved is left as it is.

        Args:
          step: The step the state belongs to, not negative.
          state: Any pytree of arrays of any dtype, typed PRNG keys and Python numbers. It may be
            donated, and ``progress`` changed, as soon as this returns.
          progress: What else a resumed run needs; anything that JSON can hold.

        Raises:
          CheckpointError: If this write, or the one before it in the background, failed.
          ValueError: If a leaf of ``state`` is no array or number, or ``progress`` is not JSON.
        """
        if step < 0:
            raise ValueError(f"a checkpoint's step cannot be negative, got {step}")
        if step == self._in_flight:
            return
        self.wait()
        self._set_damaged_aside()
        if step in self.all_steps():
            return
        arrays, record = leaves.describe(step, state, progress)
        self._in_flight = step
        try:
            if self._manager is None:
                self._empty_discarded()
                self._manager = orbax_manager.writer(
                    self._directory,
                    keep=self._keep,
                    discarded=_DISCARDED,
                    before_commit=self._seal_in_flight,
                )
            orbax_manager.write(self._manager, step, arrays, record)
        except Exception as error:
            raise self._write_failed(step, error) from error
        if not self._asynchronous:
            self.wait()

    def restore(
        self, template: PyTree | None = None, step: int | None = None, *, partial: bool = False
    ) -> tuple[int, PyTree, dict[str, Any], list[str]]:
        """Restores the newest whole checkpoint, bit for bit.

        A damaged checkpoint is passed over for the next older one, unless ``step`` asks for it.
        The first ``save`` after that renames a damaged checkpoint newer than the restored one to
        ``damaged-<step>``, so that it neither stands in the way of a new one nor is lost.

        Args:
          template: Pytree of ``jax.ShapeDtypeStruct`` or arrays with the wanted structure, shapes
            and dtypes. Leaves are matched by the names of their containers: a dict of the keys
            "params" and "ema" fits a dataclass of these fields. A leaf with a sharding is placed
            by it, one without on the default device; a NumPy leaf comes back as NumPy, a Python
            number as a Python number. None returns nested dicts of NumPy arrays (and typed keys)
            keyed by the names of the containers, whatever devices there are now; tuples become
            dicts keyed "0", "1", …
          step: The step to restore; None takes the newest.
          partial: Whether ``template`` may leave out parts of the checkpoint. These are not read,
            and damage that only concerns them may stay unnoticed.

        Returns:
          The step, the state, the progress given to ``save``, and one line for every damaged
          checkpoint that was passed over, for the caller to show.

        Raises:
          CheckpointError: If there is no checkpoint, none of step ``step``, none that is whole, or
            it holds other leaves than ``template`` asks for (the first that differs is named).
        """
        self.wait()
        found, (record, arrays), damage = reading.newest(
            self._directory,
            lambda folder: reading.read_arrays(folder, template, partial=partial),
            step,
        )
        if template is None:
            state = leaves.nest(record, arrays)
        else:
            state = leaves.fill(template, record, arrays)
        self._damaged = list(damage)
        warnings = reading.passed_over(self._directory, damage, found)
        return found, state, record["progress"], warnings

    def progress(self, step: int | None = None) -> tuple[int, dict[str, Any]]:
        """Reads what was given to ``save`` as progress, and no array.

        A checkpoint whose record is damaged is passed over for the next older one, with a warning
        in the log, unless ``step`` asks for it. Whether the arrays are whole is not known.

        Args:
          step: The step to read; None takes the newest.

        Returns:
          The step and its progress.

        Raises:
          CheckpointError: If there is no checkpoint, none of step ``step``, or none whose record
            can be read.
        """
        self.wait()
        found, record, damage = reading.newest(self._directory, reading.read_record, step)
        for line in reading.passed_over(self._directory, damage, found):
            logging.warning("%s", line)
        return found, record["progress"]

    def wait(self) -> None:
        """Waits until the write under way is on disk.

        Raises:
          CheckpointError: If that write failed.
        """
        if self._in_flight is None or self._manager is None:
            return
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise self._write_failed(self._in_flight, error) from error
        self._in_flight = None
        self._empty_discarded()

    def close(self) -> None:
        """Waits for the write under way and ends the background threads.

        Raises:
          CheckpointError: If that write failed.
        """
        try:
            self.wait()
        finally:
            self._drop_manager()

    def _seal_in_flight(self) -> None:
        """Adds checksums of its files to the checkpoint that is about to be committed."""
        if jax.process_index() == 0:
            final = self._directory / str(self._in_flight)
            temporary = list(self._directory.glob(f"{self._in_flight}{orbax_manager.TEMPORARY}*"))
            files.seal(temporary[0] if temporary else final)

    def _write_failed(self, step: int, error: Exception) -> CheckpointError:
        self._in_flight = None
        self._drop_manager()
        if jax.process_index() == 0 and self._directory.is_dir():
            # On a full disk the space of the half-written checkpoint is needed at once.
            for entry in self._directory.glob(f"*{orbax_manager.TEMPORARY}*"):
                shutil.rmtree(entry, ignore_errors=True)
        latest, reason = self.latest_step(), errors.reason(error)
        rest = "there is no older one" if latest is None else f"the last whole one is {latest}"
        return CheckpointError(
            f"could not write checkpoint {step} in {self._directory}: {reason}; {rest}"
        )

    def _drop_manager(self) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            # A failure of its write has been reported already; it must not be raised twice.
            with contextlib.suppress(Exception):
                manager.close()

    def _set_damaged_aside(self) -> None:
        if not self._damaged:
            return
        self._drop_manager()
        damaged, self._damaged = self._damaged, []
        if jax.process_index() == 0:
            for step in damaged:
                aside = self._directory / _DAMAGED.format(step)
                shutil.rmtree(aside, ignore_errors=True)
                os.replace(self._directory / str(step), aside)
                logging.warning("damaged checkpoint %d is kept as %s", step, aside)
        if jax.process_count() > 1:
            orbax_manager.barrier(f"set_damaged_aside.{damaged}")

    def _empty_discarded(self) -> None:
        if jax.process_index() == 0:
            shutil.rmtree(self._directory / _DISCARDED, ignore_errors=True)
