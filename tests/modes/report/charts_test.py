"""Charts: nothing is hidden, nothing is invented."""

import json
import math

import numpy as np
import pytest

from gan_jax.modes.report.charts import DARK_TWINS, MAX_POINTS, Line, histogram_chart, line_chart
from gan_jax.modes.report.curve_points import moving_mean, thin


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_lines_can_be_seen_on_their_panels():
    for light, dark in DARK_TWINS.items():
        assert contrast(light, "#f6f7f9") >= 3.0
        assert contrast(dark, "#1d2126") >= 3.0


def test_a_short_line_is_drawn_as_it_is():
    chart = line_chart("T", [Line("a", [1, 2, 3], [1.0, math.nan, 3.0])], y_title="loss")
    (trace,) = chart.figure["data"]
    assert trace["x"] == [1.0, 2.0, 3.0]
    assert trace["y"] == [1.0, None, 3.0]
    assert chart.figure["layout"]["xaxis"]["title"]["text"] == "step"
    assert chart.figure["layout"]["yaxis"]["title"]["text"] == "loss"
    assert "template" not in chart.figure["layout"]
    assert chart.notes == ("1 value is not finite and not drawn.",)
    assert chart.description == "T: a from 1 at 1 to 3 at 3."
    json.dumps(chart.figure, allow_nan=False)


def test_without_a_finite_value_there_is_no_chart():
    assert line_chart("T", [], y_title="") is None
    assert line_chart("T", [Line("a", [1], [math.nan])], y_title="") is None


def test_a_long_line_keeps_its_peaks():
    y = np.sin(np.arange(10_000.0))
    y[[4_321, 7_654]] = 50.0, -60.0
    chart = line_chart("T", [Line("a", np.arange(10_000), y)], y_title="")
    raw, smooth = chart.figure["data"]
    assert len(raw["y"]) <= MAX_POINTS
    assert len(smooth["y"]) <= MAX_POINTS
    assert max(raw["y"]) == 50.0
    assert min(raw["y"]) == -60.0
    assert raw["x"][raw["y"].index(50.0)] == 4_321
    assert raw["x"] == sorted(raw["x"])
    assert "the smallest and the largest are drawn" in " ".join(chart.notes)


def test_a_thinned_line_is_a_part_of_the_line():
    x, y, size = thin(np.arange(101.0), np.r_[np.full(50, np.nan), np.arange(51.0)], 20)
    assert size == 11
    assert len(x) <= 20
    assert all(math.isnan(b) if a < 50 else b == a - 50 for a, b in zip(x, y, strict=True))


def test_the_moving_mean_is_that_of_what_is_there():
    values = np.array([1.0, 2.0, 3.0, np.nan, 5.0])
    np.testing.assert_allclose(moving_mean(values, 1), [1.5, 2.0, 2.5, 4.0, 5.0])


def test_the_best_point_is_marked_and_spreads_are_bars():
    line = Line("a", [1, 2], [3.0, 2.0], [0.0, 0.5], best=1)
    chart = line_chart("T", [line], y_title="", markers=True, smooth=False)
    (trace,) = chart.figure["data"]
    assert trace["marker"]["symbol"] == ["circle", "star"]
    assert list(trace["error_y"]["array"]) == [0.0, 0.5]


def test_many_lines_differ_in_color_or_dash():
    lines = [Line(str(i), [1, 2], [0.0, i]) for i in range(12)]
    traces = line_chart("T", lines, y_title="").figure["data"]
    styles = {(trace["line"]["color"], trace["line"]["dash"]) for trace in traces}
    assert len(styles) == 12


def test_a_histogram_counts_shares_over_common_bins():
    chart = histogram_chart(
        "T", [("a", np.array([0.0, 0.0, 0.0, 1.0])), ("b", np.array([1.0]))], x_title="d", bins=2
    )
    first, second = chart.figure["data"]
    assert first["x"] == second["x"] == [0.0, 0.5, 1.0]
    assert first["y"] == [75.0, 25.0, 25.0]
    assert second["y"] == [0.0, 100.0, 100.0]


@pytest.mark.parametrize("count", [1, 5])
def test_a_constant_line_has_a_chart(count):
    chart = line_chart("T", [Line("a", range(count), [2.0] * count)], y_title="")
    assert chart.figure["data"][0]["y"] == [2.0] * count
