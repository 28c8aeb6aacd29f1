"""main.py as a process: its exit status and what it prints where.

The message of each mistake is tested in errors_test.py.
"""

import pathlib
import subprocess
import sys
import unittest.mock

import pytest

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--config=configs/dcgan_cifar10.py", "--workdir=never", "--config.stesp=3"],
            "error: unknown config key 'stesp': did you mean steps?",
        ),
        (
            ["--mode=sample", "--workdir=never"],
            "error: workdir never holds no run (no config.json): train one there first",
        ),
    ],
    ids=["key", "sample"],
)
def test_a_mistake_is_one_line_on_stderr_and_status_2(arguments, message):
    done = subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"{message}\n"
    assert not (ROOT / "never").exists()


def test_ctrl_c_before_the_first_step_is_one_line_too(command_line, monkeypatch):
    def interrupted(flags):
        raise KeyboardInterrupt

    monkeypatch.setattr("gan_jax.cli.listing.main", interrupted)
    outcome = command_line("--mode=list")
    assert (outcome.status, outcome.out, outcome.err) == (130, "", "interrupted\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("\nfirst: what was wrong\nsecond: a detail"), "first: what was wrong"),
        (ValueError(), "ValueError()"),
        (RuntimeError("RESOURCE_EXHAUSTED: 9 GiB"), "the device has too little memory: lower"),
        (
            ModuleNotFoundError("No module named 'clu'", name="clu"),
            "No module named 'clu': inst",
        ),
    ],
    ids=["many lines", "no line", "memory", "package"],
)
def test_an_error_is_reported_in_one_line(command_line, monkeypatch, error, line):
    monkeypatch.setattr("gan_jax.cli.listing.main", unittest.mock.Mock(side_effect=error))
    outcome = command_line("--mode=list")
    assert outcome.status == 2
    assert outcome.err.startswith(f"error: {line}")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        ModuleNotFoundError("No module named 'gan_jax.nets'", name="gan_jax.nets"),
    ],
    ids=["bug", "module"],
)
def test_a_programming_error_keeps_its_traceback(command_line, monkeypatch, error):
    monkeypatch.setattr("gan_jax.cli.listing.main", unittest.mock.Mock(side_effect=error))
    with pytest.raises(type(error), match=str(error)):
        command_line("--mode=list")
