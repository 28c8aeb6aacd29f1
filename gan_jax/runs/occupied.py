"""A run's folder while it is trained in: by one process at a time.

A run claims its folder by its first checkpoint. `workdir` lets another experiment take a folder
whose run has saved nothing, so a first start that fails, or is killed, stands in nobody's way.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from gan_jax.core import processes
from gan_jax.files import locks
from gan_jax.files.atomic import remove_abandoned
from gan_jax.runs import workdir


class Claim:
    """A folder that this process trains in; does nothing on other processes than the first one.

    Attributes:
      leave: Gives the lock back where the process is to end without leaving the block. Other
        threads may be writing: what is there stays, and a folder without a checkpoint or a log line
        is free for the next start anyway.
    """

    def __init__(self, where: workdir.Workdir, lock: locks.Lock | None):
        """Names the folder and its lock, None on other processes than the first one."""
        self._where, self._lock, self._recorded = where, lock, False
        self.leave: Callable[[], None] = lock.release if lock else lambda: None

    def confirm(self) -> None:
        """Makes sure, before something is written, that the folder is still this process's.

        Records the first checkpoint of the run, once it is on the disk.

        Raises:
          LockLostError: If this process was suspended until another one took over.
          OSError: If the record cannot be written, in one line.
        """
        if self._lock is None:
            return
        self._lock.check()
        if not self._recorded and self._where.steps():
            workdir.record_saved(self._where)
            self._recorded = True


@contextlib.contextmanager
def occupied(path: str | Path) -> Iterator[Claim]:
    """Holds a run's folder, so that no other process trains in it.

    Of several processes of one run the first one holds it, and all fail if it cannot. If the block
    ends before a checkpoint is saved or a line is logged, what it wrote is removed again, and the
    folder with it where it was not there before.

    Args:
      path: The folder; made if it is not there.

    Yields:
      What is to be asked before anything is written.

    Raises:
      LockedError: If another process trains there.
      OSError: If the folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        hold = functools.partial(stack.enter_context, _held(Path(path)))
        lock = processes.by_first_process(hold, None)
        yield Claim(workdir.Workdir(Path(path)), lock)


@contextlib.contextmanager
def _held(path: Path) -> Iterator[locks.Lock]:
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    where, advice = workdir.Workdir(path), "wait for it to end, stop it, or give another --workdir"
    try:
        path.mkdir(parents=True, exist_ok=True)
        with (
            locks.held(where.lock, f"workdir {path}", advice) as lock,
            _leaving_nothing(where, lock),
        ):
            for folder in (where.samples, where.plots, where.evaluations):
                remove_abandoned(folder)
            yield lock
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # Something is in it.
                folder.rmdir()


@contextlib.contextmanager
def _leaving_nothing(where: workdir.Workdir, lock: locks.Lock) -> Iterator[None]:
    """Removes what is new in a folder if the block ends before anything is saved or logged."""
    before = set(where.outputs())
    try:
        yield
    finally:
        # In a folder that was taken over, what is new is another process's.
        with contextlib.suppress(locks.LockLostError):
            lock.check()
            _remove_new(where, before)


def _remove_new(where: workdir.Workdir, before: set[Path]) -> None:
    if workdir.has_saved(where) or workdir.has_logged(where):
        return
    new = set(where.outputs()) - before
    # Last, and alone: without it, what could not be removed would be nobody's.
    for path in new - {where.config}:
        with contextlib.suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if set(where.outputs()) - before == {where.config}:
        with contextlib.suppress(OSError):
            where.config.unlink()
