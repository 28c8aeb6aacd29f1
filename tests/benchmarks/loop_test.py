"""The benchmark of the loop: whom it trains by turns, and what it keeps; training is a stand-in."""

import json
import pathlib

import pytest

from gan_jax.cli import main as command_line
from gan_jax.modes.train.pace import Pace
from tests.benchmarks.scripts import importable

with importable():
    import loop


@pytest.fixture
def trained(monkeypatch):
    """The workdirs of the runs, which log 300 steps/s where calls overlap, else 200."""
    names = []

    def train(command):
        flags = dict(argument.split("=", 1) for argument in command[1:])
        assert flags["--config"] == "cgan_digits"
        assert flags["--config.batch_size"] == "16"
        workdir = pathlib.Path(flags["--workdir"])
        pace = Pace()
        pace.seconds_per_step = 0.001
        rate = 300.0 if pace.overlaps else 200.0
        workdir.mkdir()
        # The first lines are not counted.
        rates = [1.0] * 5 + [rate] * 3
        lines = [{"step": step, "time/steps_per_second": rate} for step, rate in enumerate(rates)]
        (workdir / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        names.append(workdir.name)
        return 0

    monkeypatch.setattr(command_line, "main", train)
    return names


def test_overlapping_calls_are_compared_by_turns(trained, tmp_path, capsys):
    before = Pace.overlaps
    path = tmp_path / "result.json"
    result = loop.main(["overlap", "--rounds=2", f"--json={path}", "--config.batch_size=16"])
    assert trained == ["late0", "waiting0", "late1", "waiting1"]
    assert result == json.loads(capsys.readouterr().out)
    assert result["ratio"] == 1.5
    assert json.loads(path.read_text())["steps_per_second_late"] == 300.0
    assert Pace.overlaps is before
