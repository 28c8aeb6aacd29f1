"""Runs a test's file as two processes that join by `jax.distributed` on this machine."""

import os
import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]


def run(file, make_folder, *, timeout):
    """Runs `file PROCESS PORT FOLDER` twice at once; returns the folder of the run that succeeded.

    Args:
      file: The script.
      make_folder: `port -> folder`, for what the processes leave.
      timeout: Seconds to wait for each.
    """
    for _ in range(3):
        port = _free_port()
        folder = make_folder(port)
        started = [_start(file, process, port, folder) for process in range(2)]
        succeeded, output = _finish(started, timeout)
        # Another program may have taken the port between its choice and its use.
        if succeeded or "address already in use" not in output.lower():
            break
    assert succeeded, output[-4000:]
    return folder


def _free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def _start(file, process, port, folder):
    return subprocess.Popen(
        [sys.executable, str(file), str(process), str(port), str(folder)],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish(processes, timeout):
    """Waits for all, and kills the rest when one fails: (did all succeed, what they printed)."""
    outputs, succeeded = [], True
    try:
        for process in processes:
            outputs.append(process.communicate(timeout=timeout)[0])
            succeeded = succeeded and process.returncode == 0
            if not succeeded:
                break
    except subprocess.TimeoutExpired:
        succeeded = False
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                outputs.append(process.communicate()[0])
    return succeeded, "\n".join(outputs)
