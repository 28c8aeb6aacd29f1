"""The page of several runs: scores and losses overlaid, last grids, how their configs differ."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from gan_jax.modes.report import exhibits, sections, settings
from gan_jax.modes.report.charts import Chart, Line, line_chart
from gan_jax.modes.report.encoding import encode
from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.markup import Markup, element, table
from gan_jax.modes.report.page import Page
from gan_jax.modes.report.scores import Series, numbers_of, series_of
from gan_jax.modes.report.sections import note

_ALL_GRIDS_BYTES = 3_000_000


def build(page: Page, runs: Sequence[Run], here: dict[str, Any]) -> None:
    """Adds everything that a comparison says.

    Args:
      page: The page.
      runs: At least two, their names distinct.
      here: `telemetry.environment()` of this machine.
    """
    series = {run.name: series_of(run) for run in runs}
    _overview(page, runs, series)
    _scores(page, series)
    _curves(page, runs)
    _grids(page, runs)
    _differences(page, runs)
    _environment(page, runs, here)


def _overview(page: Page, runs: Sequence[Run], series: dict[str, list[Series]]) -> None:
    head = ["run", "what", "steps", "images a second", "time an epoch", "best score", "last score"]
    rows = []
    for run in runs:
        rates = sections.points_of(run, "time/images_per_second")[1]
        epochs = sections.points_of(run, "time/epoch_seconds")[1]
        best, last = _best_and_last(series[run.name])
        rows.append(
            [
                run.name,
                run.title,
                f"{run.steps:,}",
                f"{statistics.median(rates):,.4g}" if rates else "—",
                sections.duration(statistics.median(epochs)) if epochs else "—",
                best,
                last,
            ]
        )
    problems = [
        element("p", f"{run.name}: {problem}", class_="warning")
        for run in runs
        for problem in run.problems
    ]
    page.section("Runs", table(rows, head=head, caption="Rates are medians of the log."), problems)


def _best_and_last(series: Sequence[Series]) -> tuple[str, str]:
    if not series:
        return "none yet", "none yet"
    first = series[0]
    last = f"{first.title} {first.last.value:.4g} at step {first.last.step:,}"
    if first.best is None:
        return "—", last
    return f"{first.title} {first.best.value:.4g} at step {first.best.step:,}", last


def _scores(page: Page, series: dict[str, list[Series]]) -> None:
    keys = list(dict.fromkeys(one.key for found in series.values() for one in found))
    if not keys:
        page.section("Scores", note("No scores: none of these runs holds an evaluation."))
        return
    every = [one for found in series.values() for one in found]
    numbers = numbers_of(every)
    charts = []
    for key in keys:
        found = [
            (color, name, one)
            for color, (name, all_) in enumerate(series.items())
            for one in all_
            if one.key == key
        ]
        # A colour a run, on every chart.
        colors = [color for color, _, _ in found]
        charts.append(sections.score_chart([pair for _, *pair in found], numbers, colors))
    missing = [name for name, found in series.items() if not found]
    warning = "These scores come from different protocols: compare only those of one number."
    page.section(
        "Scores",
        element("p", warning, class_="warning") if len(numbers) > 1 else None,
        element("div", [page.chart(chart) for chart in charts], class_="panels"),
        sections.protocol_list(every),
        note(f"Without an evaluation: {', '.join(missing)}.") if missing else None,
    )


def _curves(page: Page, runs: Sequence[Run]) -> None:
    charts = []
    for prefix, title, unit in (
        ("loss/", "Loss of the {}", "loss"),
        ("probability/", "{}", "probability"),
        ("critic/", "Critic's score, {}", "score"),
    ):
        names = {name for run in runs for name in sections.names_of(run, prefix)}
        names = [name for name in _VIEWS if name in names] + sorted(names - _VIEWS.keys())
        for name in names:
            short = _VIEWS.get(name, name.removeprefix(prefix).replace("_", " "))
            charts.append(_overlay(runs, name, title.format(short), unit))
    seconds = _overlay(runs, "time/epoch_seconds", "Time an epoch", "seconds")
    charts = [page.chart(chart) for chart in (*charts, seconds) if chart is not None]
    if not charts:
        page.section("Curves", note("No curves: none of these runs has a log."))
        return
    page.section(
        "Curves",
        element("div", charts, class_="panels"),
        note("Axes span every value. Losses of different kinds have no common scale."),
    )


_VIEWS = {
    "probability/real": "D(x), real images",
    "probability/fake_before": "D(G(z)) before the generator's update",
    "probability/fake_after": "D(G(z)) after the generator's update",
    "critic/real": "real images",
    "critic/fake_before": "generated images before the generator's update",
    "critic/fake_after": "generated images after the generator's update",
}


def _overlay(runs: Sequence[Run], name: str, title: str, unit: str) -> Chart | None:
    lines = [
        Line(run.name, *sections.points_of(run, name), color=color)
        for color, run in enumerate(runs)
    ]
    kind = name.partition("/")[0]
    return line_chart(
        title,
        lines,
        y_title=unit,
        y_range=(0.0, 1.0) if kind == "probability" else None,
        from_zero=kind == "time",
        legend=True,
    )


def _grids(page: Page, runs: Sequence[Run]) -> None:
    figures: list[Markup] = []
    notes: list[Markup] = []
    for run in runs:
        steps, images, _ = exhibits.read_grids(run, last=True)
        if not images:
            notes.append(note(f"{run.name}: no grid in samples/ yet."))
            continue
        encoded = encode(images, max_bytes=_ALL_GRIDS_BYTES // len(runs))
        if encoded.note:
            notes.append(note(f"{run.name}: {encoded.note}"))
        caption = f"{run.name}, step {steps[-1]:,}"
        figures.append(
            element(
                "figure",
                element("h3", caption),
                element(
                    "img",
                    src=encoded.uris[0],
                    alt=f"Grid of generated pictures, {caption}",
                    class_="grid",
                ),
                class_="panel",
            )
        )
    page.section("Last grids", element("div", figures, class_="panels"), notes)


def _differences(page: Page, runs: Sequence[Run]) -> None:
    configs = [settings.flat(run.config) for run in runs]
    keys = [
        key
        for key in dict.fromkeys(key for config in configs for key in config)
        if any(config.get(key, _ABSENT) != configs[0].get(key, _ABSENT) for config in configs)
    ]
    if not keys:
        page.section("How the configs differ", note("They do not: every key has one value."))
        return
    rows = [
        [key, *(settings.shown(c[key]) if key in c else "not there" for c in configs)]
        for key in keys
    ]
    head = ["key", *(run.name for run in runs)]
    page.section(
        "How the configs differ",
        table(rows, head=head, caption="Keys that are not named here have one value in all runs."),
    )


_ABSENT = object()


def _environment(page: Page, runs: Sequence[Run], here: dict[str, Any]) -> None:
    machines = [run.environment or {} for run in runs] + [here]
    keys = list(dict.fromkeys(key for machine in reversed(machines) for key in machine))
    rows = [[key, *(settings.shown(machine.get(key)) for machine in machines)] for key in keys]
    head = ["", *(run.name for run in runs), "reported on"]
    page.section("Environment", table(rows, head=head, caption="Software and hardware"))
