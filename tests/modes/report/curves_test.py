"""Charts of the log: one per group of metrics, whatever a family calls them."""

import pytest

from gan_jax.modes.report.curves import curves, groups_of, metric_name, overlay
from gan_jax.modes.report.gathering import Run
from gan_jax.runs.workdir import DataInfo


@pytest.fixture
def charts_of(tmp_path):
    """`charts_of(lines) -> {title: Chart}` of a run with this log."""

    def make(lines):
        drawn = []

        class Page:
            def chart(self, chart):
                drawn.append(chart)

            def section(self, *_):
                pass

        curves(Page(), make_run(tmp_path, lines))
        return {chart.title: chart for chart in drawn if chart is not None}

    return make


def make_run(path, lines, name="run"):
    info = DataInfo({"b": {"name": "x", "size": 9, "arrays": {}}, "a": {"name": "y", "size": 5}})
    return Run(path, name, {}, info, lines, [], None, {}, ())


def names(chart):
    return [trace["name"] for trace in chart.figure["data"]]


def test_every_group_is_a_chart(charts_of):
    line = {
        "loss/b": 1.0,
        "loss/a": 2.0,
        "penalty/r1": 3.0,
        "penalty/r2": 3.0,
        "path_length": 4.0,
        "cycle/a_to_b": 5.0,
    }
    charts = charts_of([{"step": step, **line} for step in (1, 2)])
    assert list(charts) == ["Losses", "Cycle", "Path length", "Penalty"]
    assert names(charts["Losses"]) == ["a", "b"]
    assert names(charts["Penalty"]) == ["r1", "r2"]
    assert "mean since the log line before it" in charts["Losses"].notes[0]


@pytest.mark.parametrize("key", ["score_protocol", "phase", "epoch", "score/fid", "time/other"])
def test_what_is_no_metric_of_the_game_is_no_curve(charts_of, key):
    # The name of a protocol is a string, but for one of digits alone in a log written by hand.
    assert list(charts_of([{"step": 1, "penalty/x": 1.0, key: 7}])) == ["Penalty"]


@pytest.mark.parametrize(
    ("group", "title"), [("probability", "D(x) and D(G(z))"), ("critic", "Critic's scores")]
)
def test_before_and_after_an_update_are_said_to_be_of_one_step(charts_of, group, title):
    metrics = ("fake_after", "fake_before", "own", "real", "real/second")
    line = {f"{group}/{name}": 0.5 for name in metrics}
    chart = charts_of([{"step": 1, **line}])[title]
    shown = names(chart)
    assert len(shown) == len(metrics)
    assert [text for text in shown if "before the update" in text] == shown[2:3]
    assert [text for text in shown if "after the update" in text] == shown[3:4]
    assert shown[1] == f"{shown[0]}, second"
    assert shown[4] == "own"
    assert "of one and the same step, the last before each log line" in " ".join(chart.notes)
    alone = charts_of([{"step": 1, f"{group}/real": 0.5}])[title]
    assert "same step" not in " ".join(alone.notes)


def test_an_epoch_is_as_long_as_the_first_stream(charts_of):
    chart = charts_of([{"step": 1, "time/epoch_seconds": 3.0}])["Time per epoch"]
    assert chart.notes == ("An epoch is 9 examples.",)


def test_runs_are_overlaid_metric_by_metric(tmp_path):
    runs = [
        make_run(tmp_path, [{"step": 1, "loss/a": 1.0, "probability/real": 0.5}], "one"),
        make_run(tmp_path, [{"step": 1, "loss/b": 1.0, "extra": 2.0}], "two"),
    ]
    found = groups_of(runs)
    assert found == {
        "loss": ["loss/a", "loss/b"],
        "probability": ["probability/real"],
        "extra": ["extra"],
    }
    titles = [overlay(runs, name).title for group in found.values() for name in group]
    assert titles == ["Losses: a", "Losses: b", "D(x), real images", "extra"]
    assert names(overlay(runs, "loss/b")) == ["two"]
    assert metric_name("logit/real/a_side") == "real, a_side"
