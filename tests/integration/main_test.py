"""main.py as a process: its exit status and what it prints where.

The message of each mistake is tested in errors_test.py.
"""

import pathlib
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from gan_jax import networks
from gan_jax.cli.main import main

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


def failing(statement, filename=__file__):
    """A mode's `main` whose only line is `statement`, as if it stood in `filename`."""
    namespace = {"__name__": "a.module", "jax": jax, "np": np}
    code = f"def main(flags):\n    {statement}\n"
    exec(compile(code, filename, "exec"), namespace)
    return namespace["main"]


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("raise ValueError('\\nfirst: what was wrong\\nsecond')", "first: what was wrong"),
        ("raise ValueError", "ValueError()"),
        ("raise OSError('the disk is full')", "the disk is full"),
        ("open('/nowhere/at/all')", "/nowhere/at/all: no such file or directory"),
        ("np.load('/nowhere/at/all')", "/nowhere/at/all: no such file or directory"),
        ("raise RuntimeError('RESOURCE_EXHAUSTED: 9 GiB')", "the device has too little memory: "),
        ("np.empty(2**58)", "there is too little memory: Unable to allocate"),
        (
            "import sklearn.nowhere",
            "No module named 'sklearn.nowhere': pip install 'gan_jax[train]'",
        ),
        ("import nowhere", "No module named 'nowhere': pip install 'nowhere'"),
    ],
)
def test_a_mistake_is_reported_in_one_line(command_line, monkeypatch, statement, line):
    monkeypatch.setattr("gan_jax.cli.listing.main", failing(statement))
    outcome = command_line("--mode=list")
    assert outcome.status == 2
    assert outcome.err.startswith(f"error: {line}")
    assert outcome.err.count("\n") == 1
    outcome = command_line("--mode=list", "--traceback")
    assert outcome.status == 2
    assert outcome.err.startswith("Traceback")
    assert outcome.errors[0].startswith(f"error: {line}")


@pytest.mark.parametrize(
    ("statement", "filename", "error"),
    [
        ("raise RuntimeError('a bug')", __file__, RuntimeError),
        ("import gan_jax.nets", __file__, ModuleNotFoundError),
        # The classes of a user's mistakes, but nobody wrote a message for him.
        ("int('x')", __file__, ValueError),
        ("a, b = (1,)", __file__, ValueError),
        ("np.zeros(3).reshape(2, 2)", __file__, ValueError),
        ("jax.numpy.zeros(3) + jax.numpy.zeros(2)", __file__, (ValueError, TypeError)),
        ("jax.jit(lambda x: x.reshape(2, 2))(np.zeros(3))", __file__, (ValueError, TypeError)),
        ("raise ValueError('of a package')", "/x/site-packages/some/module.py", ValueError),
    ],
)
def test_a_programming_error_keeps_its_traceback(
    command_line, monkeypatch, statement, filename, error
):
    monkeypatch.setattr("gan_jax.cli.listing.main", failing(statement, filename))
    with pytest.raises(error):
        command_line("--mode=list")


def test_a_message_of_ours_is_one_wherever_jax_calls_it(command_line, monkeypatch):
    """Tracing goes through JAX and Flax, and JAX rewrites tracebacks."""
    network = networks.make_generator("mlp", image_size=8)

    def traced(flags):
        jax.eval_shape(network.init, jax.random.key(0), np.zeros((2, 3), np.int32), train=False)

    monkeypatch.setattr("gan_jax.cli.listing.main", lambda flags: jax.jit(traced)(1))
    outcome = command_line("--mode=list")
    assert outcome.status == 2
    assert "MLPGenerator: latents must be a floating array" in outcome.errors[0]


@pytest.mark.parametrize("reason", ["Unable to initialize backend 'tpu'", ""])
def test_a_device_that_is_not_there_is_one_line(command_line, monkeypatch, reason):
    """Of a GPU whose plug-in is missing JAX raises an AssertionError that says nothing."""

    def no_device():
        raise AssertionError(reason)

    monkeypatch.setattr(jax, "local_devices", no_device)
    monkeypatch.setenv("JAX_PLATFORMS", "tpu")
    monkeypatch.setattr("gan_jax.cli.listing.main", lambda flags: jax.local_devices())
    outcome = command_line("--mode=list")
    assert outcome.status == 2
    assert outcome.err.startswith("error: JAX_PLATFORMS=tpu: JAX finds no such device here")
    assert (reason or "its package is not installed") in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_reader_that_has_enough_is_no_error(monkeypatch, tmp_path):
    monkeypatch.setattr("gan_jax.cli.listing.main", failing("raise BrokenPipeError"))
    with open(tmp_path / "out", "w") as out, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        assert main(["main.py", "--mode=list"]) == 128 + signal.SIGPIPE
        print("what was left in the buffer")
    assert (tmp_path / "out").read_text() == ""
