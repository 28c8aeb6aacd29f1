"""What a user can get wrong is one line on stderr and exit status 2, and costs him nothing."""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import types

import jax
import numpy as np
import pytest
from PIL import Image

from gan_jax import telemetry
from gan_jax.checkpoint import files, orbax_manager
from gan_jax.modes.train import intervals


def assert_one_error(outcome, *parts):
    assert outcome.status == 2, outcome
    assert len(outcome.errors) == 1, outcome.err
    for part in parts:
        assert part in outcome.errors[0]
    assert "Traceback" not in outcome.err
    assert len(outcome.errors[0]) < 400


@pytest.fixture(scope="session")
def _trained(tmp_path_factory):
    """A folder to keep a finished run in, made by the first test that wants one."""
    return tmp_path_factory.mktemp("trained") / "run"


@pytest.fixture
def run(_trained, command_line, tiny, tmp_path):
    """A copy of a finished run of 20 steps, with checkpoints of 10 and 20."""
    if not _trained.exists():
        assert command_line(*tiny, f"--workdir={_trained}").status == 0
    return shutil.copytree(_trained, tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--config.batchsize=8"], ["unknown config key 'batchsize'", "did you mean batch_size?"]),
        (["--config.data.nme=cifar10"], ["'data.nme'", "data.name"]),
        (["--config.batch_size=eight"], ["config.batch_size=eight"]),
        (["--config.family=adverserial"], ["unknown config.family 'adverserial'", "'adversarial'"]),
        (["--config.model.los=hinge"], ["unknown config key 'model.los'", "model.loss"]),
        (["--config.model.loss=minmax"], ["config.model.loss 'minmax'", "'minimax'"]),
        (
            ["--config.model.network=dcgan_8x8", "--config.model.loss=hinged"],
            ["'hinge'"],
        ),
        (["--config.model.network=mpl"], ["config.model.network 'mpl'", "'mlp'"]),
        (
            ["--config.model.penalty.weight=5"],
            ["config.model.penalty.weight=5.0 has no effect with penalty.name=none"],
        ),
        (["--config.precision=float16"], ["config.precision 'float16'", "'bfloat16'"]),
        (["--config.parallel=pmpa"], ["'pmpa'", "pmap"]),
        (["--config.data.name=digit"], ["unknown data set 'digit'", "'digits'"]),
        (["--config.data.split=trian"], ["trian", "train"]),
        (["--config.data.classes=('ten',)"], ["unknown class of data set", "'ten'"]),
        (["--config.data.classes=3,x"], ["unknown class of data set", "'x'"]),
        (["--config.data.classes=(3, 10)"], ["label 10 is out of range", "0 to 9"]),
        (["--config.batch_size=6"], ["6 cannot be divided over 4 devices", "4 or 8"]),
        (["--config.steps=0"], ["config.steps"]),
        (["--config.log_every=0"], ["config.log_every must be at least 1"]),
        (["--config.seed=-1"], ["config.seed"]),
        (["--config.model.width=-1"], ["config.model.width must be above 0, not -1"]),
        (["--config.data.placement=gpu"], ["config.data.placement 'gpu'", "device, host"]),
    ],
    ids=lambda value: value[-1] if value and value[0].startswith("--") else "",
)
def test_a_config_that_cannot_be(command_line, tiny, tmp_path, arguments, parts):
    workdir = tmp_path / "run"
    outcome = command_line(*tiny, f"--workdir={workdir}", *arguments)
    assert_one_error(outcome, *parts)
    assert not workdir.exists()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["--mode=train needs --config"]),
        (["--mode=trian"], ["unknown --mode=trian", "train"]),
        (["--mode=export"], ["not built yet", "sample, evaluate, benchmark, plan, report"]),
        (["--mode=sample", "--config=cgan_digits"], ["--config is for --mode=train", "not sample"]),
        (["--mode=evaluate", "--distributed"], ["--distributed is for --mode=train"]),
        (["--workdri=x"], ["workdri", "workdir"]),
        (["train"], ["unknown argument 'train'"]),
        (["--flagfile=nowhere"], ["nowhere", "No such file"]),
        (["--workdir=x"], ["--mode=train needs --config"]),
        (["--config.steps=3"], ["--config.steps needs a --config"]),
        (["--config=configs/vanilla_mnist.py"], ["--mode=train needs --workdir"]),
        (["--config=configs/vanila_mnist.py"], ["no config file", "mean vanilla_mnist?"]),
        (["--config=configs/vanilla_mnist.py:tiny"], ["unknown variant 'tiny'", "full, smoke"]),
        (["--config", "configs/vanilla_mnist.py", "--config.stps=3"], ["'stps'", "steps"]),
        (["--mode=sample", "--workdir=nowhere"], ["nowhere holds no run", "train one there first"]),
        (["--mode=sample"], ["--mode=sample needs --workdir"]),
        (["--mode=benchmark"], ["--mode=benchmark needs --config"]),
        (
            ["--mode=benchmark", "--config=configs/vanilla_mnist.py", "--batch_sizes=8,many"],
            ["--batch_sizes=8,many: give whole numbers"],
        ),
        (
            ["--mode=benchmark", "--config=configs/vanilla_mnist.py", "--rounds=0"],
            ["--rounds must be at least 1"],
        ),
    ],
    ids=lambda value: value[-1] if value and value[0].startswith("--") else "",
)
def test_a_command_line_that_cannot_be(command_line, arguments, parts):
    assert_one_error(command_line(*arguments), *parts)


