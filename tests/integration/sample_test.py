"""Sampling by the command line, from a run's folder alone unless it transforms images."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

import gan_jax
from gan_jax import data

ROOT = pathlib.Path(__file__).parents[2]

STEPS = 4


@pytest.fixture(scope="session")
def conditional_run(tmp_path_factory):
    return tmp_path_factory.mktemp("conditional") / "run"


@pytest.fixture
def sample(conditional_run, command_line, tiny, monkeypatch):
    """`sample(*arguments) -> its line` of a conditional run; the data set is gone by then."""
    if not conditional_run.exists():
        outcome = command_line(
            "--config=configs/cgan_digits.py:smoke",
            *tiny[1:],
            # Its images differ from the first step on, without running statistics to settle.
            "--config.model.network=mlp",
            "--config.data.classes=(1, 4, 7)",
            f"--config.steps={STEPS}",
            f"--workdir={conditional_run}",
        )
        assert outcome.status == 0, outcome.err
    monkeypatch.setattr(data, "load", lambda *_, **__: pytest.fail("the data set was read"))

    def call(*arguments):
        outcome = command_line("--mode=sample", f"--workdir={conditional_run}", *arguments)
        assert outcome.status == 0, outcome.err
        return outcome.out.strip()

    return call


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_grid_has_one_row_per_class(sample, tmp_path, conditional_run):
    line = sample("--columns=3")
    default = conditional_run / "samples" / f"grid_{STEPS:08d}_seed0_columns3.png"
    assert line == f"a grid of 3 rows of 3 from step 4 (averaged weights, seed 0): {default}"
    assert default.exists()
    # A class it was not trained on can be asked for, by name or label; their order is kept.
    sample(f"--output={tmp_path / 'a.png'}", "--classes=9,1", "--columns=3")
    assert pixels(tmp_path / "a.png").shape[0] < pixels(default).shape[0]
    sample(f"--output={tmp_path / 'b.png'}", "--classes=1,9", "--columns=3")
    nine, one = np.split(pixels(tmp_path / "a.png")[:-2], 2)
    assert (np.concatenate([one, nine]) == pixels(tmp_path / "b.png")[:-2]).all()


def test_no_default_grid_takes_the_place_of_another(sample, conditional_run):
    start = f"grid_{STEPS:08d}_seed"
    for options, name in (
        (("--classes=9,1",), "0_classes9-1"),
        (("--noema",), "0_raw"),
        (("--sample_seed=5", "--interpolate", "--truncation=0.7"), "5_interpolation_psi0.7"),
        (("--sweep=z",), "0_sweep-z"),
        (("--sampler=generator",), "0_generator"),
    ):
        line = sample("--columns=3", *options)
        assert line.endswith(f": {conditional_run / 'samples' / start}{name}_columns3.png"), line


def test_images_follow_seed_weights_and_truncation(sample, tmp_path):
    def images(name, *arguments):
        line = sample(f"--output={tmp_path / name}.npz", "--num_images=7", *arguments)
        assert line.startswith(f"7 images from step {STEPS} (")
        with np.load(tmp_path / f"{name}.npz") as held:
            return held["images"], held["labels"]

    one, labels = images("one")
    assert one.shape == (7, 32, 32, 1)
    assert one.dtype == np.uint8
    assert set(labels) <= {1, 4, 7}
    np.testing.assert_array_equal(images("again")[0], one)
    for name, change in (
        ("seed", "--sample_seed=1"),
        ("raw", "--noema"),
        ("truncated", "--truncation=0.3"),
        ("classes", "--classes=8"),
    ):
        other, _ = images(name, change)
        assert (other != one).any(), name


def test_a_folder_holds_what_the_npz_holds(sample, tmp_path):
    sample(f"--output={tmp_path / 'folder'}", "--num_images=4", "--classes=7,4")
    sample(f"--output={tmp_path / 'a.npz'}", "--num_images=4", "--classes=7,4")
    files = sorted((tmp_path / "folder").iterdir())
    assert [file.name for file in files] == [
        f"0000{i}_label{label}.png" for i, label in enumerate((7, 4, 7, 4))
    ]
    with np.load(tmp_path / "a.npz") as held:
        for file, image in zip(files, held["images"], strict=True):
            np.testing.assert_array_equal(pixels(file).reshape(32, 32, -1)[..., :1], image)


def test_classes_come_as_often_as_in_the_data_or_in_turn(sample, tmp_path):
    sample(f"--output={tmp_path / 'often.npz'}", "--num_images=90")
    sample(f"--output={tmp_path / 'turn.npz'}", "--num_images=5", "--classes=7,1")
    with np.load(tmp_path / "often.npz") as held:
        # About a third each: five standard deviations of a binomial.
        assert (np.abs(np.bincount(held["labels"], minlength=8)[[1, 4, 7]] - 30) < 22).all()
    with np.load(tmp_path / "turn.npz") as held:
        np.testing.assert_array_equal(held["labels"], [7, 1, 7, 1, 7])


def test_interpolation_changes_along_a_row(sample, tmp_path):
    line = sample("--interpolate", "--columns=4", f"--output={tmp_path / 'a.png'}")
    assert line.startswith("a grid of 3 rows of 4")
    sample("--columns=4", f"--output={tmp_path / 'b.png'}")
    assert pixels(tmp_path / "a.png").shape == pixels(tmp_path / "b.png").shape
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_a_sweep_has_a_row_per_number_and_a_column_per_value(sample, tmp_path):
    line = sample("--sweep=label", f"--output={tmp_path / 'a.png'}")
    assert line.startswith("a grid of 10 rows of 3 from")
    line = sample("--sweep=z", "--columns=4", f"--output={tmp_path / 'b.png'}")
    assert line.startswith("a grid of 10 rows of 4 from")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sampler=generater"], "unknown sampler 'generater': did you mean 'generator'?"),
        (["--sweep=lable"], "unknown input 'lable': did you mean 'label'?"),
        (["--sweep=label", "--columns=4"], "the columns of this sweep are the values of 'label'"),
        (["--sweep=label", "--interpolate"], "--interpolate and --sweep are two kinds of grid"),
        (["--sweep=label", "--output=a.npz"], "--sweep is of a grid: give a .png"),
        (["--columns=4", "--output=folder"], "--columns is of a grid: give a .png"),
        (["--sweep=z", "--columns=1"], "--columns=1 is too few"),
        (["--truncation=0"], "truncation is a bound on the latents' entries: a positive number"),
        (["--split=test"], "--split: the sampler 'generator' reads no data"),
        (["--sample_seed=-1"], "--sample_seed must be at least 0 and at most 4294967295, not -1"),
        (["--classes=11"], "label 11 is out of range"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    sample, conditional_run, command_line, contents, arguments, message
):
    before = contents(conditional_run)
    outcome = command_line("--mode=sample", f"--workdir={conditional_run}", *arguments)
    assert outcome.status == 2, outcome
    assert len(outcome.errors) == 1, outcome.err
    assert message in outcome.errors[0]
    assert contents(conditional_run) == before


def test_an_image_is_sampled_as_evaluation_scores_it(
    conditional_run, command_line, sample, tmp_path, monkeypatch, toy_extractor
):
    from gan_jax.evaluation.evaluator import Evaluator
    from gan_jax.metrics import extractor as extractors

    scored = []
    real = Evaluator.score_numbered

    def keep(self, images, count, **options):
        scored.extend(images(0, count))
        return real(self, images, count, **options)

    sample(f"--output={tmp_path / 'images'}", "--num_images=40", "--sample_seed=3")
    monkeypatch.undo()
    monkeypatch.setattr(Evaluator, "score_numbered", keep)
    monkeypatch.setattr(extractors, "EXTRACTORS", {"toy": lambda weights=None: toy_extractor})
    outcome = command_line(
        "--mode=evaluate",
        f"--workdir={conditional_run}",
        *("--extractor=toy", "--metrics=fid", "--num_images=40", "--num_real=50"),
        "--sample_seed=3",
    )
    assert outcome.status == 0, outcome.err
    images = np.concatenate(scored)
    files = sorted((tmp_path / "images").iterdir())
    for file, image in zip(files, images, strict=True):
        np.testing.assert_array_equal(pixels(file), image[..., 0])


def test_a_loaded_run_generates_the_images_of_the_command_line(
    sample, conditional_run, tmp_path, monkeypatch
):
    sample(f"--output={tmp_path / 'a.npz'}", "--num_images=5", "--sample_seed=3")
    sample(f"--output={tmp_path / 'b.npz'}", "--num_images=5", "--classes=7,4", "--truncation=0.7")
    monkeypatch.setenv("HOME", str(conditional_run.parent))
    run = gan_jax.load(f"~/{conditional_run.name}")
    assert repr(run) == f"TrainedRun({str(conditional_run)!r}, step={STEPS}, averaged weights)"
    assert run.class_names == tuple("0123456789")
    for name, images in (
        ("a", run.sample(5, seed=3)),
        ("b", run.sample(5, label=["7", 4], truncation=0.7)),
    ):
        assert images.dtype == np.uint8
        with np.load(tmp_path / f"{name}.npz") as held:
            np.testing.assert_array_equal(images, held["images"])
    raw = gan_jax.load(conditional_run, ema=False, step=STEPS, sampler="generator")
    assert not raw.averaged
    assert (raw.sample(2, label=7) != run.sample(2, label=7)).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count must be at least 1, not 0"),
        ({"label": "truck"}, "unknown class of data set digits 'truck'"),
        ({"label": 10}, "label"),
        ({"label": -1}, "label"),
        ({"seed": -1}, "the seed must be in"),
        ({"truncation": -0.5}, "truncation"),
    ],
)
def test_a_loaded_run_refuses_what_there_is_not(sample, conditional_run, options, message):
    sample("--columns=3")
    with pytest.raises(ValueError, match=message):
        gan_jax.load(conditional_run).sample(**options)


def test_the_notebook_runs(sample, conditional_run, tmp_path, monkeypatch):
    sample("--columns=3")
    monkeypatch.setenv("MPLBACKEND", "agg")
    (tmp_path / "runs").mkdir()
    (tmp_path / "examples").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(conditional_run)
    monkeypatch.chdir(tmp_path / "examples")
    notebook = json.loads((ROOT / "examples" / "sample_in_a_notebook.ipynb").read_text())
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    names = {}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), names)
    names["plt"].close("all")
    assert names["images"].shape == (16, 32, 32, 1)
    assert not any(c["outputs"] for c in notebook["cells"] if c["cell_type"] == "code")
