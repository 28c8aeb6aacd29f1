"""The program in processes that may be killed, and what a run of it leaves in its folder."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

import jax
import numpy as np
from PIL import Image

from gan_jax.checkpoint import Checkpointer

ROOT = pathlib.Path(__file__).parents[2]
# A process that hangs is to fail a test, not to stop them all; a loaded machine is to do neither.
SECONDS = 600


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a process printed."""

    out: str
    err: str


class Program:
    """Runs command lines one after another, each call in a process of its own.

    Attributes:
      cache: The folder of decoded images and features, where no other is given.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder, self._calls = folder, 0
        self.cache = folder / "cache" / "gan_jax"
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.toys.server"],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
                "XDG_CACHE_HOME": str(folder / "cache"),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(
        self,
        *lines: tuple[str, ...],
        kill: str = "",
        terminate: str = "",
        interrupt: str = "",
        devices: int = 1,
        plots: bool = False,
    ) -> Outcome:
        """Runs command lines in one process, to the first that fails.

        Args:
          *lines: The arguments of each.
          kill: The place at which the process sends itself SIGKILL; see `interruptions`.
          terminate: The place at which it sends itself SIGTERM.
          interrupt: The place at which it sends itself SIGINT.
          devices: How many CPU devices it has.
          plots: Whether training draws curves, which takes as long as all the rest of a toy's run.

        Raises:
          AssertionError: If it ended in another way than it was to.
        """
        places = {signal.SIGKILL: kill, signal.SIGTERM: terminate, signal.SIGINT: interrupt}
        sent = next((signum for signum, place in places.items() if place), 0)
        place = places.get(sent, "")
        request = self._request(
            lines, place=place, signal=sent, devices=devices, plots=plots, keeps_compiled=not place
        )
        ((status, outcome),) = self._run(request)
        expected = -sent if sent == signal.SIGKILL else sent and 128 + sent
        assert status == expected, f"{status}\n{outcome.out}\n{outcome.err}"
        return outcome

    def at_once(self, *commands: tuple[tuple[str, ...], ...]) -> list[tuple[int, Outcome]]:
        """Runs several processes at once.

        Args:
          *commands: The command lines of each process.

        Returns:
          How each ended: its exit status, and what it printed.
        """
        return self._run(*(self._request(lines) for lines in commands))

    def kill_after(self, seconds: float, *lines: tuple[str, ...]) -> str | None:
        """Runs command lines in a process that gets SIGKILL after so many seconds.

        Returns:
          What it was doing, see `interruptions.record`; None where it had ended before.
        """
        activity = self._folder / "activity"
        activity.write_text("starting")
        request = self._request(lines, seconds=seconds, activity=str(activity))
        ((status, outcome),) = self._run(request)
        assert status in (0, -signal.SIGKILL), f"{status}\n{outcome.out}\n{outcome.err}"
        return activity.read_text().strip() if status else None

    def _request(self, lines, **options):
        self._calls += 1
        defaults = {"place": "", "signal": 0, "devices": 1, "plots": False}
        return {
            **{name: str(self._folder / f"{self._calls}.{name}") for name in ("out", "err")},
            "lines": lines,
            "keeps_compiled": False,
            "seconds": None,
            "activity": "",
            "compiled": str(self._folder / "compiled"),
            **defaults,
            **options,
        }

    def _run(self, *requests) -> list[tuple[int, Outcome]]:
        statuses = self._ask(requests)
        printed = [
            [pathlib.Path(request[n]).read_text() for n in ("out", "err")] for request in requests
        ]
        for _, errors in printed:
            assert "Traceback" not in errors, errors
        return [(s, Outcome(*text)) for s, text in zip(statuses, printed, strict=True)]

    def _ask(self, requests) -> list[int]:
        timer = threading.Timer(SECONDS, self.close)
        timer.start()
        try:
            print(json.dumps(requests), file=self._server.stdin, flush=True)
            answer = self._server.stdout.readline()
        finally:
            timer.cancel()
        assert answer, f"the server ended, or was ended after {SECONDS} s"
        return json.loads(answer)

    def close(self) -> None:
        """Ends the server and its child."""
        with self._server:  # Closes the pipes, and waits.
            if self._server.poll() is None:
                os.killpg(self._server.pid, signal.SIGKILL)


def checkpoint(workdir, step=None, folder="checkpoints"):
    """`(step, {leaf: array}, progress)` of a checkpoint, the newest by default."""
    with Checkpointer(workdir / folder) as checkpointer:
        found, state, progress, warnings = checkpointer.restore(step=step)
    assert not warnings
    state["key"] = np.asarray(jax.random.key_data(state["key"]))
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return found, {jax.tree_util.keystr(path): np.asarray(x) for path, x in leaves}, progress


def steps(workdir):
    """The steps of the checkpoints that are whole, ascending."""
    return Checkpointer(workdir / "checkpoints").all_steps()


def metrics(workdir):
    """The lines of the log without rates."""
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("time/")} for line in lines]


def grids(workdir):
    """`{name: bytes}` of the grids that training draws."""
    return {path.name: path.read_bytes() for path in sorted((workdir / "samples").glob("step_*"))}


def pixels(path):
    """uint8 [H, W] or [H, W, 3] of a file."""
    return np.asarray(Image.open(path))


def assert_same_run(one, other, folder="checkpoints"):
    """Both ended with the same bits, of the state, the log and the grids; returns `checkpoint`."""
    found, expected = (checkpoint(workdir, folder=folder) for workdir in (one, other))
    (step, leaves, progress), (other_step, other_leaves, other_progress) = found, expected
    assert (step, progress) == (other_step, other_progress)
    assert leaves.keys() == other_leaves.keys()
    for name, leaf in leaves.items():
        assert leaf.dtype == other_leaves[name].dtype, name
        assert leaf.tobytes() == other_leaves[name].tobytes(), name
    assert metrics(one) == metrics(other)
    assert grids(one) == grids(other)
    return found
