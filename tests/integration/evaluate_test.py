"""Evaluation by the command line: checkpoints, images on disk, and in training."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from gan_jax import telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.metrics import extractor as extractors

SMALL = ("--extractor=toy", "--num_images=40", "--num_real=60")


@pytest.fixture(autouse=True)
def _toy(monkeypatch, toy_extractor, tmp_path):
    known = {**extractors.EXTRACTORS, "toy": lambda weights=None: toy_extractor}
    monkeypatch.setattr(extractors, "EXTRACTORS", known)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def _trained(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluated") / "run"


@pytest.fixture
def run(_trained, command_line, tiny, tmp_path):
    """A copy of a run of 20 steps that scored itself at 5, 10, 15 and 20."""
    if not _trained.exists():
        outcome = command_line(
            *tiny,
            "--config.evaluate.every=5",
            "--config.evaluate.extractor=toy",
            "--config.evaluate.metrics=('fid','recall')",
            "--config.evaluate.num_images=32",
            "--config.evaluate.patience=1",
            f"--workdir={_trained}",
        )
        assert outcome.status == 0, outcome.err
        (_trained / "said").write_text(outcome.out)
    return shutil.copytree(_trained, tmp_path / "run")


def results(run):
    return [json.loads(file.read_text()) for file in sorted((run / "evaluations").iterdir())]


@pytest.fixture
def unscored(run):
    """The run without the results that its training left."""
    shutil.rmtree(run / "evaluations")
    return run


def assert_one_error(outcome, *parts):
    assert outcome.status == 2, outcome
    assert len(outcome.errors) == 1, outcome.err
    for part in parts:
        assert part in outcome.errors[0]


def test_a_run_scores_itself_and_keeps_its_best_checkpoint(run):
    lines = [x for x in telemetry.read_metrics(run / "metrics.jsonl") if "score/fid_toy" in x]
    assert [line["step"] for line in lines] == [5, 10, 15, 20]
    assert all(0.0 <= line["score/recall_toy"] <= 1.0 for line in lines)
    best = min(lines, key=lambda line: line["score/fid_toy"])
    with Checkpointer(run / "checkpoint_best") as checkpointer:
        assert checkpointer.all_steps() == [best["step"]]
        _, _, progress, _ = checkpointer.restore()
    assert progress == {"score": best["score/fid_toy"]}
    said = (run / "said").read_text()
    assert said.count(": fid_toy ") == 4
    assert f"step {best['step']}: fid_toy" in said
    turned = said.count("the game may have collapsed")
    scores = [line["score/fid_toy"] for line in lines]
    streaks = [i for i in range(1, 4) if scores[i] > min(scores[:i]) == scores[i - 1]]
    assert turned == len(streaks)


def test_the_best_checkpoint_has_the_score_that_training_gave_it(run, command_line):
    before = results(run)
    assert [result["step"] for result in before] == [5, 10, 15, 20]
    outcome = command_line(
        "--mode=evaluate",
        f"--workdir={run}",
        "--checkpoints=best",
        "--extractor=toy",
        "--metrics=fid,recall",
        "--num_images=32",
    )
    assert outcome.status == 0, outcome.err
    # The same protocol, hence the same file.
    after = results(run)
    assert [result["protocol"] for result in after] == [result["protocol"] for result in before]
    lines = [x for x in telemetry.read_metrics(run / "metrics.jsonl") if "score/fid_toy" in x]
    for trained, evaluated, line in zip(before, after, lines, strict=True):
        logged = {k.removeprefix("score/"): v for k, v in line.items() if k.startswith("score/")}
        assert trained["scores"] == logged
        assert evaluated["scores"] == pytest.approx(logged, rel=1e-6)


def test_checkpoints_are_scored_twice_alike_and_kept(unscored, command_line, tmp_path):
    out = tmp_path / "scores.json"
    command = ("--mode=evaluate", f"--workdir={unscored}", "--checkpoints=10:", *SMALL)
    outcome = command_line(*command, f"--json={out}")
    assert outcome.status == 0, outcome.err
    first = results(unscored)
    assert [result["step"] for result in first] == [10, 20]
    assert [result["scores"] for result in json.loads(out.read_text())] == [
        result["scores"] for result in first
    ]
    printed = outcome.out.strip().splitlines()
    assert [result["line"] for result in first] == printed
    assert "FID (toy)" in printed[0]
    assert "40 generated against 60 real images of digits train" in printed[0]
    assert first[0]["protocol"]["generator_weights"] == "averaged"
    assert command_line(*command).status == 0
    assert [result["scores"] for result in results(unscored)] == [x["scores"] for x in first]


def test_the_protocol_tells_apart_what_cannot_be_compared(unscored, command_line):
    base = ("--mode=evaluate", f"--workdir={unscored}", "--metrics=fid", *SMALL)
    for more in ((), ("--noema",), ("--sample_seed=1",), ("--truncation=0.5",), ("--num_real=50",)):
        assert command_line(*base, *more).status == 0
    found = results(unscored)
    assert len(found) == 5
    assert len({result["scores"]["fid_toy"] for result in found}) == 5


def test_images_on_disk_are_scored_against_a_config(command_line, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 32), np.uint8)
    folder = tmp_path / "fakes"
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i}.png")
    np.savez(tmp_path / "fakes.npz", images=images[..., None])
    scores = []
    for source in ("fakes", "fakes.npz"):
        out = tmp_path / f"{source}.json"
        outcome = command_line(
            "--mode=evaluate",
            f"--images={tmp_path / source}",
            "--config=configs/cgan_digits.py",
            "--extractor=toy",
            f"--json={out}",
            "--metrics=fid",
        )
        assert outcome.status == 0, outcome.err
        (result,) = json.loads(out.read_text())
        assert result["step"] is None
        assert result["protocol"]["source"] == source
        scores.append(result["scores"]["fid_toy"])
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--metrics=fdi"], ["unknown metric 'fdi'", "'fid'"]),
        (["--extractor=incepton"], ["unknown extractor 'incepton'", "'inception'"]),
        (["--checkpoints=7"], ["no checkpoint of step 7", "10, 20"]),
        (["--checkpoints=30:40"], ["no checkpoint in 30:40"]),
        (["--checkpoints=some"], ["--checkpoints=some", "all, best"]),
        (["--num_images=0"], ["--num_images must be positive"]),
        (["--num_images=1"], ["at least 2 images"]),
        (["--num_real=100000"], ["cannot compare with 100000 real images"]),
        (["--truncation=-1"], ["truncation must be positive"]),
        (["--images=nowhere"], ["there is no nowhere"]),
        (["--images=nowhere", "--checkpoints=all"], ["give one of them"]),
        (["--config=configs/vanilla_mnist.py", "--config.data.name=nowhere"], ["nowhere"]),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(run, command_line, arguments, parts):
    before = sorted(run.rglob("*"))
    base = [f"--workdir={run}", "--mode=evaluate"]
    small = [x for x in SMALL if x.split("=")[0] not in {a.split("=")[0] for a in arguments}]
    assert_one_error(command_line(*base, *small, *arguments), *parts)
    assert sorted(run.rglob("*")) == before


def test_images_need_data_to_be_compared_with(command_line, tmp_path):
    assert_one_error(command_line("--mode=evaluate"), "--workdir", "--images")
    outcome = command_line("--mode=evaluate", f"--images={tmp_path}", "--extractor=toy")
    assert_one_error(outcome, "--images needs --config")


def test_a_run_without_a_best_checkpoint_says_how_to_have_one(run, command_line):
    shutil.rmtree(run / "checkpoint_best")
    outcome = command_line("--mode=evaluate", f"--workdir={run}", "--checkpoints=best", *SMALL)
    assert_one_error(outcome, "config.evaluate.every")


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("every=-1", "config.evaluate.every must be at least 0"),
        ("metrics=('fdi',)", "unknown metric 'fdi'"),
        ("num_images=1", "config.evaluate.num_images must be at least 2"),
        ("extractor=toi", "unknown extractor 'toi'"),
        ("stop=True --config.evaluate.patience=0", "needs config.evaluate.patience"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_the_run(
    command_line, tiny, tmp_path, key, part
):
    arguments = ["--config.evaluate.every=5", "--config.evaluate.extractor=toy"]
    arguments += f"--config.evaluate.{key}".split()
    outcome = command_line(*tiny, *arguments, f"--workdir={tmp_path / 'new'}")
    assert_one_error(outcome, part)
    assert not (tmp_path / "new").exists()


def test_a_run_stops_once_its_score_has_turned_and_goes_on_when_told(
    command_line, tiny, tmp_path, monkeypatch
):
    from gan_jax import scoring

    given = iter([3.0, 2.0, 2.5, 2.6, 2.7, 2.8])
    monkeypatch.setattr(
        scoring.Scoring, "__call__", lambda self, state: {self.main_key: next(given)}
    )
    command = (
        *tiny,
        f"--workdir={tmp_path / 'run'}",
        "--config.steps_per_call=2",
        "--config.evaluate.every=2",
        "--config.evaluate.extractor=toy",
        "--config.evaluate.patience=2",
    )
    outcome = command_line(*command, "--config.evaluate.stop=True")
    assert outcome.status == 0, outcome.err
    assert "stopped after step 8, because the score has turned" in outcome.out
    assert "has not been better than 2 of step 4 for 2 evaluations" in outcome.out
    with Checkpointer(tmp_path / "run" / "checkpoint_best") as checkpointer:
        assert checkpointer.all_steps() == [4]
    again = command_line(*command, "--config.evaluate.stop=True")
    assert "stopped after step 8" in again.out
    monkeypatch.setattr(scoring.Scoring, "__call__", lambda self, state: {self.main_key: 9.0})
    onwards = command_line(*command)
    assert onwards.status == 0
    assert "done: 20 steps" in onwards.out


def test_samples_are_drawn_from_the_best_checkpoint(run, command_line):
    with Checkpointer(run / "checkpoint_best") as checkpointer:
        (best,) = checkpointer.all_steps()
    outcome = command_line("--mode=sample", "--best", f"--workdir={run}")
    assert outcome.status == 0, outcome.err
    assert f"from step {best} " in outcome.out
    shutil.rmtree(run / "checkpoint_best")
    outcome = command_line("--mode=sample", "--best", f"--workdir={run}")
    assert_one_error(outcome, "keeps no best checkpoint", "config.evaluate.every")


def test_a_config_without_a_key_is_one_line(run, command_line):
    path = run / "config.json"
    content = json.loads(path.read_text())
    del content["config"]["latent_dim"]
    path.write_text(json.dumps(content))
    outcome = command_line("--mode=sample", f"--workdir={run}")
    assert_one_error(outcome, "not of this version", "latent_dim")
