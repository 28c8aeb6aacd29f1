"""One plot for each sweep of `scaling.py`: time on the left, memory on the right."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Row = Mapping[str, Any]


class Curve(NamedTuple):
    """What is drawn against what.

    Attributes:
      title: Of the axes.
      label: Of the vertical axis.
      value: Of a point.
      logarithmic: Whether the vertical axis is.
    """

    title: str
    label: str
    value: Callable[[Row], float]
    logarithmic: bool = True


class Sweep(NamedTuple):
    """How a sweep is drawn.

    Attributes:
      x: The setting that changes.
      x_label: Of the horizontal axis.
      time: Drawn on the left.
      memory: Drawn on the right.
      power: A dotted line through the last point shows growth with this power of x.
      series: Makes several lines of the points; None for one.
    """

    x: str
    x_label: str
    time: Curve
    memory: Curve
    power: float
    series: Callable[[Row], str] | None = None

    def line_of(self, row: Row) -> str:
        """The line that a point belongs to."""
        return self.series(row) if self.series else "measured"


STEP = Curve("time", "ms per step", lambda row: row["median_milliseconds"])
PLANNED = Curve(
    "memory of activations and gradients", "MB planned by XLA", lambda row: row["planned_megabytes"]
)
HELD = Curve(
    "memory",
    "MB of the process, mapped files included",
    lambda row: row["own_megabytes"] + row["mapped_megabytes"],
)
SWEEPS: Mapping[str, Sweep] = {
    "batch_size": Sweep("batch_size", "batch size", STEP, PLANNED, 1.0),
    "width": Sweep("width", "width", STEP, PLANNED, 2.0),
    "devices": Sweep(
        "devices",
        "devices that share the same two processors",
        STEP._replace(title="time of one batch of 64", logarithmic=False),
        HELD._replace(logarithmic=False),
        0.0,
        lambda row: row["parallel"],
    ),
    "data": Sweep(
        "images",
        "images of the data set",
        STEP._replace(logarithmic=False),
        HELD,
        0.0,
        lambda row: "resident" if row["placement"] == "device" else "streamed",
    ),
    "evaluation": Sweep(
        "images",
        "generated images that are evaluated",
        Curve("time", "seconds", lambda row: row["seconds"]),
        Curve("memory", "MB, the process's peak", lambda row: row["peak_megabytes"], False),
        1.0,
    ),
}


def write(name: str, rows: Sequence[Row], path: Path) -> None:
    """Draws a sweep to a PNG file.

    Args:
      name: A key of `SWEEPS`.
      rows: The sweep's points, as `scaling.py` has measured them.
      path: The file.
    """
    sweep = SWEEPS[name]
    figure = Figure(figsize=(10, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for place, curve in enumerate((sweep.time, sweep.memory)):
        axes = figure.add_subplot(1, 2, place + 1)
        for label in dict.fromkeys(map(sweep.line_of, rows)):
            points = [row for row in rows if sweep.line_of(row) == label]
            xs, ys = [row[sweep.x] for row in points], [curve.value(row) for row in points]
            axes.plot(xs, ys, marker="o", label=label)
        if place == 0 and sweep.power:
            guide = [ys[-1] * (x / xs[-1]) ** sweep.power for x in xs]
            grows = "linear" if sweep.power == 1.0 else f"power {sweep.power:g}"
            axes.plot(xs, guide, color="0.5", linestyle=":", label=grows)
        axes.set_xscale("log", base=2 if max(xs) < 1000 else 10)
        if curve.logarithmic:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0.0)
        axes.set(title=curve.title, xlabel=sweep.x_label, ylabel=curve.label)
        axes.grid(alpha=0.25)
        axes.legend()
    figure.savefig(path, format="png", metadata={"Software": None})