def test_a_workdir_of_another_experiment(command_line, tiny, run, contents):
    before = contents(run)
    outcome = command_line(*tiny, f"--workdir={run}", "--config.model.latent_dim=5")
    assert_one_error(
        outcome, "holds another experiment", "config.model.latent_dim is 4", "asked for 5"
    )
    outcome = command_line(*tiny, f"--workdir={run}", "--config.steps=10")
    assert_one_error(outcome, "at step 20 already, beyond its 10 steps")
    assert contents(run) == before


def test_a_schedule_is_another_one_when_the_run_is_longer(command_line, tiny, run):
    config = json.loads((run / "config.json").read_text())
    config["config"]["model"]["generator_optimizer"]["schedule"] = "linear"
    config["steps_matter"] = True
    (run / "config.json").write_text(json.dumps(config))
    outcome = command_line(
        *tiny,
        f"--workdir={run}",
        "--config.model.generator_optimizer.schedule=linear",
        "--config.steps=40",
    )
    assert_one_error(outcome, "config.steps is 20, you asked for 40", "a schedule ends")


def test_checkpoints_that_are_gone(command_line, tiny, run, contents):
    (run / "checkpoints").rename(run / "elsewhere")
    before = contents(run)
    outcome = command_line(*tiny, f"--workdir={run}")
    assert_one_error(outcome, "has saved checkpoints", "put them back", "another --workdir")
    assert contents(run) == before
    (run / "elsewhere").rename(run / "checkpoints")
    assert command_line(*tiny, f"--workdir={run}").status == 0


def test_a_run_that_was_taken_over_writes_no_more(command_line, tiny, run, contents, monkeypatch):
    add, before = intervals.Window.add, {}

    def written():
        return {name: text for name, text in contents(run).items() if "tfevents" not in name}

    def lose_the_lock(window, *args):
        # As if this process had been suspended for minutes, on another host.
        (run / ".lock").unlink()
        before.update(written())
        return add(window, *args)

    monkeypatch.setattr(intervals.Window, "add", lose_the_lock)
    outcome = command_line(*tiny, f"--workdir={run}", "--config.steps=60")
    assert_one_error(outcome, "no longer holds the lock", "nothing more is written")
    assert written() == before
    assert (run / "checkpoints" / "20").exists()


def test_processes_that_do_not_find_each_other(command_line, tiny, tmp_path):
    address = ("--coordinator=localhost:1", "--num_processes=2", "--process_id=1")
    for flags, message in (
        (address, "add --distributed"),
        (("--distributed", *address[1:]), "--coordinator is missing"),
        (("--distributed", *address, "--join_timeout=1"), "cannot join process 0 at localhost:1"),
    ):
        outcome = command_line(*tiny, f"--workdir={tmp_path / 'run'}", *flags)
        assert_one_error(outcome, message)
    assert not (tmp_path / "run").exists()


def test_a_workdir_with_other_files(command_line, tiny, tmp_path, contents):
    workdir = tmp_path / "thesis"
    workdir.mkdir()
    (workdir / "chapter.tex").write_text("precious")
    before = contents(workdir)
    outcome = command_line(*tiny, f"--workdir={workdir}")
    assert_one_error(outcome, "is not empty and holds no run", "give a new folder")
    outcome = command_line(*tiny, f"--workdir={workdir / 'chapter.tex'}")
    assert_one_error(outcome, "is a file: give a folder")
    assert contents(workdir) == before


