"""Evaluation by the command line: checkpoints, images on disk, and in training."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from configs import vanilla_mnist
from gan_jax import metrics, telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.evaluation import features, samples
from gan_jax.metrics import extractor as extractors
from gan_jax.modes.train import periodic_evaluation
from gan_jax.runs.setup import set_up

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
            plots=True,
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
    assert progress["metric"] == "fid_toy"
    assert progress["score"] == best["score/fid_toy"]
    said = (run / "said").read_text()
    assert said.count(": FID (toy) ") == 4
    assert f"step {best['step']}: FID (toy)" in said
    assert "evaluated every 5 steps: 32 generated against" in said
    assert all(len(line["score_protocol"]) == 16 for line in lines)
    assert {path.name for path in (run / "plots").iterdir()} == {"loss.png", "probability.png"}


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


def test_a_run_on_a_part_of_the_data_is_compared_with_all_of_it():
    config = vanilla_mnist.get_config("smoke")
    config.data.update(name="digits", max_examples=100)
    config.evaluate.update(extractor="toy", num_images=16)
    prepared = set_up(config)
    assert prepared.data_info.streams["data"]["size"] == prepared.epoch == 100
    assert len(prepared.whole["data"]) == 1797
    protocol = periodic_evaluation._make_evaluate(prepared)(0).protocol
    assert protocol["real_count"] == 1797


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
    assert "40 generated against 60 real images of 32x32 of digits train" in printed[0]
    assert first[0]["protocol"]["weights"] == "averaged"
    assert command_line(*command).status == 0
    assert [result["scores"] for result in results(unscored)] == [x["scores"] for x in first]


def test_checkpoints_that_were_scored_before_an_interruption_are_not_scored_again(
    unscored, command_line, tmp_path, monkeypatch
):
    command = ("--mode=evaluate", f"--workdir={unscored}", "--checkpoints=10:", *SMALL)
    assert command_line(*command).status == 0
    want = results(unscored)
    shutil.rmtree(unscored / "evaluations")
    whole, scored = samples.SampleEvaluator.__call__, []

    def interrupted_at_the_second(self, weights, **options):
        scored.append(options["title"])
        if len(scored) == 2:
            raise KeyboardInterrupt
        return whole(self, weights, **options)

    monkeypatch.setattr(samples.SampleEvaluator, "__call__", interrupted_at_the_second)
    assert command_line(*command).status not in (0, 1)
    # A result in the run's folder, which may be somebody else's, is not believed.
    (file,) = (unscored / "evaluations").iterdir()
    file.write_text(file.read_text().replace("fid_toy", "fid_forged"))
    outcome = command_line(*command)
    assert outcome.status == 0, outcome.err
    assert scored == ["step 10", "step 20", "step 20"]
    assert [result["scores"] for result in results(unscored)] == [x["scores"] for x in want]
    assert len(outcome.out.strip().splitlines()) == 2
    assert not list((tmp_path / "cache" / "gan_jax" / "evaluations").iterdir())


def test_the_protocol_distinguishes_what_cannot_be_compared(unscored, command_line):
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
        assert len(result["protocol"]["source_sha256"]) == 64
        assert f"({source})" in result["line"]
        scores.append(result["scores"]["fid_toy"])
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)


def test_ready_features_have_the_scores_of_their_images(command_line, tmp_path, toy_extractor):
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 1), np.uint8)
    ready = features.extract(toy_extractor, images)
    np.savez(tmp_path / "fakes.npz", images=images)
    np.savez(tmp_path / "features.npz", features=ready.features, logits=ready.logits)
    np.savez(tmp_path / "alone.npz", features=ready.features)
    scores = []
    for source in ("--images=fakes.npz", "--features=features.npz", "--features=alone.npz"):
        flag, name = source.split("=")
        out = tmp_path / f"{flag}-{name}.json"
        outcome = command_line(
            "--mode=evaluate",
            f"{flag}={tmp_path / name}",
            "--config=configs/cgan_digits.py",
            "--extractor=toy",
            f"--json={out}",
        )
        assert outcome.status == 0, outcome.err
        (result,) = json.loads(out.read_text())
        assert f"40 generated ({name}) against" in result["line"]
        scores.append(result["scores"])
    assert scores[1] == pytest.approx(scores[0], rel=1e-6)
    assert {k: v for k, v in scores[1].items() if "inception_score" not in k} == scores[2]


def test_ready_features_are_scored_against_ready_features(command_line, tmp_path):
    rng = np.random.default_rng(0)
    fake, real = rng.normal(size=(40, 6)), rng.normal(0.1, 1.0, (50, 6))
    np.savez(tmp_path / "fake.npz", features=fake, logits=rng.normal(size=(40, 3)))
    np.savez(tmp_path / "real.npz", features=real)
    files = [
        f"--{n}={tmp_path / f}.npz" for n, f in (("features", "fake"), ("real_features", "real"))
    ]
    outcome = command_line("--mode=evaluate", *files, f"--json={tmp_path / 'scores.json'}")
    assert outcome.status == 0, outcome.err
    (result,) = json.loads((tmp_path / "scores.json").read_text())
    fid = metrics.frechet_inception_distance(real.astype(np.float32), fake.astype(np.float32))
    assert result["scores"]["fid_given_features"] == pytest.approx(fid)
    for name, value in metrics.manifold_scores(real, fake)._asdict().items():
        assert result["scores"][f"{name}_given_features"] == pytest.approx(value)
    assert "40 generated (fake.npz) against 50 real images (real.npz); given" in result["line"]


@pytest.mark.parametrize(
    ("real", "options", "parts"),
    [
        (np.ones((9, 6)), ("--num_real=5",), ["--num_real has no effect with --real_features"]),
        (np.ones((9, 5)), (), ["6 numbers per image and --real_features 5"]),
        (np.ones((9, 6)), ("--metrics=inception_score",), ["needs an array logits"]),
        (np.ones((2, 6)), ("--metrics=kid",), ["kid needs at least 4 real images, not 2"]),
        (None, (), ["there is no"]),
        (np.ones((9, 6)), ("--features=",), ["--real_features needs --features"]),
    ],
)
def test_real_features_that_do_not_fit_are_refused(command_line, tmp_path, real, options, parts):
    np.savez(tmp_path / "fake.npz", features=np.ones((9, 6)))
    if real is not None:
        np.savez(tmp_path / "real.npz", features=real)
    outcome = command_line(
        "--mode=evaluate",
        f"--real_features={tmp_path / 'real.npz'}",
        *(() if "--features=" in options else (f"--features={tmp_path / 'fake.npz'}", *options)),
    )
    assert_one_error(outcome, *parts)


@pytest.mark.parametrize(
    ("arrays", "options", "parts"),
    [
        (None, (), ["there is no", "features"]),
        ({"images": np.ones((9, 12))}, (), ["no array features"]),
        ({"features": np.ones((9, 2, 2))}, (), ["float64 [9, 2, 2], not floats [N, D]"]),
        ({"features": np.array([[None]])}, (), ["cannot be read"]),
        ({"features": np.ones((9, 11))}, (), ["features of Toy are [9, 12], not [9, 11]"]),
        ({"features": np.full((9, 12), np.nan)}, (), ["must be finite"]),
        (
            {"features": np.ones((9, 12))},
            ("--metrics=inception_score",),
            ["logits of Toy", "[9, 0]"],
        ),
        ({"features": np.ones((9, 12))}, ("--num_images=5",), ["all of --features"]),
        ({"features": np.ones((9, 12))}, ("--images=.",), ["--images and --features"]),
        ({"features": np.ones((9, 12))}, ("--noema",), ["--features are there already"]),
    ],
)
def test_features_that_are_none_are_refused(command_line, tmp_path, arrays, options, parts):
    if arrays is not None:
        np.savez(tmp_path / "features.npz", **arrays)
    outcome = command_line(
        "--mode=evaluate",
        f"--features={tmp_path / 'features.npz'}",
        "--config=configs/cgan_digits.py",
        "--extractor=toy",
        *options,
    )
    assert_one_error(outcome, *parts)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--metrics=fdi"], ["unknown metric 'fdi'", "'fid'"]),
        (["--extractor=incepton"], ["unknown extractor 'incepton'", "'inception'"]),
        (["--checkpoints=7"], ["no checkpoint of step 7", "10, 20"]),
        (["--checkpoints=30:40"], ["no checkpoint in 30:40"]),
        (["--checkpoints=some"], ["--checkpoints=some", "all, best"]),
        (["--num_images=0"], ["--num_images must be at least 1, not 0"]),
        (["--num_images=1"], ["at least 2 generated images, not 1"]),
        (["--metrics=recall", "--num_images=3"], ["recall needs at least 4 generated images"]),
        (["--num_real=100000"], ["cannot compare with 100000 real images"]),
        (["--truncation=-1"], ["truncation is a bound", "a positive number, not -1"]),
        (
            ["--sample_seed=18446744073709551616"],
            ["--sample_seed must be at least 0 and at most 4294967295"],
        ),
        (["--sampler=generater"], ["unknown sampler 'generater'", "'generator'"]),
        (["--num_real=-1"], ["--num_real must be at least 0, not -1"]),
        (["--images=.", "--config=configs/vanilla_mnist.py"], ["give one"]),
        (["--best"], ["--best is for --mode=sample, not evaluate"]),
        (["--checkpoint_step=10"], ["--mode=sample, report, not evaluate", "--help"]),
        (["--images=nowhere", "--noema"], ["--ema is of generated images"]),
        (
            [
                "--config=configs/vanilla_mnist.py",
                *("--config.data.name=digits", "--config.data.image_size=16"),
            ],
            ["are 32x32, the real ones 16x16", "--config.data.image_size=32"],
        ),
        (["--images=nowhere"], ["there is no nowhere"]),
        (["--images=nowhere", "--checkpoints=all"], ["give one of them"]),
        (["--config=configs/vanilla_mnist.py", "--config.data.name=nowhere"], ["nowhere"]),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(run, command_line, contents, arguments, parts):
    before = contents(run)
    base = [f"--workdir={run}", "--mode=evaluate"]
    small = [x for x in SMALL if x.split("=")[0] not in {a.split("=")[0] for a in arguments}]
    assert_one_error(command_line(*base, *small, *arguments), *parts)
    assert contents(run) == before


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
        ("num_images=1", "fid needs at least 2 generated images, not 1: raise num_images"),
        ("metrics=recall --config.evaluate.num_images=3", "recall needs at least 4 generated"),
        ("extractor=toi", "unknown config.evaluate.extractor 'toi'"),
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


def test_a_run_stops_once_its_score_has_not_improved_and_goes_on_when_asked(
    command_line, tiny, tmp_path, monkeypatch
):
    from gan_jax.evaluation import SampleEvaluator

    given = iter([3.0, 2.0, 2.5, 2.6, 2.7, 2.8])
    monkeypatch.setattr(
        SampleEvaluator, "__call__", lambda self, *_, **__: {self.main_key: next(given)}
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
    assert "stopped after step 8, because the score has not improved" in outcome.out
    assert outcome.out.count("stopped after step") == 1
    assert "has not been better than 2 of step 4 for 2 evaluations" in outcome.out
    with Checkpointer(tmp_path / "run" / "checkpoint_best") as checkpointer:
        assert checkpointer.all_steps() == [4]
    again = command_line(*command, "--config.evaluate.stop=True")
    assert "stopped after step 8" in again.out
    monkeypatch.setattr(SampleEvaluator, "__call__", lambda self, *_, **__: {self.main_key: 9.0})
    onwards = command_line(*command)
    assert onwards.status == 0
    assert "done: 20 steps" in onwards.out


def test_samples_are_of_the_best_checkpoint(run, command_line):
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
    del content["config"]["batch_size"]
    path.write_text(json.dumps(content))
    outcome = command_line("--mode=sample", f"--workdir={run}")
    assert_one_error(outcome, "not of this version", "batch_size")


@pytest.fixture
def train(command_line, tiny, tmp_path, monkeypatch):
    """`train({step: score}, *arguments) -> Outcome` of a run whose scores are given."""
    from gan_jax.evaluation import SampleEvaluator
    from gan_jax.modes.train.periodic_evaluation import PeriodicEvaluation

    real = PeriodicEvaluation._score

    def call(scores, *arguments):
        evaluated = []

        def score(self, step, *others):
            evaluated.append(step)
            return real(self, step, *others)

        def scores_of(self, weights, **_):
            return {self.main_key: scores[evaluated[-1]]}

        monkeypatch.setattr(PeriodicEvaluation, "_score", score)
        monkeypatch.setattr(SampleEvaluator, "__call__", scores_of)
        outcome = command_line(
            *tiny,
            f"--workdir={tmp_path / 'run'}",
            "--config.steps_per_call=1",
            "--config.evaluate.every=4",
            "--config.evaluate.extractor=toy",
            *arguments,
        )
        assert outcome.status == 0, outcome.err
        return outcome, evaluated

    return call


def best_of(tmp_path):
    with Checkpointer(tmp_path / "run" / "checkpoint_best") as checkpointer:
        step, _, progress, _ = checkpointer.restore()
    return step, progress["score"]


def back_to(tmp_path, step):
    """As if the run had been killed before any later checkpoint."""
    for folder in (tmp_path / "run" / "checkpoints").iterdir():
        if folder.name.isdecimal() and int(folder.name) > step:
            shutil.rmtree(folder)


def test_a_best_checkpoint_of_a_later_step_stays_only_if_it_is_better(train, tmp_path):
    train({4: 9.0, 8: 8.0, 12: 7.0, 16: 5.0, 20: 6.0})
    assert best_of(tmp_path) == (16, 5.0)
    back_to(tmp_path, 10)
    _, evaluated = train({15: 6.0, 20: 7.0}, "--config.evaluate.every=5")
    # Worse than what is there of step 16.
    assert evaluated == [15, 20]
    assert best_of(tmp_path) == (16, 5.0)
    back_to(tmp_path, 10)
    train({14: 3.0, 20: 7.0}, "--config.evaluate.every=14")
    assert best_of(tmp_path) == (14, 3.0)
    # The results of steps after 10 were found anew.
    kept = {result["step"]: result["scores"]["fid_toy"] for result in results(tmp_path / "run")}
    assert kept == {4: 9.0, 8: 8.0, 14: 3.0, 20: 7.0}


def test_other_metrics_than_the_first_are_no_other_history(train, tmp_path):
    train({8: 5.0, 10: 6.0}, "--config.evaluate.every=8", "--config.steps=10")
    train(
        {16: 9.0, 20: 9.0},
        *("--config.evaluate.every=16", "--config.evaluate.metrics=fid,inception_score"),
    )
    assert best_of(tmp_path) == (8, 5.0)


def test_a_start_without_evaluation_forgets_no_best(train, tmp_path):
    train({8: 5.0, 10: 6.0}, "--config.evaluate.every=8", "--config.steps=10")
    train({}, "--config.evaluate.every=0", "--config.steps=16")
    train({20: 9.0}, "--config.evaluate.every=20")
    assert best_of(tmp_path) == (8, 5.0)


def test_the_best_of_another_protocol_is_set_aside(train, tmp_path):
    train({8: 5.0, 10: 6.0}, "--config.evaluate.every=8", "--config.steps=10")
    outcome, _ = train({20: 9.0}, "--config.evaluate.num_images=50", "--config.evaluate.every=20")
    assert "is kept as" in outcome.out
    assert best_of(tmp_path) == (20, 9.0)
    (aside,) = (tmp_path / "run").glob("checkpoint_best-*")
    with Checkpointer(aside) as checkpointer:
        assert checkpointer.all_steps() == [8]


def test_a_start_that_is_refused_sets_no_best_aside(run, command_line, tiny, contents):
    other = (
        *tiny,
        f"--workdir={run}",
        "--config.evaluate.every=5",
        "--config.evaluate.extractor=toy",
        "--config.evaluate.num_images=50",
    )
    before = contents(run)
    assert_one_error(command_line(*other, "--config.steps=10"), "beyond its 10 steps")
    assert contents(run) == before
    config = json.loads((run / "config.json").read_text())
    config["data"]["data"]["identity"] = "another"
    (run / "config.json").write_text(json.dumps(config))
    before = contents(run)
    assert_one_error(command_line(*other), "the data set has changed")
    assert contents(run) == before


def test_a_score_that_is_no_number_is_shown_and_never_the_best(train, tmp_path):
    outcome, _ = train({4: float("nan"), 8: 5.0, 12: 6.0, 16: 7.0, 20: 8.0})
    assert "FID (toy) nan, best none is a number yet" in outcome.out
    assert best_of(tmp_path) == (8, 5.0)


def test_a_signal_while_scoring_ends_it_at_once_and_the_step_is_scored_later(
    command_line, tiny, tmp_path, monkeypatch
):
    from gan_jax.evaluation import evaluator as evaluation
    from gan_jax.modes.train import interrupt

    command = (
        *tiny,
        "--config.steps_per_call=2",
        "--config.evaluate.every=10",
        "--config.evaluate.extractor=toy",
        "--config.evaluate.num_images=200",
    )
    assert command_line(*command, f"--workdir={tmp_path / 'whole'}").status == 0
    real = evaluation.Evaluator.score_numbered

    def signaled(self, images, *arguments, **options):
        def with_a_signal(start, stop):
            for batch in images(start, stop):
                made[0].signum = 15
                yield batch

        return real(self, with_a_signal, *arguments, **options)

    made = []
    enter = interrupt.Interrupt.__enter__
    with monkeypatch.context() as patched:
        patched.setattr(interrupt.Interrupt, "__enter__", lambda s: made.append(s) or enter(s))
        patched.setattr(evaluation.Evaluator, "score_numbered", signaled)
        outcome = command_line(*command, f"--workdir={tmp_path / 'run'}")
    assert outcome.status == 143
    assert "stopped after step 10" in outcome.out
    assert not (tmp_path / "run" / "evaluations").exists()
    assert command_line(*command, f"--workdir={tmp_path / 'run'}").status == 0
    scores = [
        [
            x
            for x in telemetry.read_metrics(tmp_path / name / "metrics.jsonl")
            if "score/fid_toy" in x
        ]
        for name in ("whole", "run")
    ]
    assert scores[0] == scores[1]
    assert [line["step"] for line in scores[0]] == [10, 20]
