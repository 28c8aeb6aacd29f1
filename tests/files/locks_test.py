"""One process holds a lock, whoever dies, is suspended, or comes at the same moment."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from gan_jax.files import holders, locks
from gan_jax.files.locks import LockedError, LockLostError, held

ROOT = pathlib.Path(__file__).parents[2]
HOLD = """
    import sys, time
    from gan_jax.files.locks import held
    with held(sys.argv[1], "it", "wait"):
        print("held", flush=True)
        time.sleep(600)
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def holder(path):
    with start(HOLD, path) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def take(path):
    with held(path, "the toy", "wait") as lock:
        lock.check()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, **changes):
    """A lock as a process that started at another time, and ended, left it."""
    fields = {"token": "a" * 32, "host": "elsewhere", "machine": "elsewhere 1", "pid": 1}
    fields |= {"started": "1", "since": "2026-01-02 03:04:05 UTC", **changes}
    path.write_text(json.dumps(fields))


def age(path, seconds):
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_second_process_is_refused_and_both_leave_nothing(tmp_path):
    path = tmp_path / ".lock"
    with holder(path) as process:
        with pytest.raises(LockedError) as caught:
            take(path)
        assert str(caught.value).startswith(f"the toy is in use by process {process.pid} on host ")
        assert str(caught.value).endswith(" UTC: wait")
        assert ", since 20" in str(caught.value)
        assert names(tmp_path) == [".lock"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert names(tmp_path) == []
    with pytest.raises(ZeroDivisionError), held(path, "it", "wait"):
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_who_was_killed_does_not_block_reaped_or_not(tmp_path):
    path = tmp_path / ".lock"
    with holder(path) as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # It stays a zombie.
        take(path)
    with holder(path) as process:
        process.kill()
        process.wait()
        take(path)
    assert names(tmp_path) == []


def test_a_process_id_that_was_used_again_does_not_block(tmp_path):
    path = tmp_path / ".lock"
    mine = {"machine": holders.machine(), "pid": os.getpid()}
    write(path, **mine)
    take(path)
    write(path, **mine, started=holders.start_of(os.getpid()))
    with pytest.raises(LockedError):
        take(path)


def test_a_holder_on_another_host_lives_by_its_heartbeat(tmp_path):
    path = tmp_path / ".lock"
    write(path)
    age(path, locks.DEAD_SECONDS - 30)
    with pytest.raises(LockedError, match="process 1 on host elsewhere, since 2026-01-02 03:04:05"):
        take(path)
    age(path, locks.DEAD_SECONDS + 30)
    take(path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"token": '])
def test_a_lock_that_cannot_be_read_lives_for_a_while(tmp_path, text):
    path = tmp_path / ".lock"
    path.write_text(text)
    with pytest.raises(LockedError, match="on host unknown"):
        take(path)
    age(path, locks.DEAD_SECONDS + 30)
    take(path)
    assert names(tmp_path) == []


def test_the_heartbeat_keeps_a_lock_and_ends_when_it_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.01)
    path = tmp_path / ".lock"
    with held(path, "it", "wait") as lock:
        age(path, 1000)
        while time.time() - path.stat().st_mtime > 500:
            time.sleep(0.01)
        # As if this process had been suspended, and another had taken its lock.
        path.unlink()
        write(path)
        with pytest.raises(LockLostError, match=r"process 1 on host elsewhere.* took it over"):
            lock.check()
    assert json.loads(path.read_text())["host"] == "elsewhere"
    path.unlink()
    with held(path, "it", "wait") as lock:
        path.unlink()
        with pytest.raises(LockLostError, match="it was removed"):
            lock.check()
    assert names(tmp_path) == []


def test_who_died_while_taking_over_a_dead_lock_does_not_block(tmp_path):
    path = tmp_path / ".lock"
    dead = {"machine": holders.machine(), "pid": os.getpid()}
    write(path, **dead)
    write(tmp_path / ".lock.aaaaaaaa", **dead, token="b" * 32)
    take(path)
    assert names(tmp_path) == []


def test_without_links_a_lock_is_one_too(tmp_path, monkeypatch):
    def refuse(*args):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / ".lock"
    with held(path, "it", "wait"), pytest.raises(LockedError):
        take(path)
    assert names(tmp_path) == []


# In each round all processes find the same dead lock at the same moment; those that take it stay
# until all have tried. One of them is killed with the lock, which is the next round's dead one.
RACE = """
    import json, os, pathlib, signal, sys, time
    from gan_jax.files import holders, locks

    folder, processes, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    path, counts = folder / ".lock", []
    for number in range(rounds):
        go, results = time.monotonic() + 0.02, []
        for _ in range(processes):
            receive, send = os.pipe()
            pid = os.fork()
            if pid == 0:
                time.sleep(max(0.0, go - time.monotonic()))
                try:
                    context = locks.held(path, "it", "wait")
                    context.__enter__()
                    os.write(send, b"1")
                except locks.LockedError:
                    os.write(send, b"0")
                time.sleep(600)
            os.close(send)
            results.append((pid, receive))
        counts.append(sum(int(os.read(receive, 1)) for _, receive in results))
        for pid, receive in results:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(receive)
    print(json.dumps(counts))
"""


def test_of_processes_that_find_a_dead_lock_at_once_one_takes_it(tmp_path):
    with start(RACE, tmp_path, 6, 15) as process:
        output, _ = process.communicate(timeout=300)
    assert json.loads(output) == [1] * 15
    take(tmp_path / ".lock")
    assert names(tmp_path) == []


def test_who_waits_says_so_once_and_goes_on_when_it_is_free(tmp_path):
    path, told = tmp_path / ".lock", []
    with holder(path) as process:

        def wait(line):
            told.append(line)
            process.kill()

        with held(path, "it", "waiting", wait=wait) as lock:
            lock.check()
    assert len(told) == 1
    assert told[0].startswith(f"it is in use by process {process.pid} on host ")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(OSError, match=r"could not write .*/missing/\.lock: no such file") as caught:
        take(tmp_path / "missing" / ".lock")
    assert not isinstance(caught.value, LockedError)