def test_data_that_changed_since_the_run_began(command_line, tiny, run, contents):
    config = json.loads((run / "config.json").read_text())
    config["data"]["data"]["identity"] = "0" * 64
    (run / "config.json").write_text(json.dumps(config))
    before = contents(run)
    outcome = command_line(*tiny, f"--workdir={run}")
    assert_one_error(outcome, "the data set has changed", "identity was 0000")
    assert contents(run) == before


def test_a_config_json_that_cannot_be_read(command_line, tiny, run, contents):
    (run / "config.json").write_text('{"config": ')
    before = contents(run)
    assert_one_error(command_line(*tiny, f"--workdir={run}"), "config.json cannot be read")
    outcome = command_line("--mode=sample", f"--workdir={run}")
    assert_one_error(outcome, "config.json cannot be read")
    assert contents(run) == before


def damage(run, step):
    largest = max((run / "checkpoints" / str(step)).rglob("d/*"), key=lambda p: p.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-100])


def test_a_damaged_newest_checkpoint(command_line, tiny, run, contents):
    damage(run, 20)
    before = contents(run / "checkpoints")
    outcome = command_line("--mode=sample", f"--workdir={run}", "--columns=2")
    assert outcome.status == 0
    assert "warning: checkpoint 20 in" in outcome.out
    assert "from step 10" in outcome.out
    outcome = command_line("--mode=sample", f"--workdir={run}", "--checkpoint_step=20")
    assert_one_error(outcome, "damaged", "20")
    damage(run, 10)
    before = contents(run)
    for mode in (["--mode=sample"], tiny):
        outcome = command_line(*mode, f"--workdir={run}")
        assert_one_error(outcome, "no checkpoint in", "damaged")
    assert contents(run) == before


def test_only_the_echo_of_a_failed_write_is_kept_off_the_terminal():
    reported = []
    hook = orbax_manager._UnraisableHook(reported.append)
    for error in (RuntimeError("Event loop is closed"), RuntimeError("other"), ValueError("x")):
        hook(types.SimpleNamespace(exc_value=error))
    assert [str(unraisable.exc_value) for unraisable in reported] == ["other", "x"]


