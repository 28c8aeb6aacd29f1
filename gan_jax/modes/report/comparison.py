"""The page of several runs: scores and losses overlaid, last grids, how their configs differ."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from gan_jax.modes.report import curves, grids, sections, settings
from gan_jax.modes.report.encoding import encode
from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.markup import Markup, element, note, table
from gan_jax.modes.report.page import Page
from gan_jax.modes.report.scores import Series, numbers_of, series_of

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
    head = [
        "run",
        "what",
        "steps",
        "images per second",
        "time per epoch",
        "best score",
        "last score",
    ]
    rows = []
    for run in runs:
        rates = curves.points_of(run, "time/images_per_second")[1]
        epochs = curves.points_of(run, curves.EPOCH_SECONDS)[1]
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
        of_key = [
            (color, name, one)
            for color, (name, all_) in enumerate(series.items())
            for one in all_
            if one.key == key
        ]
        # One color per run, on every chart.
        colors = [color for color, _, _ in of_key]
        named = [(name, one) for _, name, one in of_key]
        charts.append(sections.score_chart(named, numbers, colors))
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
    names = [name for group in curves.groups_of(runs).values() for name in group]
    charts = [page.chart(curves.overlay(runs, name)) for name in (*names, curves.EPOCH_SECONDS)]
    if not any(charts):
        page.section("Curves", note("No curves: none of these runs has a log."))
        return
    page.section(
        "Curves",
        element("div", charts, class_="panels"),
        note("Axes span every value. Losses of different kinds have no common scale."),
    )


def _grids(page: Page, runs: Sequence[Run]) -> None:
    figures: list[Markup] = []
    notes: list[Markup] = []
    count = max(1, sum(len(run.grids) for run in runs))
    for run in runs:
        own = [figure for name in run.grids if (figure := _grid(run, name, count, notes))]
        if not own:
            notes.append(note(f"{run.name}: no grid in samples/ yet."))
        figures += own
    page.section("Last grids", element("div", figures, class_="panels"), notes)


def _grid(run: Run, sampler: str, count: int, notes: list[Markup]) -> Markup | None:
    """The last grid of a sampler that can be read, one of `count` on the page."""
    steps, images, _ = grids.read_grids(run.grids[sampler], last=True)
    if not images:
        return None
    encoded = encode(images, max_bytes=_ALL_GRIDS_BYTES // count)
    caption = f"{run.name}{f', {sampler}' if sampler else ''}, step {steps[-1]:,}"
    if encoded.note:
        notes.append(note(f"{caption}: {encoded.note}"))
    alt = f"Grid of generated images, {caption}"
    image = element("img", src=encoded.uris[0], alt=alt, class_="grid")
    return element("figure", element("h3", caption), image, class_="panel")


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
