"""The command line, called in this process: the same as a process of its own, but quicker."""

import contextlib
import dataclasses
import io
import pathlib

import pytest

from gan_jax import telemetry
from gan_jax.cli.main import main

ROOT = pathlib.Path(__file__).parents[2]
# Fully connected networks on the embedded digits compile fastest.
TINY = (
    "--config=configs/vanilla_mnist.py:smoke",
    "--config.data.name=digits",
    "--config.model.width=0.0625",
    "--config.model.latent_dim=4",
    "--config.batch_size=8",
    "--config.steps=20",
    "--config.log_every=4",
    "--config.sample_every=10",
    "--config.checkpoint_every=10",
    "--config.model.ema_decay=0.9",
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a call of the command line left behind."""

    status: int
    out: str
    err: str

    @property
    def errors(self):
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


@pytest.fixture
def command_line(monkeypatch):
    """`command_line("--flag=value", ..., plots=False) -> Outcome`.

    Plots take a good part of a tiny run's time: they are drawn only if asked for.
    """
    monkeypatch.chdir(ROOT)

    def call(*arguments, plots=False):
        out, err = io.StringIO(), io.StringIO()
        with (
            monkeypatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            if not plots:
                patch.setattr(telemetry.plots, "plot_curves", lambda curves, folder: [])
            status = main(["main.py", *arguments])
        return Outcome(status, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def tiny():
    """Arguments of a training run that takes a second once it is compiled."""
    return TINY


@pytest.fixture
def contents():
    """`contents(folder) -> {relative path: bytes}`, to see that nothing was touched."""

    def read(folder):
        folder = pathlib.Path(folder)
        return {
            str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))
        }

    return read