@contextlib.contextmanager
def files_no_larger_than(size):
    """What a full disk is to a program: a write that fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The tests' cache of compiled programs is not on that disk: half an entry would fail others.
    compiled = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1e9)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", compiled)


def test_a_full_disk_loses_no_checkpoint(command_line, tiny, run, contents):
    before = contents(run / "checkpoints")
    with files_no_larger_than(200_000):  # A checkpoint is larger, grids and metrics are not.
        outcome = command_line(*tiny, f"--workdir={run}", "--config.steps=40")
    assert_one_error(outcome, "could not write checkpoint 30", "the last whole one is 20")
    assert contents(run / "checkpoints") == before
    outcome = command_line(*tiny, f"--workdir={run}", "--config.steps=40")
    assert outcome.status == 0
    assert "going on at step 20 of 40" in outcome.out
    steps = [line["step"] for line in telemetry.read_metrics(run / "metrics.jsonl")]
    assert steps == list(range(4, 41, 4))


def test_a_full_disk_while_sampling_leaves_nothing_behind(command_line, run, tmp_path, contents):
    before = contents(run)
    for output in ("some.npz", "folder", "grid.png"):
        number = [] if output.endswith("png") else ["--num_images=3"]
        with files_no_larger_than(100):
            outcome = command_line(
                "--mode=sample", f"--workdir={run}", f"--output={tmp_path / output}", *number
            )
        assert_one_error(outcome)
        assert not (tmp_path / output).exists()
    assert contents(run) == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_no_network_for_a_data_set_that_is_not_there(command_line, tiny, tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_datasets")

    def refuse(*_, **__):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    outcome = command_line(
        *tiny,
        f"--workdir={tmp_path / 'run'}",
        "--config.data.name=cifar100",
        f"--config.data.dir={tmp_path / 'data'}",
    )
    # Where TensorFlow is missing it is that which preparing needs first.
    assert_one_error(outcome, "'cifar100' is not prepared in", "set TFDS_DATA_DIR")
    assert not list(tmp_path.rglob("run"))
    assert not list(tmp_path.rglob("data"))


def test_a_folder_with_a_broken_image(command_line, tiny, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "images"
    folder.mkdir()
    outcome = command_line(
        *tiny, f"--workdir={tmp_path / 'run'}", f"--config.data.name=folder:{folder}"
    )
    assert_one_error(outcome, "holds no images")
    (folder / "broken.png").write_bytes(b"no image")
    outcome = command_line(
        *tiny, f"--workdir={tmp_path / 'run'}", f"--config.data.name=folder:{folder}"
    )
    assert_one_error(outcome, "none of the 1 images")
    assert not (tmp_path / "run").exists()
    for i in range(9):
        pixels = np.full((8, 8, 3), 20 * i, np.uint8)
        pixels[i % 8] = (255, 0, i)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    outcome = command_line(
        *tiny,
        f"--workdir={tmp_path / 'run'}",
        f"--config.data.name=folder:{folder}",
        "--config.steps=2",
    )
    # The documented fallback: it is named and left out.
    assert outcome.status == 0
    assert "9 images 32x32x3" in outcome.out
    assert any("skipped 1 of 10" in m and "broken.png" in m for m in caplog.messages)


def test_a_loss_that_is_not_finite_stops_the_run(command_line, tiny, tmp_path):
    workdir = tmp_path / "run"
    outcome = command_line(
        *tiny, f"--workdir={workdir}", "--config.model.generator_optimizer.learning_rate=1e30"
    )
    assert_one_error(outcome, "step 2: ", "the loss of generator is nan", "try a lower")
    # A state that is beyond help is not saved over one that is not, and nothing else was.
    assert not workdir.exists()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--classes=3"], ["--classes"]),
        (["--checkpoint_step=15"], ["no checkpoint of step 15", "10, 20"]),
        (["--num_images=4"], ["--num_images", "--output"]),
        (["--output=x.jpg"], ["--output=x.jpg", ".png"]),
        (["--columns=0"], ["--columns must be at least 1 and at most 1000, not 0"]),
        (["--sample_seed=4294967296"], ["--sample_seed must be", "not 4294967296"]),
        (["--truncation=nan"], ["--truncation must be a finite number, not nan"]),
        (["--classes="], ["--classes= is empty"]),
        (["--classes=1,,2"], ["--classes=1,,2 has an empty entry"]),
        (["--output="], ["--output= is empty"]),
        (["--interpolate", "--columns=1"], ["--columns=1"]),
        (["--truncation=-1"], ["truncation", "a positive number, not -1"]),
    ],
    ids=lambda value: value[-1] if value and value[0].startswith("--") else "",
)
def test_samples_that_cannot_be(command_line, run, contents, arguments, parts):
    before = contents(run)
    assert_one_error(command_line("--mode=sample", f"--workdir={run}", *arguments), *parts)
    assert contents(run) == before


def test_samples_overwrite_nothing(command_line, run, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine.txt").write_text("precious")
    for name in ("a.npz", "a.png"):
        (tmp_path / name).write_text("precious")
    for output in (folder, tmp_path / "a.npz", tmp_path / "a.png"):
        outcome = command_line("--mode=sample", f"--workdir={run}", f"--output={output}")
        assert_one_error(outcome, "exists", "give a new --output")
    assert [path.read_text() for path in (folder / "mine.txt", tmp_path / "a.npz")] == [
        "precious"
    ] * 2
    assert os.listdir(folder) == ["mine.txt"]
    assert (tmp_path / "a.png").read_text() == "precious"


def test_a_killed_first_second_is_no_stranger(command_line, tiny, tmp_path):
    workdir = tmp_path / "run"
    workdir.mkdir()
    # What a process leaves that is killed while it writes config.json for the first time.
    (workdir / ".config.json.k3x9").write_text('{"config"')
    outcome = command_line(*tiny, f"--workdir={workdir}", "--config.steps=2")
    assert outcome.status == 0


def test_a_checkpoint_that_cannot_be_sealed_is_no_checkpoint(
    command_line, tiny, run, contents, monkeypatch
):
    before = contents(run / "checkpoints")

    def refuse(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "seal", refuse)
    outcome = command_line(*tiny, f"--workdir={run}", "--config.steps=30")
    assert_one_error(outcome, "could not write checkpoint 30", "no space left on device")
    assert contents(run / "checkpoints") == before
