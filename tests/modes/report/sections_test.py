"""Numbers of the summary."""

import pytest

from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.sections import curves, training_seconds


def make_run(path, lines):
    return Run(path, "run", {}, {}, lines, [], None, [], ())


def test_lines_without_a_rate_cost_no_time_and_take_none_away(tmp_path):
    rate = {"time/steps_per_second": 1.0}
    lines = [{"step": 100, **rate}, {"step": 200, **rate}, {"step": 300, "loss/x": 0.0, **rate}]
    assert training_seconds(make_run(tmp_path, lines)) == pytest.approx(300.0)
    lines.insert(1, {"step": 150, "score/fid": 9.0})
    assert training_seconds(make_run(tmp_path, lines)) == pytest.approx(300.0)
    assert training_seconds(make_run(tmp_path, lines[1:2])) is None


def test_the_name_of_a_protocol_is_no_curve(tmp_path):
    drawn = []

    class Page:
        def chart(self, chart):
            drawn.append(chart)

        def section(self, *_):
            pass

    # A name of digits alone would pass for a number in a log that was written by hand.
    lines = [{"step": step, "penalty/x": 1.0, "score_protocol": 7} for step in (1, 2)]
    curves(Page(), make_run(tmp_path, lines))
    assert [chart.title for chart in drawn if chart is not None] == ["penalty/x"]
