"""Plots draw what they are given: checked through the lines that matplotlib was asked to draw."""

import math
import sys

import numpy as np
import PIL.Image
import pytest
from matplotlib.figure import Figure

from gan_jax.telemetry import plot_group, plot_groups


@pytest.fixture
def figures(monkeypatch) -> list[Figure]:
    """Every figure that is saved during the test."""
    saved, savefig = [], Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda self, *args, **kw: (saved.append(self), savefig(self, *args, **kw)),
    )
    return saved


def _lines(figure: Figure) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    (axes,) = figure.axes
    return {line.get_label(): line.get_data() for line in axes.get_lines()}


def test_losses(tmp_path, figures):
    metrics = [
        {"step": 10 * i, "loss/generator": float(i % 2), "loss/critic": -float(i), "other": 5.0}
        for i in range(1, 201)
    ]
    del metrics[7]["loss/critic"]
    assert plot_groups(metrics, tmp_path / "plots") == [tmp_path / "plots" / "loss.png"]
    with PIL.Image.open(tmp_path / "plots" / "loss.png") as image:
        assert min(image.size) >= 400
    (figure,) = figures
    lines = _lines(figure)
    assert {"critic", "generator"} <= set(lines)
    assert len(lines) == 4
    # The smoothed line has lost the alternation, but not the mean.
    steps, smoothed = lines["generator"]
    np.testing.assert_array_equal(steps, np.arange(10, 2010, 10))
    np.testing.assert_allclose(smoothed[5:-5], 0.5, atol=0.1)
    assert len(lines["critic"][0]) == 199
    np.testing.assert_allclose(lines["critic"][1][50], -52)
    (axes,) = figure.axes
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("Losses", "step", "loss")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["critic", "generator"]


def test_probabilities(tmp_path, figures):
    names = ("probability/real", "probability/fake_before", "probability/fake_after")
    metrics = [{"step": i} | dict.fromkeys(names, i / 9) for i in range(10)]
    assert plot_groups(metrics, tmp_path)
    (figure,) = figures
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:3] == ["fake after", "fake before", "real"]
    assert figure.axes[0].get_ylim() == (-0.02, 1.02)


def test_scores_of_a_critic(tmp_path, figures):
    names = ("critic/real", "critic/fake_before", "critic/fake_after")
    metrics = [{"step": i} | dict(zip(names, (100.0, -100.0, 0.0), strict=True)) for i in range(9)]
    assert plot_groups(metrics, tmp_path)
    (figure,) = figures
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["fake after", "fake before", "real"]
    assert figure.axes[0].get_ylim()[1] >= 100


def test_nothing_to_plot_writes_nothing(tmp_path):
    assert not plot_group([], "loss", tmp_path / "a.png")
    assert not plot_group([{"step": 1, "loss/a": "NaN"}], "loss", tmp_path / "a.png")
    assert plot_groups([], tmp_path) == []
    assert plot_groups([{"step": 1, "x": 2.0, "time/steps_per_second": 1.0}], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("values", [[1.0], [math.nan], [math.inf] * 100, [1.0, math.nan] * 50])
def test_one_point_and_not_finite_values_are_no_error(tmp_path, values):
    metrics = [{"step": i, "loss/generator": value} for i, value in enumerate(values)]
    assert plot_group(metrics, "loss", tmp_path / "a.png")


def test_same_metrics_same_bytes_and_no_global_state(tmp_path):
    def figures():
        return getattr(sys.modules.get("matplotlib.pyplot"), "get_fignums", list)()

    before = figures()
    metrics = [{"step": i, "loss/generator": i**0.5} for i in range(50)]
    plot_group(metrics, "loss", tmp_path / "a.png")
    plot_group(metrics, "loss", tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert figures() == before
