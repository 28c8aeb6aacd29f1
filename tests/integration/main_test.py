"""main.py as a process: its exit status and what it prints where.

What each mistake is told is in errors_test.py.
"""

import pathlib
import subprocess
import sys

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


def test_ctrl_c_before_the_first_step_is_one_line_too(main_module, command_line, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module, "_train", interrupted)
    outcome = command_line()
    assert (outcome.status, outcome.out, outcome.err) == (130, "", "interrupted\n")


def test_an_error_of_many_lines_is_told_in_one(main_module, capsys):
    assert main_module._fail(ValueError("\nfirst: what was wrong\nsecond: a detail")) == 2
    assert capsys.readouterr().err == "error: first: what was wrong\n"
    assert main_module._fail(ValueError()) == 2
    assert capsys.readouterr().err == "error: ValueError()\n"
