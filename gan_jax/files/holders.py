"""Who holds a lock: a process, told from all others of all hosts, and whether it still runs."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import pathlib
import socket
import uuid
from typing import NamedTuple


class Holder(NamedTuple):
    """Who holds a lock.

    Attributes:
      token: Of this lock alone.
      host: The name of its host.
      machine: What tells process ids apart: the host, its boot and its process namespace.
      pid: The process.
      started: When the process started, as its host counts.
      since: When the lock was taken, ISO 8601, UTC.
    """

    token: str
    host: str
    machine: str
    pid: int
    started: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on host {self.host}, since {self.since}"


def this_process() -> Holder:
    """This process as the holder of a new lock."""
    return Holder(
        uuid.uuid4().hex,
        socket.gethostname(),
        machine(),
        os.getpid(),
        start_of(os.getpid()) or "",
        datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


def read(path: pathlib.Path) -> Holder | None:
    """Who holds a lock; None where nobody does."""
    try:
        with open(path, "rb") as file:
            status, text = os.fstat(file.fileno()), file.read(10_000)
    except FileNotFoundError:
        return None
    try:
        fields = json.loads(text)
        strings = {name: str(fields[name]) for name in Holder._fields if name != "pid"}
        return Holder(pid=int(fields["pid"]), **strings)
    except (ValueError, KeyError, TypeError):
        # Being written, or cut short by a power failure: only its time says whether it is dead.
        token = f"{status.st_ino:08x}"[-8:] + str(status.st_size)
        return Holder(token, "unknown", "", 0, "", "an unknown time")


def is_running(holder: Holder) -> bool:
    """Whether a holder of this machine still runs; another process may have its number by now."""
    found = start_of(holder.pid)
    # "" is unknown, of then or of now: a process of this number runs.
    return found is not None and (not found or not holder.started or found == holder.started)


@functools.cache
def machine() -> str:
    """Names what a process id belongs to: a host, from one boot to the next, and a namespace.

    Two containers of one host may have the same name, and each a process 1.
    """
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def start_of(pid: int) -> str | None:
    """When a process of this host started, "" where that cannot be known; None if it has ended."""
    try:
        # The second field, the program's name, may hold anything.
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # A zombie has ended: it only waits for its parent to ask for its status.
        return None if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass  # Another user's.
    return ""
