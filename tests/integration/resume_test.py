"""A run that is killed, stopped or cut short goes on and ends with the bits of one that was not.

`main.py` runs as a process of its own. It pretends that TensorFlow is missing, which halves the
time that a process takes, and draws no plots. What the uninterrupted run has compiled, the others
read; they write nothing, since who is killed may leave half a file. `_HALT` makes a process hang at
a chosen point, so that the signal arrives there and not somewhere near.
"""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from gan_jax.checkpoint import Checkpointer

ROOT = pathlib.Path(__file__).parents[2]
STEPS = 24
ARGUMENTS = (
    # Labels, batch statistics and averaged weights: every part of a state that a family has.
    "--config=configs/cgan_digits.py:smoke",
    "--config.model.network=dcgan_8x8",
    "--config.data.image_size=16",
    "--config.model.width=0.0625",
    "--config.model.latent_dim=4",
    "--config.batch_size=8",
    "--config.model.ema_decay=0.9",
    "--config.data.augment.flip=true",
    "--config.log_every=4",
    "--config.sample_every=8",
    "--config.checkpoint_every=8",
    "--config.keep_checkpoints=10",
    "--config.steps_per_call=2",
    "--config.evaluate.every=8",
    "--config.evaluate.extractor=toy",
    "--config.evaluate.num_images=24",
    "--config.evaluate.num_real=48",
)
# Runs main.py as `python main.py` does. HALT names a place, `sampled:8` say, at which it prints
# that it is there and then waits for whatever comes.
_HALT = """
import importlib.abc, os, pathlib, runpy, sys, time

sys.path.insert(0, os.getcwd())

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "tensorflow" else find(name, *a)
sys.meta_path.insert(0, Missing())

from gan_jax.metrics import extractor

def toy(weights=None):
    def apply(params, images):
        import jax
        x = images.astype("float32") / 127.5 - 1.0
        x = jax.image.resize(x, (len(x), 2, 2, 3), "linear").reshape(len(x), 12)
        return x, x
    return extractor.Extractor("toy", "Toy", 2, "bilinear to 2", 12, 12, "0" * 64, {}, apply)

extractor.EXTRACTORS = {"toy": toy}

from gan_jax import telemetry

telemetry.plot_groups = lambda metrics, folder: []

place, _, number = os.environ.get("HALT", "").partition(":")

def halt_before(owner, name, when):
    real = getattr(owner, name)
    def halting(*args, **kwargs):
        if when(*args, **kwargs):
            pathlib.Path(os.environ["HALTED"]).touch()
            while os.environ["HALT_FOR"] == "ever" or not interrupted():
                time.sleep(0.01)
        return real(*args, **kwargs)
    setattr(owner, name, halting)

def interrupted():
    import gan_jax.modes.train.interrupt as module
    return any(stop.signum is not None for stop in module.made)

if place:
    from gan_jax.modes.train import grids
    from gan_jax.modes.train import interrupt
    from gan_jax.modes.train import intervals
    from gan_jax.checkpoint import files
    interrupt.made = []
    real_enter = interrupt.Interrupt.__enter__
    interrupt.Interrupt.__enter__ = lambda self: interrupt.made.append(self) or real_enter(self)
    if place == "step":
        halt_before(intervals.Window, "add", lambda self, first, *_: first == int(number))
    elif place == "sample":
        halt_before(grids.Grids, "save", lambda self, step, state: step == int(number))
    elif place == "checkpoint":
        halt_before(files, "seal", lambda folder: f"checkpoints/{number}." in str(folder))
    else:
        raise SystemExit(f"no such place: {place}")

sys.argv[0] = "main.py"
runpy.run_path("main.py", run_name="__main__")
"""


@pytest.fixture(scope="module")
def main(tmp_path_factory):
    """`main(workdir, *arguments, halt=, send=) -> CompletedProcess`, checked for its status.

    `keep` writes what is compiled into the cache that all others read.
    """
    shared = tmp_path_factory.mktemp("shared")
    script = shared / "halting_main.py"
    script.write_text(_HALT)

    def run(workdir, *arguments, halt=None, send=None, status=0, keep=False):
        halted = shared / f"halted_{random.getrandbits(64)}"
        environment = {
            **os.environ,
            "JAX_PLATFORMS": "cpu",
            "JAX_NUM_CPU_DEVICES": "1",
            "JAX_ENABLE_COMPILATION_CACHE": "true",
            "JAX_COMPILATION_CACHE_DIR": str(shared / "compiled"),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0" if keep else "1e9",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "XDG_CACHE_HOME": str(shared / "cache"),
            "HALT": halt or "",
            "HALTED": str(halted),
            "HALT_FOR": "ever" if send == signal.SIGKILL else "a signal",
        }
        command = [sys.executable, str(script), *ARGUMENTS, f"--workdir={workdir}", *arguments]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while send is not None and not halted.exists():
                try:
                    process.wait(0.02)
                except subprocess.TimeoutExpired:
                    continue
                break
            if send is not None:
                process.send_signal(send)
            out, err = process.communicate(timeout=240)
        finally:
            process.kill()
        assert process.returncode == status, f"{process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    return run


