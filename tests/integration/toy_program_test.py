"""Every toy family through the whole program: train, kill, resume, sample, evaluate, report.

Each command line runs in a process of its own (`tests/toys/program.py`), with real checkpoint
files. A run that is killed ends with the bits of one that was not, wherever it was killed.
"""

import functools
import json
import random
import shutil

import numpy as np
import pytest

from tests.toys import image_sets, program

TOYS = ("infogan", "pix2pix", "cyclegan", "growing", "stylegan_like", "ada_like")
STEPS = 24
# Boundaries at 6, which has no checkpoint and lies between two log lines, and at 12, which has one.
GROWING = (
    "--config.model.phase_steps=6",
    "--config.steps=16",
    "--config.checkpoint_every=4",
    "--config.keep_checkpoints=9",
)
SAMPLERS = {"pix2pix": ["left_to_right"], "cyclegan": ["a_to_b", "b_to_a"]}


@pytest.fixture(scope="module", params=TOYS)
def toy(request):
    return request.param


@pytest.fixture(scope="session")
def run_program(tmp_path_factory):
    """Runs command lines, in processes that may be killed; see `program.Program`."""
    started = program.Program(tmp_path_factory.mktemp("program"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def arguments_of(tmp_path_factory):
    """`arguments_of(toy, workdir)`: a command line that trains the toy there."""
    folder = tmp_path_factory.mktemp("images")
    pairs = image_sets.pairs(folder / "pairs")
    domains = image_sets.domains(folder / "domains")
    # Adam makes whole steps of the rounding errors of a gradient that is zero, as that of a bias
    # before batch normalization is, and these errors depend on the number of devices.
    sgd = ("--config.model.optimizer.name=sgd", "--config.model.optimizer.learning_rate=0.05")
    own = {
        "infogan": sgd,
        "pix2pix": (f"--config.data.name=folder:{pairs}", *sgd),
        "cyclegan": tuple(
            f"--config.data.domains.{name}.name=folder:{domains / name}" for name in ("a", "b")
        ),
        "growing": GROWING,
    }

    def arguments(toy, workdir):
        config = f"--config=tests/toys/config.py:{toy}"
        return (config, f"--workdir={workdir}", *own.get(toy, ()))

    return arguments


@pytest.fixture(scope="session")
def trained(run_program, arguments_of, tmp_path_factory):
    """`trained(toy)`: the folder of a run that nobody interrupted."""

    @functools.cache
    def train(toy):
        workdir = tmp_path_factory.mktemp(toy) / "run"
        run_program(arguments_of(toy, workdir), plots=toy == "growing")
        return workdir

    return train


def test_a_run_leaves_checkpoints_a_log_and_grids(toy, trained):
    workdir = trained(toy)
    last = 16 if toy == "growing" else STEPS
    assert max(program.steps(workdir)) == last
    log = program.metrics(workdir)
    assert [line["step"] for line in log] == list(range(4, last + 1, 4))
    grids = [0, 6, 8, 12, 16] if toy == "growing" else [0, 8, 16, 24]
    names = [""] + [f"_{name}" for name in SAMPLERS.get(toy, ())[1:]]
    assert sorted(program.grids(workdir)) == sorted(
        f"step_{step:08d}{name}.png" for step in grids for name in names
    )
    assert len(set(program.grids(workdir).values())) == len(grids) * len(names)
    # The comparison of two runs would tell states apart.
    before, after = (program.checkpoint(workdir, step)[1] for step in (8, last))
    same = {name for name in after if np.array_equal(before[name], after[name])}
    # A vector of one entry and length one cannot change either.
    assert same <= {"['key']", "['variables']['critic']['spectral']['SpectralDense_1']['u']"}


@pytest.mark.parametrize("toy", [toy for toy in TOYS if toy != "growing"], indirect=True)
def test_a_killed_run_ends_as_if_it_had_not_been(toy, run_program, arguments_of, trained, tmp_path):
    workdir = tmp_path / "run"
    arguments = arguments_of(toy, workdir)
    step = random.randrange(8, STEPS, 2)
    place = random.choice(["step:0", "step:6", "sample:8", "seal:16"])
    print(f"killed at {place} and in the call that begins with step {step}")
    run_program(arguments, kill=place)
    run_program(arguments, kill=f"step:{step}")
    there = step // 8 * 8
    assert max(program.steps(workdir)) == there
    outcome = run_program(arguments)
    assert f"going on at step {there} of {STEPS}" in outcome.out
    program.assert_same_run(workdir, trained(toy))


def test_growing_enters_each_phase_once(run_program, arguments_of, trained, tmp_path):
    workdir = tmp_path / "run"
    arguments = arguments_of("growing", workdir)

    def entered(step):
        assert max(program.steps(workdir)) == step
        return int(program.checkpoint(workdir)[1]["['memory']['entered']"])

    # Stopped at a boundary: saved before the phase is entered.
    outcome = run_program(arguments, terminate="step:4")
    assert outcome.out.splitlines()[-1].startswith("stopped after step 6;")
    assert entered(6) == 1
    # Stopped while `on_enter` is compiled: the call after it is finished first.
    outcome = run_program(arguments, terminate="entering:6")
    assert outcome.out.splitlines()[-1].startswith("stopped after step 8;")
    assert entered(8) == 2
    # Killed between the checkpoint of a boundary and the first step after it.
    run_program(arguments, kill="entered:12")
    assert entered(12) == 2
    step = random.choice([12, 14])
    print(f"killed in the call that begins with step {step}")
    run_program(arguments, kill=f"step:{step}")
    run_program(arguments)
    assert entered(16) == 3
    # The stop at step 6 has left a checkpoint more, and nothing else.
    assert set(program.steps(workdir)) == {*program.steps(trained("growing")), 6}
    program.assert_same_run(workdir, trained("growing"))


def assert_close(found, expected):
    if np.issubdtype(expected.dtype, np.floating):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(found, expected)


def test_four_devices_give_the_numbers_of_one(toy, run_program, arguments_of, trained, tmp_path):
    workdir = shutil.copytree(trained(toy), tmp_path / "run")
    # What both have in common is the start: from step 8 on, all is trained and drawn again.
    for step in program.steps(workdir):
        if step > 8:
            shutil.rmtree(workdir / "checkpoints" / str(step))
    for name in program.grids(workdir):
        (workdir / "samples" / name).unlink()
    outcome = run_program(arguments_of(toy, workdir), devices=4)
    assert "4 cpu device(s), jit" in outcome.out
    assert "going on at step 8 of" in outcome.out
    _, found, _ = program.checkpoint(workdir)
    _, expected, _ = program.checkpoint(trained(toy))
    assert found.keys() == expected.keys()
    for name, leaf in found.items():
        assert_close(leaf, expected[name])
    log, one = program.metrics(workdir), program.metrics(trained(toy))
    assert [line.keys() for line in log] == [line.keys() for line in one]
    for line, other in zip(log, one, strict=True):
        for name, value in line.items():
            assert_close(np.asarray(value), np.asarray(other[name]))
    assert len(program.grids(workdir)) >= 2
    for name in program.grids(workdir):
        grid, other = (program.pixels(at / "samples" / name) for at in (workdir, trained(toy)))
        # A value next to a boundary between two gray levels may fall on either side.
        assert np.abs(grid.astype(int) - other).max() <= 1


def test_sample_evaluate_and_report(toy, run_program, trained, tmp_path):
    workdir = trained(toy)
    run = f"--workdir={workdir}"
    samplers = SAMPLERS.get(toy, ["generator"])
    scores = ("--extractor=toy", "--num_images=24", "--num_real=20", "--metrics=fid,precision")
    lines = []
    for name in samplers:
        sample = ("--mode=sample", run, f"--sampler={name}")
        lines += [
            (*sample, f"--output={tmp_path / name}.png"),
            (*sample, f"--output={tmp_path / name}.npz", "--num_images=5"),
            ("--mode=evaluate", run, f"--sampler={name}", *scores),
        ]
    report = tmp_path / "report.html"
    lines.append(("--mode=report", run, "--extractor=toy", f"--output={report}"))
    outcome = run_program(*lines)
    assert "warning" not in outcome.err
    for name in samplers:
        assert program.pixels(tmp_path / f"{name}.png").std() > 0
        with np.load(tmp_path / f"{name}.npz") as held:
            assert held["images"].shape == (5, 8, 8, 1)
            assert len({image.tobytes() for image in held["images"]}) == 5
    results = [json.loads(file.read_text()) for file in (workdir / "evaluations").iterdir()]
    assert len(results) == len(samplers)
    for result in results:
        assert result["step"] == max(program.steps(workdir))
        assert result["scores"].keys() == {"fid_toy", "precision_toy"}
        assert np.isfinite(list(result["scores"].values())).all()
    text = report.read_text()
    assert f"toy_{toy}" in text
    assert text.count("data:image/png") >= len(samplers)


@pytest.fixture
def sample_grid(run_program, trained, tmp_path):
    """`sample_grid(toy, (rows, columns), *arguments) -> uint8 [rows, columns, 8, 8]`."""

    def sample(toy, shape, *arguments):
        (rows, columns), path = shape, tmp_path / "grid.png"
        run_program(("--mode=sample", f"--workdir={trained(toy)}", f"--output={path}", *arguments))
        grid = program.pixels(path)
        path.unlink()
        # In front of the rows and above the columns are their names.
        grid = (grid if grid.ndim == 2 else grid[..., 0])[-10 * rows - 2 :, -10 * columns - 2 :]
        grid = grid[2:, 2:].reshape(rows, 10, columns, 10)
        return grid.transpose(0, 2, 1, 3)[..., :8, :8]

    return sample


def distinct(images):
    return len({image.tobytes() for image in images.reshape(-1, 8, 8)})


def test_infogan_sweeps_its_codes(sample_grid):
    by_category = sample_grid("infogan", (10, 10), "--sweep=category")
    by_code = sample_grid("infogan", (10, 3), "--sweep=code", "--columns=3")
    assert distinct(by_category) == 100
    assert distinct(by_code) == 30
    # The rows of a grid are the categories, which share their noise.
    np.testing.assert_array_equal(sample_grid("infogan", (10, 10))[:, 0], by_category[0])


def test_pix2pix_shows_sources_and_draws_noise_for_each(sample_grid):
    grid = sample_grid("pix2pix", (3, 4), "--columns=3")
    np.testing.assert_array_equal(grid[:, 0], image_sets.digits()[:3])
    assert distinct(grid[:, 1:]) == 9


def test_cyclegan_translates_from_the_domain_of_the_sampler(sample_grid, trained):
    digits = image_sets.digits()
    for name, sources in (("a_to_b", digits[:40]), ("b_to_a", 255 - digits[-28:])):
        grid = sample_grid("cyclegan", (10, 2), f"--sampler={name}")
        np.testing.assert_array_equal(grid[:, 0], sources[: len(grid)])
        assert distinct(grid) == 20
    # Every image of both domains has come up several times, a smaller domain's more often.
    info = json.loads((trained("cyclegan") / "config.json").read_text())["data"]
    assert {name: one["size"] for name, one in info.items()} == image_sets.DOMAINS
    pooled = program.checkpoint(trained("cyclegan"))[1]["['memory']['pooled']"]
    assert pooled == 8 * STEPS > 4 * max(image_sets.DOMAINS.values())


def test_stylegan_like_truncates(sample_grid):
    grids = {
        psi: sample_grid("stylegan_like", (5, 5), "--columns=5", f"--truncation={psi}")
        for psi in (0, 0.5, 1)
    }
    np.testing.assert_allclose(
        sample_grid("stylegan_like", (5, 5), "--columns=5").astype(int), grids[1], atol=1
    )
    spread = [grid.reshape(-1, 8, 8).std(0).mean() for grid in grids.values()]
    assert spread[0] < spread[1] < spread[2]


def test_growing_samples_every_phase_at_its_size(run_program, trained, tmp_path):
    run = f"--workdir={trained('growing')}"
    run_program(
        *(
            ("--mode=sample", run, f"--checkpoint_step={step}", f"--output={tmp_path}/{step}.npz")
            for step in (4, 12, 16)
        )
    )
    shapes = []
    for step in (4, 12, 16):
        with np.load(tmp_path / f"{step}.npz") as held:
            shapes.append(held["images"].shape)
    assert shapes == [(64, 2, 2, 1), (64, 4, 4, 1), (64, 8, 8, 1)]
