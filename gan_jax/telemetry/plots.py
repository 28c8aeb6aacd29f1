"""Plots of a run's metrics: one per group, `loss/...`, `probability/...`, whatever it logs."""

import io
import os
import pathlib
import warnings
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gan_jax import files

_SMOOTHED_SHARE = 0.03  # Of the points, under the window of the smoothed line.
# Rates and scores have places of their own.
_LEFT_OUT = ("time", "score")
Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]
_TITLES = {
    "loss": ("Losses", "loss"),
    "probability": ("Probability of being real", "mean probability"),
    "critic": ("Critic's scores", "mean score"),
}


def plot_groups(
    metrics: Sequence[Mapping[str, Any]], folder: str | os.PathLike
) -> list[pathlib.Path]:
    """Plots every group of metrics over the steps, smoothed over the raw values.

    A group is what has the same word before the first slash of its name: `loss/a`, `loss/b`.

    Args:
      metrics: The lines of ``metrics.jsonl`` (``read_metrics``).
      folder: Where to write `<group>.png`, each atomically.

    Returns:
      The files, in the order of their names.

    Raises:
      OSError: If a file cannot be written, in one line.
    """
    return plot_curves(curves_of(metrics), folder)


def plot_curves(curves: Curves, folder: str | os.PathLike) -> list[pathlib.Path]:
    """`plot_groups` of metrics by name, as `curves_of` returns them.

    Args:
      curves: `{name: (steps [N], values [N])}`.
      folder: Where to write `<group>.png`.

    Raises:
      OSError: If a file cannot be written, in one line.
    """
    groups = sorted({name.partition("/")[0] for name in curves} - set(_LEFT_OUT))
    folder = pathlib.Path(folder)
    return [
        folder / f"{group}.png"
        for group in groups
        if _plot_group(curves, group, folder / f"{group}.png")
    ]


def curves_of(metrics: Iterable[Mapping[str, Any]]) -> dict[str, tuple[array, array]]:
    """The numbers of a log by the metric's name.

    Args:
      metrics: The lines of ``metrics.jsonl`` (``read_metrics``).

    Returns:
      `{name: (steps [N], values [N])}`, of the metrics with a slash in their name; values are
      finite or not.
    """
    curves: dict[str, tuple[array, array]] = {}
    for line in metrics:
        add_line(curves, line)
    return curves


def add_line(curves: dict[str, tuple[array, array]], line: Mapping[str, Any]) -> None:
    """Adds a line of the log to what `curves_of` returned."""
    for name, value in line.items():
        if "/" in name and isinstance(value, int | float):
            steps, values = curves.setdefault(name, (array("d"), array("d")))
            steps.append(line["step"])
            values.append(value)


def plot_group(metrics: Sequence[Mapping[str, Any]], group: str, path: str | os.PathLike) -> bool:
    """Plots one group of metrics; see `plot_groups`.

    Args:
      metrics: The lines of ``metrics.jsonl`` (``read_metrics``).
      group: The word before the slash.
      path: The PNG file, written atomically.

    Returns:
      Whether there was anything to plot; no file is written otherwise.

    Raises:
      OSError: If the file cannot be written, in one line.
    """
    return _plot_group(curves_of(metrics), group, path)


def _plot_group(curves: Curves, group: str, path: str | os.PathLike) -> bool:
    names = sorted(name for name in curves if name.startswith(f"{group}/"))
    series = {name.partition("/")[2].replace("_", " "): _points(*curves[name]) for name in names}
    if not series:
        return False
    title, y_label = _TITLES.get(group, (group.capitalize(), group))
    _plot(series, path, title=title, y_label=y_label, probability=group == "probability")
    return True


def _plot(series, path, *, title: str, y_label: str, probability: bool) -> None:
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
        axes.axhline(0.5, color="0.5", linestyle=":", linewidth=1, label="chance (0.5)")
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


def _points(steps: Sequence[float], values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Returns (steps [N], values [N]) as arrays; what is not finite is NaN."""
    found = np.array(values, np.float64)
    return np.array(steps, np.float64), np.where(np.isfinite(found), found, np.nan)


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Returns the centered moving mean, [N] -> [N], of what is finite under the window."""
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
