"""Joins the processes of a run, with what goes wrong said in one line.

Where a process does not come in time, `jax.distributed.initialize` ends the others by a stack trace
of C++. So they first meet by plain connections to the coordinator's address: each says which one it
is, and process 0 lets all go once all are there.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time

import jax

_RETRY_SECONDS = 0.2
_GREETING_SECONDS = 5.0
_GO = "go"


def check(
    distributed: bool, coordinator: str | None, num_processes: int | None, process_id: int | None
) -> None:
    """Refuses flags that cannot be together, or are out of range.

    Raises:
      ValueError: In one line.
    """
    given = {
        "--coordinator": coordinator,
        "--num_processes": num_processes,
        "--process_id": process_id,
    }
    missing = [flag for flag, value in given.items() if value is None]
    if not distributed and len(missing) < 3:
        flag = next(flag for flag, value in given.items() if value is not None)
        raise ValueError(f"{flag} is for several processes: add --distributed")
    if coordinator is None or num_processes is None or process_id is None:
        if len(missing) < 3:
            raise ValueError(f"{', '.join(given)} belong together: {missing[0]} is missing")
        return
    _address(coordinator)
    if num_processes < 1:
        raise ValueError(f"--num_processes={num_processes}: at least 1")
    if not 0 <= process_id < num_processes:
        raise ValueError(
            f"--process_id={process_id}: of {num_processes} processes, 0 to {num_processes - 1}"
        )


def join(
    coordinator: str | None, num_processes: int | None, process_id: int | None, *, timeout: float
) -> None:
    """Joins the other processes; see `check` for the flags.

    Args:
      coordinator: HOST:PORT of process 0; None where a cluster provides it, and the rest.
      num_processes: Their number.
      process_id: The index of this one.
      timeout: Seconds to wait for the others.

    Raises:
      ValueError: If there is no such cluster.
      OSError: If they do not come in time, or the address cannot be used.
    """
    if coordinator is None or num_processes is None or process_id is None:
        try:
            jax.distributed.initialize()
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                "--distributed finds no cluster that says where the processes are "
                f"({_first_line(error)}): give --coordinator, --num_processes and --process_id"
            ) from error
        return
    deadline = time.monotonic() + timeout
    if process_id == 0:
        _let_join(coordinator, num_processes, deadline)
    else:
        _ask_to_join(coordinator, num_processes, process_id, deadline)
    seconds = max(10, math.ceil(timeout))
    jax.distributed.initialize(
        coordinator, num_processes, process_id, initialization_timeout=seconds
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


def _address(coordinator: str) -> tuple[str, int]:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(
            f"--coordinator={coordinator}: give HOST:PORT of process 0, a port of 1 to 65535"
        )
    return host.strip("[]"), int(port)


def _let_join(coordinator: str, num_processes: int, deadline: float) -> None:
    """What process 0 does: waits for all others and lets them go."""
    _, port = _address(coordinator)
    here: dict[int, socket.socket] = {}
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listen(coordinator, port))
        while len(here) < num_processes - 1:
            try:
                listener.settimeout(_left(deadline))
                connection = stack.enter_context(listener.accept()[0])
            except TimeoutError:
                away = sorted({*range(1, num_processes)} - set(here))
                raise OSError(
                    f"process(es) {', '.join(map(str, away))} did not come to {coordinator} in "
                    "time: start all with the same --coordinator, or raise --join_timeout"
                ) from None
            try:
                connection.settimeout(_GREETING_SECONDS)
                process = _greeted(_line(connection), num_processes, here)
            except OSError:
                continue  # It went away again, or is of another kind.
            if isinstance(process, int):
                here[process] = connection
            else:
                _send(connection, process)
        for connection in here.values():
            _send(connection, _GO)
        for connection in here.values():
            # Who closes a connection first keeps its port for a while: that is the other one.
            with contextlib.suppress(OSError):
                connection.recv(1)


def _listen(coordinator: str, port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise OSError(
            f"process 0 cannot listen at --coordinator={coordinator}: "
            f"{os.strerror(error.errno or 0).lower()}; choose another port"
        ) from error


def _greeted(line: str, num_processes: int, here: dict[int, socket.socket]) -> int | str:
    """Which process has come; or what is to be answered, in one line."""
    words = line.split()
    if len(words) != 3 or words[0] != "gan_jax" or not all(w.isdecimal() for w in words[1:]):
        return "this is process 0 of a run of gan_jax"
    count, process = int(words[1]), int(words[2])
    if count != num_processes:
        return f"process 0 was started with --num_processes={num_processes}, not {count}"
    if process in here:
        return f"another process was started with --process_id={process}"
    return process


def _ask_to_join(coordinator: str, num_processes: int, process_id: int, deadline: float) -> None:
    """What every other process does: comes to process 0 and waits until it lets it go."""
    answer = ""
    while True:
        reason = "no answer"
        try:
            with socket.create_connection(_address(coordinator), timeout=_left(deadline)) as mine:
                _send(mine, f"gan_jax {num_processes} {process_id}")
                mine.settimeout(_left(deadline))
                answer = _line(mine)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        if answer == _GO:
            return
        if answer:
            raise OSError(f"process {process_id} cannot join at {coordinator}: {answer}")
        if time.monotonic() + _RETRY_SECONDS > deadline:
            raise OSError(
                f"process {process_id} cannot join process 0 at {coordinator} ({reason}): start "
                "it, correct --coordinator, or raise --join_timeout"
            )
        time.sleep(_RETRY_SECONDS)


def _left(deadline: float) -> float:
    return max(0.01, deadline - time.monotonic())


def _send(connection: socket.socket, line: str) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(f"{line}\n".encode())


def _line(connection: socket.socket) -> str:
    """A line, without its end; empty if the other side closes."""
    text = b""
    while not text.endswith(b"\n") and len(text) < 1000:
        received = connection.recv(1000)
        if not received:
            return ""
        text += received
    return text.decode(errors="replace").strip()
