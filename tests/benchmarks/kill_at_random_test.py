"""What the command that kills runs compares, on runs that are made up."""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from gan_jax.checkpoint import Checkpointer
from tests.benchmarks.scripts import importable
from tests.toys.program import Program

with importable():
    import kill_at_random


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """A finished run."""
    run = tmp_path_factory.mktemp("expected") / "run"
    for folder in ("checkpoints", "checkpoint_best"):
        with Checkpointer(run / folder) as checkpointer:
            checkpointer.save(4, {"key": jax.random.key(0), "x": np.zeros(3)}, {})
    (run / "metrics.jsonl").write_text('{"step": 4, "loss": 1.0}\n')
    (run / "samples").mkdir()
    return run


class Ending(Program):
    """Kills nothing; what is started again ends as `expected` did, but for a change."""

    def __init__(self, folder, expected, change):
        self.cache, self._expected, self._change = folder / "cache", expected, change

    def kill_after(self, seconds, line):
        return "saving" if seconds < 10 else None

    def __call__(self, line):
        run = next(Path(a.partition("=")[2]) for a in line if a.startswith("--workdir="))
        shutil.copytree(self._expected, run)
        self.cache.mkdir()
        self._change(run)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: None, None),
        (
            lambda run: (run / "metrics.jsonl").write_text('{"step": 4, "loss": 2.0}\n'),
            "metrics(one)",
        ),
        (lambda run: (run / "samples" / "step_1.png").touch(), "grids(one)"),
        (lambda run: (run / ".lock").touch(), ".lock"),
        (lambda run: (run / "checkpoints" / ".x.partial").touch(), "unfinished(workdir)"),
        (lambda run: (run.parent / "cache" / "a.images").touch(), "a.images is damaged"),
    ],
)
def test_any_difference_is_found(tmp_path, expected, change, message):
    found = kill_at_random.kill_and_resume(
        Ending(tmp_path, expected, change), tmp_path, expected, tmp_path / "images", 1.0
    )
    assert found["same"] == (message is None)
    assert message is None or message in found["error"]
    assert json.loads(json.dumps(found)) == found
    # How it ended is said, and counted.
    total = kill_at_random.summary([found]).splitlines()
    assert total[0] == f"saving: {int(message is None)} of 1"
    assert total[-1].startswith(f"{int(message is None)} of 1 killed runs")


def test_a_run_that_ended_before_does_not_count(tmp_path, expected):
    ending = Ending(tmp_path, expected, lambda run: pytest.fail("started again"))
    assert kill_at_random.kill_and_resume(ending, tmp_path, expected, tmp_path, 20.0) is None
