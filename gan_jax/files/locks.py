"""Locks between processes, of one host or of several that share a file system.

A lock is a file that names its holder, made by `link`, which fails where the file exists. Whether
its holder lives is known at once on this host, by process id and start time; on another host it
shows it by a heartbeat, the file's time of change. Whoever takes over a dead holder's lock, or
removes a lock, holds a second one meanwhile, named after the first one's holder: so two processes
that find the same dead lock do not both take it. A holder that was suspended for so long that it
lost its lock notices that by `Lock.check`.

The package `filelock` has both halves, not the whole: its `FileLock` is one of the kernel, which
other hosts do not see on every shared file system, and its `SoftFileLock` has no heartbeat.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gan_jax.files.atomic import (
    remove_abandoned,
    temporary,
    unwinding_at_sigterm,
    write_all,
    write_error,
)
from gan_jax.files.holders import Holder, is_running, machine, read, this_process

BEAT_SECONDS = 10.0
# More than NFS keeps attributes of files in its cache (60 s), and two heartbeats that were missed.
DEAD_SECONDS = 120.0
_POLL_SECONDS = 0.2


class LockedError(OSError):
    """Another process holds the lock; the message is one line that names it."""


class LockLostError(OSError):
    """Another process has taken the lock over; the message is one line that names it."""


class Lock:
    """A lock that this process holds; see `held`."""

    def __init__(self, path: pathlib.Path, holder: Holder):
        self._path, self._holder = path, holder
        self._ended = threading.Event()
        # A daemon: a process that ends in another way than by `release` does not wait for it.
        self._checked = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="lock", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Makes sure that the lock is still this process's, right before something is written.

        A file server that does not answer for a while is waited for: nobody takes a lock over
        within `DEAD_SECONDS`.

        Raises:
          LockLostError: If another process has taken it over, or it was removed.
          OSError: If it could not be read for too long.
        """
        try:
            found = read(self._path)
        except OSError:
            if time.monotonic() - self._checked > DEAD_SECONDS / 2:
                raise
            return
        self._checked = time.monotonic()
        if found is None or found.token != self._holder.token:
            by = f"{found} took it over" if found else "it was removed"
            raise LockLostError(
                f"this process no longer holds the lock {self._path}: {by}; nothing more is written"
            )

    def release(self) -> None:
        """Gives the lock back, if it is still this process's."""
        self._ended.set()
        self._thread.join()
        _remove(self._path, self._holder)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):
                self.check()
                os.utime(self._path)


@contextlib.contextmanager
def held(
    path: str | os.PathLike, what: str, advice: str, *, wait: Callable[[str], None] | None = None
) -> Iterator[Lock]:
    """Holds a lock; it is released by the end of the block, exceptions, and SIGTERM.

    Args:
      path: The file of the lock; its folder must exist.
      what: What the lock is of, for the error.
      advice: What else can be done, for the error.
      wait: Given the line of the error once, when another process holds the lock, which is waited
        for then; None raises the error.

    Yields:
      The lock.

    Raises:
      LockedError: If another process holds the lock.
      OSError: If the file cannot be written, in one line.
    """
    path = pathlib.Path(path)
    told = False
    remove_abandoned(path.parent)
    with unwinding_at_sigterm():
        while isinstance(taken := _acquire(path), _Found):
            line = f"{what} is in use by {taken.holder}: {advice}"
            if wait is None:
                raise LockedError(line + _about_hosts(taken.holder))
            if not told:
                wait(line)
            told = True
            time.sleep(_POLL_SECONDS)
        lock = Lock(path, taken)
        try:
            yield lock
        finally:
            lock.release()


@contextlib.contextmanager
def making(path: pathlib.Path, say: Callable[[str], None]) -> Iterator[None]:
    """Lets one process at a time make a file that several look for, and the others wait.

    Whoever comes in looks for the file again: another process may have made it meanwhile. Where
    the folder cannot be written nobody waits; the attempt to make the file then says why.

    Args:
      path: The file, or the folder; that which holds it is made where it is missing.
      say: Given one line if another process is making it.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.with_name(f".{path.name}.lock")
            stack.enter_context(held(lock, str(path), "waiting until it is made", wait=say))
        yield


def _about_hosts(holder: Holder) -> str:
    if holder.machine == machine():
        return ""
    return (
        f" (if host {holder.host} is down: the lock is free {DEAD_SECONDS:.0f} s after its last "
        "heartbeat)"
    )


class _Found(NamedTuple):
    """A lock that another process holds."""

    holder: Holder


def _acquire(path: pathlib.Path) -> Holder | _Found:
    """Takes a lock that is free or dead: this process as its holder, or who holds it."""
    mine = this_process()
    data = json.dumps(mine._asdict()).encode()
    with temporary(path) as (file, candidate):
        write_all(file, path, 0, data)
        while True:
            if _link(candidate, path, mine):
                return mine
            found = read(path)
            if found is None:  # It was released just now.
                continue
            if _is_alive(found, path, candidate):
                return _Found(found)
            # Only one process at a time may replace or remove what this dead holder left.
            claim = _claim(path, found)
            if isinstance(taken := _acquire(claim), _Found):
                return _Found(taken.holder)
            try:
                if _is_of(path, found):
                    os.replace(candidate, path)
                    return mine
            finally:
                claim.unlink(missing_ok=True)


def _remove(path: pathlib.Path, holder: Holder) -> None:
    with contextlib.suppress(OSError):
        claim = _claim(path, holder)
        if isinstance(_acquire(claim), _Found):  # It is being taken over.
            return
        try:
            if _is_of(path, holder):
                path.unlink()
        finally:
            claim.unlink(missing_ok=True)


def _claim(path: pathlib.Path, holder: Holder) -> pathlib.Path:
    return path.with_name(f"{path.name}.{holder.token[:8]}")


def _link(candidate: pathlib.Path, path: pathlib.Path, mine: Holder) -> bool:
    """Gives a file a second name, if there is none of that name yet."""
    try:
        os.link(candidate, path)
    except FileExistsError:
        # The answer of a file server may be lost, and the second attempt then fails.
        return _is_of(path, mine)
    except OSError:
        # A file system without links. A process killed between the two lines leaves an empty lock.
        try:
            with open(path, "xb") as file:
                file.write(candidate.read_bytes())
        except FileExistsError:
            return False
        except OSError as error:
            raise write_error(path, error) from error
    return True


def _is_of(path: pathlib.Path, holder: Holder) -> bool:
    found = read(path)
    return found is not None and found.token == holder.token


def _is_alive(holder: Holder, path: pathlib.Path, now: pathlib.Path) -> bool:
    """Whether the holder of a lock lives; `now` is a file that was written just now."""
    if holder.machine == machine():
        return is_running(holder)
    try:
        # Both times are of the file system's clock, which all hosts have in common.
        os.utime(now)
        return now.stat().st_mtime - path.stat().st_mtime < DEAD_SECONDS
    except FileNotFoundError:
        return True  # Released just now: the caller tries again, or reports who held it.
