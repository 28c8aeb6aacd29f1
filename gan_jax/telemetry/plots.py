"""Plots of a run's metrics: the losses, and what the discriminator thinks."""

import io
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax import files

_SMOOTHED_SHARE = 0.03  # Of the points, under the window of the smoothed line.
_PROBABILITIES = {
    "probability/real": "D(x), real images",
    "probability/fake_before": "D(G(z)) before the generator's update",
    "probability/fake_after": "D(G(z)) after it (one step a line)",
}
_CRITICS = {
    "critic/real": "real images",
    "critic/fake_before": "generated images before the generator's update",
    "critic/fake_after": "generated images after it (one step a line)",
}


def plot_losses(metrics: Sequence[Mapping[str, Any]], path: str | os.PathLike) -> bool:
    """Plots every ``loss/<player>`` over the steps, smoothed over the raw values.

    Args:
      metrics: The lines of ``metrics.jsonl`` (``read_metrics``).
      path: The PNG file, written atomically.

    Returns:
      Whether there was anything to plot; no file is written otherwise.

    Raises:
      OSError: If the file cannot be written, in one line.
    """
    names = sorted({name for line in metrics for name in line if name.startswith("loss/")})
    labels = {name: name.removeprefix("loss/") for name in names}
    return _plot(metrics, labels, path, title="Losses", y_label="loss")


def plot_probabilities(metrics: Sequence[Mapping[str, Any]], path: str | os.PathLike) -> bool:
    """Plots D(x) and D(G(z)) over the steps, or a critic's scores where there are those.

    Reads ``probability/real``, ``probability/fake_before`` and ``probability/fake_after``; or
    the same names of ``critic/``, whose scores are no probabilities.

    Args:
      metrics: The lines of ``metrics.jsonl`` (``read_metrics``).
      path: The PNG file, written atomically.

    Returns:
      Whether there was anything to plot; no file is written otherwise.

    Raises:
      OSError: If the file cannot be written, in one line.
    """
    names = {name for line in metrics for name in line}
    if names.isdisjoint(_PROBABILITIES):
        return _plot(metrics, _CRITICS, path, title="Critic's scores", y_label="mean score")
    return _plot(
        metrics,
        _PROBABILITIES,
        path,
        title="Discriminator's probability of being real",
        y_label="mean probability",
        probability=True,
    )


def _plot(metrics, labels, path, *, title: str, y_label: str, probability: bool = False) -> bool:
    series = {
        label: points
        for name, label in labels.items()
        if (points := _points(metrics, name))[0].size
    }
    if not series:
        return False
    # The object interface only: pyplot would keep figures alive and might look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for index, (label, (steps, values)) in enumerate(series.items()):
        color = f"C{index}"
        marker = "o" if len(steps) == 1 else None
        axes.plot(steps, values, color=color, alpha=0.25, linewidth=0.8)
        axes.plot(steps, _smoothed(values), color=color, label=label, linewidth=1.6, marker=marker)
    if probability:
        axes.axhline(0.5, color="0.5", linestyle=":", linewidth=1, label="cannot tell (0.5)")
        axes.set_ylim(-0.02, 1.02)
    axes.set(title=title, xlabel="step", ylabel=y_label)
    axes.grid(alpha=0.25)
    axes.margins(x=0.01)
    # Below the axes, where it cannot hide a line.
    figure.legend(loc="outside lower center", ncols=2)
    buffer = io.BytesIO()
    # Without the version of the software the same metrics give the same bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    files.write_bytes_atomically(path, buffer.getvalue())
    return True


def _points(metrics, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns (steps [N], values [N]) of the lines that have the metric; values may be NaN."""
    pairs = [(line["step"], line[name]) for line in metrics if name in line]
    steps, values = np.array(pairs, np.float64).reshape(-1, 2).T
    return steps, np.where(np.isfinite(values), values, np.nan)


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Returns the centred moving mean, [N] -> [N], of what is finite under the window."""
    half = int(len(values) * _SMOOTHED_SHARE / 2)
    if half == 0:
        return values
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(values, half, constant_values=np.nan), 2 * half + 1
    )
    with warnings.catch_warnings():
        # A window of nothing but NaN stays NaN: a gap in the line.
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.nanmean(windows, axis=-1)
