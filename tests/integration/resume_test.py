"""A run that is killed, stopped or cut short goes on and ends with the bits of one that was not.

`tests/toys/program.py` runs each command line in a process of its own, which a signal reaches at a
chosen point and not somewhere near.
"""

import random

import pytest

from tests.toys import program

STEPS = 24
WHOLE = f"--config.steps={STEPS}"
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


@pytest.fixture(scope="module")
def run_program(tmp_path_factory):
    """`run_program(workdir, *arguments, kill=, terminate=, interrupt=)`; see `program.Program`."""
    started = program.Program(tmp_path_factory.mktemp("program"))
    yield lambda workdir, *arguments, **signal: started(
        (*ARGUMENTS, f"--workdir={workdir}", *arguments), **signal
    )
    started.close()


@pytest.fixture(scope="module")
def uninterrupted(run_program, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("uninterrupted") / "run"
    run_program(workdir, WHOLE)
    return workdir


def assert_same_run(one, other):
    step, leaves, progress = program.assert_same_run(one, other)
    assert step == STEPS
    assert parts_of(leaves) == {"params", "ema", "opt_state", "step", "key", "variables"}
    lines = program.metrics(one)
    assert [n["step"] for n in lines if "epoch" in n] == list(range(4, STEPS + 1, 4))
    assert [n["step"] for n in lines if "score/fid_toy" in n] == [8, 16, 24]
    best, _, _ = program.assert_same_run(one, other, folder="checkpoint_best")
    assert best == progress["scores"]["best_step"]
    assert list(program.grids(one)) == [f"step_{n:08d}.png" for n in range(0, STEPS + 1, 8)]


def parts_of(leaves):
    """The parts of a state to which leaves belong."""
    return {name.split("'")[1] for name in leaves}


def test_the_comparison_distinguishes_runs(uninterrupted):
    grids = list(program.grids(uninterrupted).values())
    assert len(set(grids)) == len(grids)
    _, early, _ = program.checkpoint(uninterrupted, 8)
    _, late, _ = program.checkpoint(uninterrupted)
    changed = {name for name in late if early[name].tobytes() != late[name].tobytes()}
    assert parts_of(changed) == {"params", "ema", "opt_state", "step", "variables"}


def test_kill_at_a_random_step_and_at_the_grid_and_in_a_checkpoint(
    run_program, uninterrupted, tmp_path
):
    workdir = tmp_path / "run"
    step = random.randrange(8, STEPS, 2)
    print(f"killed in the call that begins at step {step}")
    # Killed after the metrics were written and before the checkpoint was.
    run_program(workdir, WHOLE, kill="sample:8")
    assert [line["step"] for line in program.metrics(workdir)] == [4, 8]
    assert not (workdir / "checkpoints").exists()
    # Killed while a checkpoint has all its files but not yet its name.
    run_program(workdir, WHOLE, kill="seal:16")
    there = {entry.name for entry in (workdir / "checkpoints").iterdir()}
    assert "8" in there
    assert "16" not in there
    assert any(name.startswith("16.") for name in there)
    run_program(workdir, WHOLE, kill=f"step:{step}")
    outcome = run_program(workdir, WHOLE)
    assert "going on at step" in outcome.out
    assert_same_run(workdir, uninterrupted)
    assert not [e.name for e in (workdir / "checkpoints").iterdir() if not e.name.isdecimal()]


def test_signals_save_and_leave_with_one_line(run_program, uninterrupted, tmp_path):
    workdir = tmp_path / "run"
    for signum, start in (("terminate", 6), ("interrupt", 14)):
        outcome = run_program(workdir, WHOLE, **{signum: f"step:{start}"})
        # The call that was under way is finished first.
        stopped = f"stopped after step {start + 2}; the same command goes on from there"
        assert outcome.out.splitlines()[-1] == stopped
        assert "error" not in outcome.err
        step, _, progress = program.checkpoint(workdir)
        assert step == start + 2
        # A log line was not due: what it will need is in the checkpoint.
        assert bool(progress["window"]) == (step % 4 != 0)
    # To the end in calls of another length, begun in the middle of one of them.
    run_program(workdir, WHOLE, "--config.steps_per_call=4")
    for extra in (8, 16):
        assert (workdir / "checkpoints" / str(extra)).is_dir()
    assert_same_run(workdir, uninterrupted)


def test_a_longer_run_and_a_damaged_checkpoint(run_program, uninterrupted, tmp_path):
    workdir = tmp_path / "run"
    run_program(workdir, "--config.steps=16")
    newest = workdir / "checkpoints" / "16"
    largest = max(newest.rglob("d/*"), key=lambda path: path.stat().st_size)
    damaged = bytearray(largest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    largest.write_bytes(damaged)
    outcome = run_program(workdir, WHOLE)
    assert "warning: checkpoint 16 in" in outcome.out
    assert "going on at step 8 of 24" in outcome.out
    assert_same_run(workdir, uninterrupted)
    # Neither in the way nor lost.
    assert (workdir / "checkpoints" / "damaged-16").is_dir()
    assert (workdir / "checkpoints" / "16").is_dir()
    # A run that is done does nothing when it is asked again.
    before = {p: p.read_bytes() for p in workdir.rglob("*") if p.suffix in (".jsonl", ".png")}
    outcome = run_program(workdir, WHOLE)
    assert "all 24 steps are done; raise config.steps to train on" in outcome.out
    assert all(p.read_bytes() == data for p, data in before.items())
