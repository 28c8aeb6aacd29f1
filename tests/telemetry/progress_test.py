"""Progress: rates of this process only, a bar on a terminal, plain lines elsewhere."""

import errno
import io
import os
import re
import sys

import pytest

from gan_jax.telemetry import ProgressBar, say


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Gone(io.StringIO):
    """A closed terminal."""

    def isatty(self) -> bool:
        return self.terminal

    def __init__(self, terminal):
        super().__init__()
        self.terminal, self.failed = terminal, 0

    def write(self, text) -> int:
        self.failed += 1
        raise OSError(errno.EIO, "Input/output error")


class _Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _run(bar: ProgressBar, clock: _Clock, updates: int, *, first: int, compile_time: float) -> None:
    """Ten steps of 64 images each second, after a compile."""
    clock.now += compile_time
    for index in range(1, updates + 1):
        clock.now += 1.0
        bar.update(first + 10 * index, 640, {"loss/generator": 0.123456})


@pytest.mark.parametrize("start", [0, 900_000])
@pytest.mark.parametrize("updates", [2, 5, 300])
def test_rates_count_neither_the_compile_nor_earlier_runs(start, updates):
    clock = _Clock()
    with ProgressBar(start + 10_000, start=start, file=io.StringIO(), clock=clock) as bar:
        assert bar.rates() == (0.0, 0.0)
        _run(bar, clock, updates, first=start, compile_time=60)
        assert bar.rates() == pytest.approx((10.0, 640.0))


def test_the_first_update_has_a_rate():
    clock = _Clock()
    bar = ProgressBar(100, file=io.StringIO(), clock=clock)
    _run(bar, clock, 1, first=0, compile_time=4)
    assert bar.rates() == pytest.approx((2.0, 128.0))


def test_time_left():
    clock = _Clock()
    bar = ProgressBar(100_020, start=0, file=io.StringIO(), clock=clock)
    _run(bar, clock, 2, first=0, compile_time=4)
    assert bar.describe() == "10 steps/s, 640 images/s, 2:46:40 left, loss/generator 0.1235"


def test_plain_lines_elsewhere():
    clock, file = _Clock(), io.StringIO()
    with ProgressBar(250, start=0, interval=10, file=file, clock=clock) as bar:
        _run(bar, clock, 25, first=0, compile_time=0)
    lines = file.getvalue().splitlines()
    # Every ten seconds, and the end.
    assert [line.partition(",")[0] for line in lines] == [
        "step 100/250",
        "step 200/250",
        "step 250/250",
    ]
    assert "\r" not in file.getvalue()
    assert "loss/generator 0.1235" in lines[1]
    assert "left" not in lines[-1]


def test_metrics_stay_until_there_are_new_ones():
    clock = _Clock()
    bar = ProgressBar(100, file=io.StringIO(), clock=clock)
    bar.update(1, 1, {"loss": 2.0})
    bar.update(2, 1)
    assert bar.describe().endswith("loss 2")


def test_bar_on_a_terminal():
    clock, file = _Clock(), _Terminal()
    with ProgressBar(1000, start=500, file=file, clock=clock) as bar:
        _run(bar, clock, 50, first=500, compile_time=0)
    shown = file.getvalue()
    assert " 50%|" in shown.split("\r")[1]
    last = shown.split("\r")[-1]
    assert re.search(r"100%\|.*1000/1000, 10 steps/s, 640 images/s, loss/generator 0.1235", last)
    bar.close()


def test_nothing_where_not_enabled():
    file = _Terminal()
    with ProgressBar(10, enabled=False, file=file) as bar:
        bar.update(10, 10, {})
    assert file.getvalue() == ""


def test_say(capsys):
    say("hello")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("hello\n", "")


METRICS = {"loss/discriminator": 1.23456, "loss/generator": 0.123456, "probability/real": 0.5}


@pytest.mark.parametrize("width", [0, 20, 40, 80, 200])
@pytest.mark.parametrize("steps", [20, 1_000_000])
def test_a_bar_is_one_line_of_the_terminal(monkeypatch, width, steps):
    monkeypatch.setattr(_Terminal, "fileno", lambda self: 99, raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((width, 24)))
    clock, file = _Clock(), _Terminal()
    with ProgressBar(steps, file=file, clock=clock) as bar:
        for step in (1, 2, 3, 20):
            clock.now += 1.0
            bar.update(step, 64, METRICS)
    lines = re.split(r"[\r\n]", file.getvalue())
    assert max(map(len, lines)) <= (width or 80) - 1
    if width in (0, 80):
        assert "steps/s" in lines[-2]
        assert ("loss/discriminator 1.235" in lines[-2]) == (steps == 20)
    if width == 200:
        assert all(part in lines[-2] for part in ("images/s", "probability/real 0.5"))


def test_what_is_least_needed_is_left_out():
    clock = _Clock()
    bar = ProgressBar(10_000, file=io.StringIO(), clock=clock)
    _run(bar, clock, 3, first=0, compile_time=0)
    assert bar.describe(58) == "10 steps/s, 16:37 left, loss/generator 0.1235"
    assert bar.describe(30) == "10 steps/s, 16:37 left"
    assert bar.describe(1) == "10 steps/s"


def test_plain_lines_on_a_dumb_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    clock, file = _Clock(), _Terminal()
    with ProgressBar(20, file=file, clock=clock) as bar:
        _run(bar, clock, 2, first=0, compile_time=0)
    assert file.getvalue() == "step 20/20, 10 steps/s, 640 images/s, loss/generator 0.1235\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_output_that_is_refused_is_dropped(terminal):
    clock, file = _Clock(), _Gone(terminal)
    with ProgressBar(20, file=file, clock=clock) as bar:
        _run(bar, clock, 2, first=0, compile_time=0)
    say("hello", file=file)
    assert file.failed


def test_no_stdout_and_no_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    clock = _Clock()
    with ProgressBar(20, clock=clock) as bar:
        _run(bar, clock, 2, first=0, compile_time=0)
    say("hello")
