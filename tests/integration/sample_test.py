"""Sampling by the command line, from a run's folder alone."""

import numpy as np
import pytest
from PIL import Image

from gan_jax import data

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
            # Its pictures differ from the first step on, without running statistics to settle.
            "--config.model.network=mlp",
            "--config.data.classes=(1, 4, 7)",
            f"--config.steps={STEPS}",
            f"--workdir={conditional_run}",
        )
        assert outcome.status == 0, outcome.err
    monkeypatch.setattr(data, "load", lambda *_, **__: pytest.fail("read the data set"))

    def call(*arguments):
        outcome = command_line("--mode=sample", f"--workdir={conditional_run}", *arguments)
        assert outcome.status == 0, outcome.err
        return outcome.out.strip()

    return call


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_grid_has_a_row_a_class(sample, tmp_path, conditional_run):
    line = sample("--columns=3")
    default = conditional_run / "samples" / f"grid_{STEPS:08d}_seed0.png"
    assert line == f"a grid of 3 rows of 3 from step 4 (averaged weights, seed 0): {default}"
    assert default.exists()
    # A class it was not trained on can be asked for, by name or label; the order is that of labels.
    sample(f"--output={tmp_path / 'a.png'}", "--classes=9,1", "--columns=3")
    assert pixels(tmp_path / "a.png").shape[0] < pixels(default).shape[0]
    sample(f"--output={tmp_path / 'b.png'}", "--classes=1,9", "--columns=3")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_no_default_grid_takes_the_place_of_another(sample, conditional_run):
    start = f"grid_{STEPS:08d}_seed"
    for options, name in (
        (("--classes=9,1",), "0_classes1-9"),
        (("--noema",), "0_raw"),
        (("--sample_seed=5", "--interpolate", "--truncation=0.7"), "5_interpolation_psi0.7"),
    ):
        line = sample("--columns=3", *options)
        assert line.endswith(f": {conditional_run / 'samples' / start}{name}.png"), line


def test_images_follow_seed_weights_and_truncation(sample, tmp_path):
    def images(name, *arguments):
        line = sample(f"--output={tmp_path / name}.npz", "--num_images=7", *arguments)
        assert line.startswith(f"7 images from step {STEPS} (")
        with np.load(tmp_path / f"{name}.npz") as held:
            return held["images"], held["labels"]

    one, labels = images("one")
    assert one.shape == (7, 32, 32, 1)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(labels, [1, 4, 7, 1, 4, 7, 1])
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
        f"0000{i}_label{label}.png" for i, label in enumerate((4, 7, 4, 7))
    ]
    with np.load(tmp_path / "a.npz") as held:
        for file, image in zip(files, held["images"], strict=True):
            np.testing.assert_array_equal(pixels(file).reshape(32, 32, -1)[..., :1], image)


def test_interpolation_moves_along_a_row(sample, tmp_path):
    line = sample("--interpolate", "--columns=4", f"--output={tmp_path / 'a.png'}")
    assert line.startswith("a grid of 3 rows of 4")
    sample("--columns=4", f"--output={tmp_path / 'b.png'}")
    assert pixels(tmp_path / "a.png").shape == pixels(tmp_path / "b.png").shape
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
