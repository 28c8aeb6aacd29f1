"""Plots that are drawn while a run goes on: one at a time, of what is known, and never its end."""

import threading

import pytest

from gan_jax.telemetry import Plotter, plot_groups, plots


def line(step):
    return {"step": step, "loss/a": step / 3, "time/steps_per_second": 1.0, "score_protocol": "x"}


def test_the_last_plots_are_those_of_the_whole_log(tmp_path):
    plotter = Plotter(tmp_path / "of the run")
    plotter.add([line(1), line(2)])
    plotter.plot_in_background()
    plotter.add([line(3)])
    plotter.plot()
    (of_log,) = plot_groups([line(1), line(2), line(3)], tmp_path / "of the log")
    (of_run,) = (tmp_path / "of the run").iterdir()
    assert of_run.name == of_log.name == "loss.png"
    assert of_run.read_bytes() == of_log.read_bytes()


@pytest.fixture
def drawn(monkeypatch):
    """The steps that were plotted; drawing waits for `go`."""
    found, go = [], threading.Event()

    def draw(curves, folder):
        assert go.wait(60)
        found.append(list(curves["loss/a"][0]))

    monkeypatch.setattr(plots, "plot_curves", draw)
    yield found, go
    go.set()


def test_one_is_drawn_at_a_time_of_what_was_known(tmp_path, drawn):
    found, go = drawn
    plotter = Plotter(tmp_path)
    plotter.add([line(1)])
    assert plotter.plot_in_background()
    plotter.add([line(2)])
    assert not plotter.plot_in_background()
    go.set()
    plotter.wait()
    assert plotter.plot_in_background()
    plotter.wait()
    assert found == [[1.0], [1.0, 2.0]]


@pytest.mark.parametrize("wait", [True, False])
def test_a_plot_that_fails_is_a_warning(tmp_path, capsys, wait):
    (tmp_path / "file").write_text("")
    plotter = Plotter(tmp_path / "file")
    plotter.add([line(1)])
    if wait:
        plotter.plot()
    else:
        plotter.plot_in_background()
        plotter.wait()
    (told,) = capsys.readouterr().out.splitlines()
    assert told.startswith("warning: no plots: could not write")