@pytest.fixture(scope="module")
def uninterrupted(main, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted") / "run"
    main(workdir, f"--config.steps={STEPS}", keep=True)
    return workdir


def state_of(workdir, step=None, folder="checkpoints"):
    """Every leaf of a checkpoint by name, as bytes, and its progress."""
    with Checkpointer(workdir / folder) as checkpointer:
        found, state, progress, warnings = checkpointer.restore(step=step)
    assert not warnings
    leaves = {}

    def visit(name, node):
        if isinstance(node, dict):
            for key, value in node.items():
                visit(f"{name}/{key}", value)
        elif name == "/key":
            import jax

            leaves[name] = np.asarray(jax.random.key_data(node)).tobytes()
        else:
            leaves[name] = (np.asarray(node).dtype.name, np.asarray(node).tobytes())

    visit("", state)
    return found, leaves, progress


def metrics_of(workdir):
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("time/")} for line in lines]


def samples_of(workdir):
    return {path.name: path.read_bytes() for path in sorted((workdir / "samples").iterdir())}


def assert_same_run(one, other):
    (step, leaves, progress), (other_step, other_leaves, other_progress) = map(
        state_of, (one, other)
    )
    assert step == other_step == STEPS
    assert leaves == other_leaves
    assert {name.split("/")[1] for name in leaves} == {
        *("params", "ema", "opt_state", "step", "key", "variables"),
    }
    assert progress == other_progress
    assert metrics_of(one) == metrics_of(other)
    lines = metrics_of(one)
    assert [n["step"] for n in lines if "epoch" in n] == list(range(4, STEPS + 1, 4))
    assert [n["step"] for n in lines if "score/fid_toy" in n] == [8, 16, 24]
    best = state_of(one, folder="checkpoint_best")
    assert best == state_of(other, folder="checkpoint_best")
    assert best[0] == progress["scores"]["best_step"]
    assert samples_of(one) == samples_of(other)
    assert list(samples_of(one)) == [f"step_{n:08d}.png" for n in range(0, STEPS + 1, 8)]


def test_the_comparison_distinguishes_runs(uninterrupted):
    grids = list(samples_of(uninterrupted).values())
    assert len(set(grids)) == len(grids)
    _, early, _ = state_of(uninterrupted, 8)
    _, late, _ = state_of(uninterrupted, STEPS)
    changed = {name for name in late if early[name] != late[name]}
    assert {name.split("/")[1] for name in changed} == {
        "params",
        "ema",
        "opt_state",
        "step",
        "variables",
    }


def test_kill_at_a_random_step_and_at_the_grid_and_in_a_checkpoint(main, uninterrupted, tmp_path):
    workdir = tmp_path / "run"
    step = random.randrange(8, STEPS, 2)
    print(f"killed in the call that begins at step {step}")
    whole = f"--config.steps={STEPS}"
    # Killed after the metrics were written and before the checkpoint was.
    main(workdir, whole, halt="sample:8", send=signal.SIGKILL, status=-signal.SIGKILL)
    assert [line["step"] for line in metrics_of(workdir)] == [4, 8]
    assert not (workdir / "checkpoints").exists()
    # Killed while a checkpoint has all its files but not yet its name.
    main(workdir, whole, halt="checkpoint:16", send=signal.SIGKILL, status=-signal.SIGKILL)
    there = {entry.name for entry in (workdir / "checkpoints").iterdir()}
    assert "8" in there
    assert "16" not in there
    assert any(name.startswith("16.") for name in there)
    main(workdir, whole, halt=f"step:{step}", send=signal.SIGKILL, status=-signal.SIGKILL)
    outcome = main(workdir, whole)
    assert "going on at step" in outcome.stdout
    assert_same_run(workdir, uninterrupted)
    assert not [e.name for e in (workdir / "checkpoints").iterdir() if not e.name.isdecimal()]


def test_signals_save_and_leave_with_one_line(main, uninterrupted, tmp_path):
    workdir = tmp_path / "run"
    whole = f"--config.steps={STEPS}"
    for number, start in ((signal.SIGTERM, 6), (signal.SIGINT, 14)):
        outcome = main(workdir, whole, halt=f"step:{start}", send=number, status=128 + int(number))
        # The call that was under way is finished first.
        stopped = f"stopped after step {start + 2}; the same command goes on from there"
        assert outcome.stdout.splitlines()[-1] == stopped
        assert "error" not in outcome.stderr
        step, _, progress = state_of(workdir)
        assert step == start + 2
        # A log line was not due: what it will need is in the checkpoint.
        assert bool(progress["window"]) == (step % 4 != 0)
    # To the end in calls of another length, begun in the middle of one of them.
    main(workdir, whole, "--config.steps_per_call=4")
    for extra in (8, 16):
        assert (workdir / "checkpoints" / str(extra)).is_dir()
    assert_same_run(workdir, uninterrupted)


def test_a_longer_run_and_a_damaged_checkpoint(main, uninterrupted, tmp_path):
    workdir = tmp_path / "run"
    main(workdir, "--config.steps=16")
    newest = workdir / "checkpoints" / "16"
    largest = max(newest.rglob("d/*"), key=lambda path: path.stat().st_size)
    damaged = bytearray(largest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    largest.write_bytes(damaged)
    outcome = main(workdir, f"--config.steps={STEPS}")
    assert "warning: checkpoint 16 in" in outcome.stdout
    assert "going on at step 8 of 24" in outcome.stdout
    assert_same_run(workdir, uninterrupted)
    # Neither in the way nor lost.
    assert (workdir / "checkpoints" / "damaged-16").is_dir()
    assert (workdir / "checkpoints" / "16").is_dir()
    # A run that is done does nothing when it is asked again.
    before = {p: p.read_bytes() for p in workdir.rglob("*") if p.suffix in (".jsonl", ".png")}
    outcome = main(workdir, f"--config.steps={STEPS}")
    assert "all 24 steps are done; raise config.steps to train on" in outcome.stdout
    assert all(p.read_bytes() == data for p, data in before.items())
