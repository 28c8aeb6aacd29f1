"""Charts as plotly figures, in the shape that its JavaScript takes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax.modes.report.curve_points import drawable, half_window, moving_mean, plain, thin

# After Okabe and Ito's palette for color-blind readers, each with a lighter twin for a dark page:
# 3 to 1 or more in contrast. Dashes and markers tell lines apart where colors do not.
DARK_TWINS = {
    "#0072B2": "#56B4E9",
    "#D55E00": "#F2894E",
    "#009E73": "#2DC99B",
    "#AA4499": "#E08BD0",
    "#6E6E6E": "#B4B4B4",
}
_COLORS = tuple(DARK_TWINS)
_DASHES = ("solid", "dash", "dot", "dashdot")
_MARKERS = ("circle", "square", "diamond", "triangle-up")
MAX_POINTS = 1500  # Of all lines of a chart; more are no longer told apart.


class ReportError(ValueError):
    """A report that cannot be made, in one line."""


class Line(NamedTuple):
    """A line of a chart.

    Attributes:
      name: In the legend.
      x: float [N].
      y: float [N]; what is not finite is a gap.
      spread: float [N], drawn as error bars; empty for none.
      best: Index of the point to mark, or None.
      color: Number of its color; None for its place among the lines.
      dash: Number of its dash and marker; None likewise.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    spread: Sequence[float] = ()
    best: int | None = None
    color: int | None = None
    dash: int | None = None


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart of the page.

    Attributes:
      title: Its heading.
      figure: `{"data": [...], "layout": {...}}` for plotly's JavaScript.
      notes: Sentences under it.
      description: What a reader who cannot see it is told.
    """

    title: str
    figure: dict[str, Any]
    notes: tuple[str, ...]
    description: str


def plotly_javascript() -> str:
    """The whole of plotly's JavaScript, as its Python package carries it.

    Raises:
      ReportError: If plotly is not installed.
    """
    _graph_objects()
    import plotly

    path = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ReportError(f"plotly is not whole ({error}): pip install --force plotly") from None


def _graph_objects():
    try:
        import plotly.graph_objects
    except ImportError:
        raise ReportError("a report needs plotly: pip install plotly") from None
    return plotly.graph_objects


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    y_title: str,
    x_title: str = "step",
    smooth: bool = True,
    markers: bool = False,
    y_range: tuple[float, float] | None = None,
    from_zero: bool = False,
    legend: bool | None = None,
    notes: Sequence[str] = (),
) -> Chart | None:
    """Lines over steps.

    Args:
      title: Heading.
      lines: Those without a finite value are left out.
      y_title: With the unit.
      x_title: Likewise.
      smooth: Whether a moving mean is drawn over the values, which then are faint.
      markers: Whether every point is marked.
      y_range: Both ends of the axis; None for those of the values.
      from_zero: Whether the axis takes in zero.
      legend: Whether lines are named; None for where there are several.
      notes: Sentences to put under the chart.

    Returns:
      The chart, or None where there is no line.
    """
    lines = [one._replace(y=drawable(one.y), spread=drawable(one.spread)) for one in lines]
    lines = [line for line in lines if np.isfinite(line.y).any()]
    if not lines:
        return None
    go = _graph_objects()
    figure = go.Figure()
    notes = [*notes]
    window, thinned, left_out = 0, 0, 0
    for index, line in enumerate(lines):
        style = _style(index, line.color, line.dash)
        x, y = np.asarray(line.x, np.float64), np.asarray(line.y, np.float64)
        left_out += int((~np.isfinite(y)).sum())
        half = half_window(len(y)) if smooth else 0
        limit = max(100, MAX_POINTS // len(lines))
        shown_x, shown_y, size = thin(x, y, limit)
        thinned = max(thinned, size)
        mode = "lines+markers" if markers or len(y) == 1 else "lines"
        figure.add_scatter(
            x=plain(shown_x),
            y=plain(shown_y),
            name=line.name,
            mode=mode,
            line={"color": style.color, "dash": "solid" if half else style.dash, "width": 2},
            marker=_marker(style, line, len(y)),
            opacity=0.25 if half else 1.0,
            showlegend=not half,
            legendgroup=str(index),
            hovertemplate="%{y:.5g}<extra>%{fullData.name}</extra>",
            **_error_bars(line, style),
        )
        if half:
            window = max(window, 2 * half + 1)
            every = max(1, math.ceil(len(y) / limit))
            figure.add_scatter(
                x=plain(x[::every]),
                y=plain(moving_mean(y, half)[::every]),
                name=line.name,
                mode="lines",
                line={"color": style.color, "dash": style.dash, "width": 2.5},
                legendgroup=str(index),
                hoverinfo="skip",
            )
    if window:
        notes.append(f"Faint: the logged values. Strong: their moving mean over {window} of them.")
    if thinned > 1:
        notes.append(f"Of every {thinned:,} logged values, the smallest and the largest are drawn.")
    if left_out:
        notes.append(f"{_count(left_out, 'value is', 'values are')} not finite and not drawn.")
    figure.update_xaxes(title=x_title, unifiedhovertitle={"text": f"{x_title} %{{x:,}}"})
    figure.update_yaxes(title=y_title)
    if y_range is not None:
        figure.update_yaxes(range=list(y_range))
    elif from_zero:
        figure.update_yaxes(rangemode="tozero")
    legend = len(lines) > 1 if legend is None else legend
    return Chart(title, _figure(figure, legend), tuple(notes), _describe(title, lines))


def histogram_chart(
    title: str,
    samples: Sequence[tuple[str, np.ndarray]],
    *,
    x_title: str,
    notes: Sequence[str] = (),
    bins: int = 30,
) -> Chart:
    """How several samples are distributed, as outlines over the same bins.

    Args:
      title: Heading.
      samples: (name, float [N]) of each.
      x_title: With the unit.
      notes: Sentences to put under the chart.
      bins: Of equal width, from the smallest value of all to the largest.

    Returns:
      The chart, its heights the shares of a sample in percent.
    """
    go = _graph_objects()
    figure = go.Figure()
    every = np.concatenate([values for _, values in samples])
    edges = np.histogram_bin_edges(every, bins)
    for index, (name, values) in enumerate(samples):
        style = _style(index)
        shares = 100.0 * np.histogram(values, edges)[0] / len(values)
        figure.add_scatter(
            x=plain(edges),
            y=plain(np.append(shares, shares[-1])),
            name=name,
            mode="lines",
            line={"color": style.color, "dash": style.dash, "width": 2, "shape": "hv"},
            fill="tozeroy",
            fillcolor=f"{style.color}26",  # An alpha of 0.15.
            hovertemplate="%{y:.3g} %<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title="share of the images, %", rangemode="tozero")
    medians = "; ".join(f"{name}: median {np.median(values):.4g}" for name, values in samples)
    return Chart(title, _figure(figure, legend=True), tuple(notes), f"{title}. {medians}.")


class _Style(NamedTuple):
    color: str
    dash: str
    marker: str


def _style(index: int, color: int | None = None, dash: int | None = None) -> _Style:
    color = index if color is None else color
    # The second round of colors must not meet the dashes of the first.
    turn = color % len(_COLORS) + color // len(_COLORS) if dash is None else dash
    return _Style(
        _COLORS[color % len(_COLORS)], _DASHES[turn % len(_DASHES)], _MARKERS[turn % len(_MARKERS)]
    )


def _marker(style: _Style, line: Line, count: int) -> dict[str, Any]:
    if line.best is None or not 0 <= line.best < count:
        return {"color": style.color, "symbol": style.marker, "size": 7}
    symbols, sizes = [style.marker] * count, [7] * count
    symbols[line.best], sizes[line.best] = "star", 15
    return {"color": style.color, "symbol": symbols, "size": sizes}


def _error_bars(line: Line, style: _Style) -> dict[str, Any]:
    if not np.any(np.asarray(line.spread, np.float64)):
        return {}
    return {
        "error_y": {"array": plain(line.spread), "color": style.color, "thickness": 1, "width": 3}
    }


def _figure(figure, legend: bool) -> dict[str, Any]:
    figure.update_layout(
        hovermode="x unified",
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        margin={"l": 56, "r": 12, "t": 16, "b": 44},
    )
    whole = figure.to_plotly_json()
    # The page brings its own colors, light or dark; plotly's template would only be weight.
    whole["layout"].pop("template", None)
    return {"data": list(whole["data"]), "layout": whole["layout"]}


def _describe(title: str, lines: Sequence[Line]) -> str:
    parts = []
    for line in lines:
        finite = [(x, y) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(y)]
        (first_x, first), (last_x, last) = finite[0], finite[-1]
        parts.append(f"{line.name} from {first:.4g} at {first_x:g} to {last:.4g} at {last_x:g}")
    return f"{title}: {'; '.join(parts)}."


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
