"""Processes of a run that do not find each other are told so in one line, in bounded time."""

import concurrent.futures
import socket
import time

import pytest

from gan_jax.modes.train import join
from tests.two_processes import _free_port


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((False, "a:1", None, None), "--coordinator is for several processes: add --distributed"),
        ((False, None, 2, None), "--num_processes is for several"),
        ((False, None, None, 0), "--process_id is for several"),
        ((True, "a:1", 2, None), "belong together: --process_id is missing"),
        ((True, None, 2, 0), "belong together: --coordinator is missing"),
        ((True, "a:1", 0, 0), "--num_processes=0: at least 1"),
        ((True, "a:1", 2, 2), "--process_id=2: of 2 processes, 0 to 1"),
        ((True, "a:1", 2, -1), "--process_id=-1: of 2"),
        ((True, "a", 2, 1), "--coordinator=a: give HOST:PORT"),
        ((True, ":80", 2, 1), "--coordinator=:80: give HOST:PORT"),
        ((True, "a:99999", 2, 1), "--coordinator=a:99999: give HOST:PORT"),
        ((True, "a:b", 2, 1), "--coordinator=a:b: give HOST:PORT"),
    ],
)
def test_flags_that_cannot_be(flags, message):
    with pytest.raises(ValueError, match=message) as caught:
        join.check(*flags)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "flags", [(False, None, None, None), (True, None, None, None), (True, "[::1]:80", 2, 1)]
)
def test_flags_that_can(flags):
    join.check(*flags)


def let_join(port, count, seconds=30.0):
    return join._let_join(f"localhost:{port}", count, time.monotonic() + seconds)


def ask(port, count, process, seconds=30.0):
    return join._ask_to_join(f"localhost:{port}", count, process, time.monotonic() + seconds)


@pytest.fixture
def threads():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield pool


def test_all_wait_for_all(threads):
    port = _free_port()
    first = threads.submit(ask, port, 3, 2)  # It comes before process 0 does.
    zero = threads.submit(let_join, port, 3)
    with pytest.raises(OSError, match=r"cannot join at .*--num_processes=3, not 4"):
        ask(port, 4, 1)
    with socket.create_connection(("localhost", port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\n")
        assert stranger.recv(100) == b"this is process 0 of a run of gan_jax\n"
    socket.create_connection(("localhost", port)).close()
    assert not first.done()
    ask(port, 3, 1)
    assert (first.result(30), zero.result(30)) == (None, None)
    # The port is free at once, for JAX.
    socket.create_server(("", port)).close()


def test_who_does_not_come_is_named():
    port = _free_port()
    with pytest.raises(OSError, match=r"process\(es\) 1, 2 did not come to localhost:\d+ in time"):
        let_join(port, 3, 0.1)
    with pytest.raises(OSError, match=r"process 1 cannot join process 0 at .*connection refused"):
        ask(port, 2, 1, 0.1)
    with pytest.raises(OSError, match="process 1 cannot join process 0 at nowhere"):
        join._ask_to_join("nowhere.invalid:80", 2, 1, time.monotonic() + 0.1)


def test_an_address_in_use():
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(OSError, match=r"cannot listen at .*already in use; choose"):
            let_join(port, 2)


def test_a_server_of_another_kind(threads):
    with socket.create_server(("localhost", 0)) as server:
        asking = threads.submit(ask, server.getsockname()[1], 2, 1)
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"SSH-2.0-OpenSSH_9.6\n")
            with pytest.raises(OSError, match=r"process 1 cannot join at .*: SSH-2\.0-OpenSSH"):
                asking.result(30)


def test_a_process_that_comes_twice_is_refused():
    assert join._greeted("gan_jax 3 2", 3, {}) == 2
    assert join._greeted("gan_jax 3 2", 3, {2: None}) == (
        "another process was started with --process_id=2"
    )
