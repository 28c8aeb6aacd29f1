"""Numbers of the summary."""

import math

import pytest

from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.sections import duration, training_seconds
from gan_jax.runs.workdir import DataInfo


def make_run(path, lines):
    return Run(path, "run", {}, DataInfo({}), lines, [], None, {}, ())


def test_lines_without_a_rate_cost_no_time_and_take_none_away(tmp_path):
    rate = {"time/steps_per_second": 1.0}
    lines = [{"step": 100, **rate}, {"step": 200, **rate}, {"step": 300, "loss/x": 0.0, **rate}]
    assert training_seconds(make_run(tmp_path, lines)) == pytest.approx(300.0)
    lines.insert(1, {"step": 150, "score/fid": 9.0})
    assert training_seconds(make_run(tmp_path, lines)) == pytest.approx(300.0)
    assert training_seconds(make_run(tmp_path, lines[1:2])) is None


@pytest.mark.parametrize("seconds", [1e308, math.inf, math.nan, -1.0, 5e-324, 0])
def test_a_duration_that_is_none_is_written_all_the_same(seconds):
    assert duration(seconds).endswith(" s")
