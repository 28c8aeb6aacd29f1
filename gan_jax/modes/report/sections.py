"""What the page of one run says of its numbers: summary and scores."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from gan_jax.modes.report.charts import Chart, Line, line_chart
from gan_jax.modes.report.curves import EPOCH_SECONDS, points_of
from gan_jax.modes.report.gathering import Run, as_number
from gan_jax.modes.report.markup import Markup, element, join, note, table
from gan_jax.modes.report.page import Page
from gan_jax.modes.report.scores import Series, decline, numbers_of, verdict


def summary(page: Page, run: Run, series: Sequence[Series]) -> None:
    """Adds the numbers that are asked for first."""
    cards = [_steps_card(run), *_speed_cards(run), *_score_cards(series)]
    list_ = element(
        "dl",
        [
            element(
                "div",
                element("dt", term),
                element("dd", value, element("small", remark) if remark else None),
            )
            for term, value, remark in cards
        ],
        class_="cards",
    )
    sentences = [element("p", problem, class_="warning") for problem in run.problems]
    page.section("Summary", list_, sentences)


def _steps_card(run: Run) -> tuple[str, str, str]:
    planned = run.config.get("steps")
    epochs = [value for value in points_of(run, "epoch")[1]]
    remark = f"of {planned:,}" if isinstance(planned, int) else ""
    if epochs:
        remark += f", {max(epochs):.3g} epochs"
    return "Steps", f"{run.steps:,}", remark.removeprefix(", ")


def _speed_cards(run: Run) -> list[tuple[str, str, str]]:
    rates = points_of(run, "time/images_per_second")[1]
    epochs = points_of(run, EPOCH_SECONDS)[1]
    cards = []
    if rates:
        cards.append(("Images per second", f"{statistics.median(rates):,.4g}", "median of the log"))
    if epochs:
        cards.append(("Time per epoch", duration(statistics.median(epochs)), "median of the log"))
    if (seconds := training_seconds(run)) is not None:
        cards.append(("Time of all steps", duration(seconds), "without grids and checkpoints"))
    return cards


def training_seconds(run: Run) -> float | None:
    """Seconds that the steps took at the rates of the log, or None where it has none."""
    total, previous = 0.0, 0
    for line in run.lines:
        rate = as_number(line.get("time/steps_per_second"))
        if rate is not None and rate > 0:
            total += (line["step"] - previous) / rate
            # A rate holds since the rate before it: lines of scores in between have none.
            previous = line["step"]
    return total or None


def _score_cards(series: Sequence[Series]) -> list[tuple[str, str, str]]:
    if not series:
        return [("Score", "none yet", "no evaluation in this run's folder")]
    first = series[0]
    if len(first.points) == 1:
        return [(first.title, f"{first.last.value:.4g}", f"at step {first.last.step:,}")]
    cards = []
    if first.best is not None:
        cards.append(
            (f"Best {first.title}", f"{first.best.value:.4g}", f"at step {first.best.step:,}")
        )
    worse = f", {decline(first)} worse" if decline(first) else ""
    remark = f"at step {first.last.step:,}{worse}"
    return [*cards, (f"Last {first.title}", f"{first.last.value:.4g}", remark)]


def scores(page: Page, run: Run, series: Sequence[Series]) -> None:
    """Adds the scores over steps, their protocols, and a table of all."""
    loose = [evaluation for evaluation in run.evaluations if evaluation["step"] is None]
    if not series:
        why = (
            "the evaluations name no step"
            if loose
            else "there is no evaluation in the run's folder. --mode=evaluate makes one"
        )
        page.section("Scores", note(f"No scores: {why}."))
        return
    numbers = numbers_of(series)
    keys = list(dict.fromkeys(one.key for one in series))
    charts = [
        score_chart([("", one) for one in series if one.key == key], numbers, colors=None)
        for key in keys
    ]
    page.section(
        "Scores",
        element("p", f"{series[0].title}: {verdict(series[0])}") if series[0].best else None,
        element("div", [page.chart(chart) for chart in charts], class_="panels"),
        protocol_list(series),
        element("details", element("summary", "All scores as a table"), _score_tables(series)),
    )


def protocol_list(series: Sequence[Series]) -> Markup:
    """The protocols, numbered where there are several."""
    lines = {one.protocol.base: one.protocol.line for one in series}
    numbers = numbers_of(series)
    several = len(numbers) > 1
    items = [
        element("li", f"Protocol {number}: " if several else "Protocol: ", lines[base])
        for base, number in numbers.items()
    ]
    remark = "Scores of different protocols cannot be compared." if several else None
    return join(element("ul", items, class_="protocols"), note(remark) if several else None)


def score_chart(
    named: Sequence[tuple[str, Series]], numbers: dict[str, int], colors: Sequence[int] | None
) -> Chart | None:
    """Scores of one key over the steps.

    Args:
      named: A name (of a run; empty where there is one alone) and a series of it.
      numbers: As `numbers_of`, of everything on the page.
      colors: Number of each one's color; the dash is then that of the protocol. None: the place.

    Returns:
      The chart.
    """
    first = named[0][1]
    several = len(numbers) > 1
    settings = list(dict.fromkeys(one.protocol.settings for _, one in named))
    lines = []
    for place, (name, one) in enumerate(named):
        number = numbers[one.protocol.base]
        parts = [name] if name else []
        parts += [f"protocol {number}"] if several else []
        parts += [one.protocol.settings] if len(settings) > 1 else []
        dash = None if colors is None or not several else number - 1
        color = None if colors is None else colors[place]
        lines.append(_score_line(one, ", ".join(parts) or one.title, color, dash))
    notes = ["Star: the best."] if first.best else []
    if any(any(line.spread) for line in lines):
        notes.append("Bars: one standard deviation or error, as the evaluation states it.")
    if len(settings) == 1 and settings[0]:
        notes.append(f"Settings: {settings[0]}.")
    return line_chart(
        f"{first.title}{f', {first.direction}' if first.direction else ''}",
        lines,
        y_title=first.title,
        smooth=False,
        markers=True,
        from_zero=first.is_share,
        legend=True if colors is not None else None,
        notes=notes,
    )


def _score_line(series: Series, name: str, color: int | None, dash: int | None) -> Line:
    steps, values, spreads = zip(*series.points, strict=True)
    best = None if series.best is None else series.points.index(series.best)
    return Line(name, steps, values, spreads, best, color, dash)


def _score_tables(series: Sequence[Series]) -> list[Markup]:
    tables = []
    for base, line in dict.fromkeys(one.protocol[:2] for one in series):
        columns = [one for one in series if one.protocol.base == base]
        steps = sorted({point.step for one in columns for point in one.points})
        found = [{point.step: point for point in one.points} for one in columns]
        rows = [[f"{step:,}", *(_cell(points.get(step)) for points in found)] for step in steps]
        head = ["step", *(one.title for one in columns)]
        tables.append(table(rows, head=head, caption=line))
    return tables


def _cell(point) -> str:
    if point is None:
        return ""
    return f"{point.value:.5g}" + (f" ± {point.spread:.3g}" if point.spread else "")


def duration(seconds: float) -> str:
    """As "48.0 s", "12 min 5 s" or "3 h 12 min"."""
    if seconds < 99.95 or not seconds < 1e9:  # NaN included.
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"
