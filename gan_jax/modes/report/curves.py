"""Charts of a run's log: one per group of metrics, and the time per epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from gan_jax.modes.report.charts import Chart, Line, line_chart
from gan_jax.modes.report.gathering import Run, as_number
from gan_jax.modes.report.markup import element, note
from gan_jax.modes.report.page import Page
from gan_jax.modes.report.score_protocols import SCORE_PROTOCOL

EPOCH_SECONDS = "time/epoch_seconds"
# Where in the run a line stands, and what names the protocol of its scores.
_NO_METRICS = frozenset({"step", "epoch", "phase", SCORE_PROTOCOL})
# Rates and scores have places of their own.
_OTHER_GROUPS = frozenset({"time", "score"})


class Group(NamedTuple):
    """What is known of a group of metrics; the group of `loss/a` and `loss/b` is "loss".

    Attributes:
      title: Of its chart.
      unit: Of its values.
      names: `{metric: what people call it}`, in the order of the legend; others come after them.
      y_range: Both ends of the axis; None for those of the values.
      notes: Sentences to put under the chart.
    """

    title: str
    unit: str
    names: Mapping[str, str] = MappingProxyType({})
    y_range: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()


_SAME_STEP = (
    "The values before and after the update are of one and the same step, the last before each log "
    "line; the values of real images are means since the log line before it."
)
GROUPS = {
    "loss": Group(
        "Losses", "loss", notes=("Each value is the mean since the log line before it.",)
    ),
    "probability": Group(
        "D(x) and D(G(z))",
        "probability of being real",
        {
            "real": "D(x), real images",
            "fake_before": "D(G(z)) before the update",
            "fake_after": "D(G(z)) after the update",
        },
        (0.0, 1.0),
        ("At 0.5 real and generated images are not told apart.",),
    ),
    "critic": Group(
        "Critic's scores",
        "mean score",
        {
            "real": "real images",
            "fake_before": "generated images before the update",
            "fake_after": "generated images after the update",
        },
    ),
}


def points_of(run: Run, name: str) -> tuple[list[float], list[float]]:
    """Steps and values of the log lines that have a metric."""
    pairs = [
        (float(line["step"]), value)
        for line in run.lines
        if (value := as_number(line.get(name))) is not None
    ]
    return [step for step, _ in pairs], [value for _, value in pairs]


def groups_of(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The metrics of the runs' logs by group, `{group: names}`.

    A metric without a slash in its name is a group of its own. Losses come first, then the other
    groups that this module knows, then the rest.
    """
    names = {name for run in runs for line in run.lines for name in line} - _NO_METRICS
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        if (group := name.partition("/")[0]) not in _OTHER_GROUPS:
            found.setdefault(group, []).append(name)
    known = [group for group in GROUPS if group in found]
    others = [group for group in found if group not in known]
    return {group: _ordered(group, found[group]) for group in (*known, *others)}


def _ordered(group: str, names: Sequence[str]) -> list[str]:
    order = list(group_of(group).names)

    def place(name: str) -> tuple[int, str]:
        metric = _parts(name)[0]
        return (order.index(metric) if metric in order else len(order)), name

    return sorted(names, key=place)


def group_of(name: str) -> Group:
    """What is known of a group, or can be said of one that is not."""
    return GROUPS.get(name) or Group(name.replace("_", " ").capitalize(), name.replace("_", " "))


def metric_name(name: str) -> str:
    """What people call a metric within its group, with the player that it is of, if it has one."""
    group = name.partition("/")[0]
    metric, player = _parts(name)
    shown = group_of(group).names.get(metric) or metric.replace("_", " ")
    return f"{shown}, {player}" if player else shown


def _parts(name: str) -> tuple[str, str]:
    """The metric and the player of `group/metric/player`; a metric without a group as it stands."""
    metric, _, player = (name.partition("/")[2] or name).partition("/")
    return metric, player


def curves(page: Page, run: Run) -> None:
    """Adds a chart for every group of metrics, and one of the time per epoch."""
    if not run.lines:
        page.section("Curves", note("No curves: metrics.jsonl holds no line yet."))
        return
    charts = [_group_chart(run, group, names) for group, names in groups_of([run]).items()]
    page.section(
        "Curves",
        element("div", [page.chart(chart) for chart in (*charts, _epochs(run))], class_="panels"),
        note("Axes span every value. Drag to zoom into a chart, double-click to return."),
    )


def _group_chart(run: Run, group: str, names: Sequence[str]) -> Chart | None:
    known = group_of(group)
    paired = any(_parts(name)[0] == "fake_after" for name in names)
    return line_chart(
        known.title,
        [Line(metric_name(name), *points_of(run, name)) for name in names],
        y_title=known.unit,
        y_range=known.y_range,
        notes=[*known.notes, *([_SAME_STEP] if paired else [])],
    )


def _epochs(run: Run) -> Chart | None:
    return line_chart(
        "Time per epoch",
        [Line("one epoch", *points_of(run, EPOCH_SECONDS))],
        y_title="seconds",
        from_zero=True,
        notes=[] if run.epoch is None else [f"An epoch is {run.epoch:,} examples."],
    )


def overlay(runs: Sequence[Run], name: str) -> Chart | None:
    """One metric of several runs, each in a color of its own."""
    lines = [Line(run.name, *points_of(run, name), color=color) for color, run in enumerate(runs)]
    if name == EPOCH_SECONDS:
        return line_chart("Time per epoch", lines, y_title="seconds", from_zero=True, legend=True)
    known, shown = group_of(name.partition("/")[0]), metric_name(name)
    named = name.partition("/")[2].partition("/")[0] in known.names
    title = shown if named or "/" not in name else f"{known.title}: {shown}"
    return line_chart(title, lines, y_title=known.unit, y_range=known.y_range, legend=True)
