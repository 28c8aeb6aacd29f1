"""Two processes at once on everything that they share: one works, the other waits or is refused.

Each command line runs in a process of its own, see `tests/toys/program.py`.
"""

import json
import os
import shutil

import numpy as np
import pytest

from gan_jax import files
from tests.toys import image_sets, program

CONFIG = "--config=tests/toys/config.py:pix2pix"
EVALUATED = tuple(
    f"--config.evaluate.{key}={value}"
    for key, value in {
        "every": 8,
        "extractor": "toy",
        "num_images": 16,
        "num_real": 20,
        "metrics": "fid",
    }.items()
)
SCORES = ("--extractor=toy", "--num_images=24", "--num_real=30", "--metrics=fid,precision")


@pytest.fixture(scope="module")
def run_program(tmp_path_factory):
    started = program.Program(tmp_path_factory.mktemp("program"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return image_sets.pairs(tmp_path_factory.mktemp("images") / "pairs")


def train(workdir, pairs):
    data = f"--config.data.name=folder:{pairs}"
    return (CONFIG, f"--workdir={workdir}", data, *EVALUATED)


@pytest.fixture(scope="module")
def alone(run_program, pairs, tmp_path_factory):
    """A run of pix2pix that nothing else ran beside."""
    workdir = tmp_path_factory.mktemp("alone") / "run"
    run_program(train(workdir, pairs))
    return workdir


def test_one_of_two_trains_in_a_folder_and_keeps_its_best(run_program, pairs, alone, tmp_path):
    run = tmp_path / "run"
    ended = run_program.at_once((train(run, pairs),), (train(run, pairs),))
    refused = [outcome for status, outcome in ended if status]
    # On a busy machine the second may begin once the first is done.
    assert len(refused) == 1 - sum("all 24 steps are done" in one.out for _, one in ended)
    for outcome in refused:
        (line,) = outcome.err.splitlines()
        assert line.startswith(f"error: workdir {run} is in use by process ")
        assert line.endswith(": wait for it to end, stop it, or give another --workdir")
    program.assert_same_run(run, alone)
    program.assert_same_run(run, alone, folder="checkpoint_best")
    assert not list(run.glob(".lock*"))


def test_two_keep_the_features_of_real_images(run_program, alone, tmp_path):
    runs = [shutil.copytree(alone, tmp_path / name) for name in "ab"]
    ended = run_program.at_once(*((("--mode=evaluate", f"--workdir={r}", *SCORES),) for r in runs))
    assert [status for status, _ in ended] == [0, 0], ended
    scores = [
        json.loads(file.read_text())["scores"]
        for run in runs
        for file in sorted(run.glob("evaluations/*"))[-1:]
    ]
    assert len(scores) == 2
    assert scores[0] == scores[1]
    assert np.isfinite(list(scores[0].values())).all()
    kept = [
        path for path in run_program.cache.iterdir() if path.is_file() and path.suffix != ".images"
    ]
    assert {".features", ".moments"} <= {path.suffix for path in kept}
    for path in kept:
        assert files.read_arrays(path, verify=True) is not None, path


def test_two_write_one_report(run_program, alone, tmp_path):
    page = tmp_path / "report.html"
    line = ("--mode=report", f"--workdir={alone}", "--extractor=toy", f"--output={page}")
    ended = run_program.at_once((line,), (line,))
    assert 0 in [status for status, _ in ended]
    for status, outcome in ended:
        assert status == 0 or len(outcome.err.splitlines()) == 1, outcome.err
    assert page.read_text().rstrip().endswith("</html>")
    assert os.listdir(tmp_path) == ["report.html"]
