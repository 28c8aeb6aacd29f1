"""Signals: answered while Python is not running, and of a terminal that has gone."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from gan_jax.modes.train import interrupt

ROOT = pathlib.Path(__file__).parents[3]
# A thread of Python's own cannot answer while the main thread is in C, as while XLA compiles.
IN_C = """
import hashlib, sys
from gan_jax.modes.train.interrupt import Interrupt
from gan_jax.runs.occupied import occupied
with occupied(sys.argv[1]) as claim, Interrupt() as stop:
    stop.step, stop.before_exit = 7, claim.leave
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2**31 - 1)
"""
ON_A_TERMINAL = """
import fcntl, pathlib, signal, sys, termios, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # The tests themselves may run under nohup.
from gan_jax import telemetry
from gan_jax.modes.train.interrupt import Interrupt
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
with Interrupt() as stop, telemetry.ProgressBar(10) as bar:
    print("ready", flush=True)
    while not stop.requested():
        time.sleep(0.01)
    bar.update(1)
    print("this goes nowhere", flush=True)
    pathlib.Path(sys.argv[1]).write_text(str(stop.signum))
sys.exit(3)
"""


def start(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


def test_the_first_signal_is_answered_in_c_and_the_second_ends_the_process(tmp_path):
    pipes = {name: subprocess.PIPE for name in ("stdout", "stderr")}
    with start(IN_C, str(tmp_path / "run"), text=True, **pipes) as child:
        try:
            assert child.stdout.readline() == "ready\n"
            assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
            child.send_signal(signal.SIGINT)
            child.send_signal(signal.SIGINT)  # Passed on by a program in between: the same one.
            answer = child.stderr.readline()
            assert answer == "finishing step 7, then saving; again to stop without saving\n"
            time.sleep(2 * interrupt._SAME_REQUEST)
            child.send_signal(signal.SIGHUP)
            time.sleep(0.1)
            assert child.poll() is None
            while child.poll() is None:  # A busy machine may take the first for the same request.
                child.send_signal(signal.SIGTERM)
                time.sleep(2 * interrupt._SAME_REQUEST)
            _, rest = child.communicate(timeout=60)
        finally:
            child.kill()
    assert rest.startswith("stopped without saving; the same command goes on")
    assert len(rest.splitlines()) == 1
    assert child.returncode == 128 + signal.SIGTERM
    # No other host waits for the lock's end.
    assert list((tmp_path / "run").iterdir()) == []


def test_a_closed_terminal_asks_for_a_save(tmp_path):
    master, terminal = os.openpty()
    saved = tmp_path / "saved"
    streams = {name: terminal for name in ("stdin", "stdout", "stderr")}
    with start(ON_A_TERMINAL, str(saved), start_new_session=True, **streams) as child:
        try:
            os.close(terminal)
            seen = b""
            while b"ready" not in seen:
                seen += os.read(master, 4096)
            os.close(master)
            assert child.wait(timeout=60) == 3
        finally:
            child.kill()
    assert saved.read_text() == str(int(signal.SIGHUP))


def test_handlers_are_put_back_and_nohup_stays():
    signals = interrupt.SIGNALS
    old = [signal.getsignal(signum) for signum in signals]
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupt.Interrupt() as stop:
            assert signal.getsignal(signal.SIGTERM) == stop._catch
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert not stop.requested()
            signal.raise_signal(signal.SIGTERM)
            assert stop.requested()
            assert stop.signum == signal.SIGTERM
    finally:
        signal.signal(signal.SIGHUP, hangup)
    assert [signal.getsignal(signum) for signum in signals] == old
    assert not [t for t in threading.enumerate() if t.name == "gan_jax.interrupt"]


def test_outside_the_main_thread_no_signal_is_caught():
    old, found = signal.getsignal(signal.SIGINT), []

    def enter():
        with interrupt.Interrupt() as stop:
            found.append((signal.getsignal(signal.SIGINT), stop.requested()))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [(old, False)]
