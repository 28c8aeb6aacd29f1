"""Scores over steps: which are comparable, which is best, and whether they got worse after it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import NamedTuple

from gan_jax import metrics
from gan_jax.evaluation import protocols
from gan_jax.metrics.extractor import INCEPTION
from gan_jax.modes.report.gathering import Run, as_number
from gan_jax.modes.report.score_protocols import (
    SCORE_PROTOCOL,
    Protocol,
    protocol_of,
    training_protocol,
)

_SHARES = frozenset({"precision", "recall", "density", "coverage"})
_ORDER = ("fid", "kid", "inception_score", "precision", "recall", "density", "coverage")
# What a key may carry between the metric and the extractor: how uncertain the score is. Of several
# the first is shown.
_SPREADS = ("standard_error", "std")


class Point(NamedTuple):
    """A score.

    Attributes:
      step: Of the checkpoint.
      value: The score.
      spread: Its standard deviation or error, 0 where none is known.
    """

    step: int
    value: float
    spread: float = 0.0


class Key(NamedTuple):
    """A score's key, taken apart.

    Attributes:
      metric: As "fid"; the whole key where it is none that is known.
      extractor: As "efficientnet_lite0".
      spread: As "std" where this is no score but its uncertainty, else "".
    """

    metric: str
    extractor: str
    spread: str


@dataclasses.dataclass(frozen=True)
class Series:
    """Scores that may be compared: one metric, one extractor, one protocol.

    Attributes:
      key: As "fid_efficientnet_lite0".
      metric: As "fid".
      protocol: How they were measured.
      points: By step, finite.
    """

    key: str
    metric: str
    protocol: Protocol
    points: tuple[Point, ...]

    @property
    def title(self) -> str:
        """As "FID (EfficientNet-Lite0)"."""
        return title_of(self.key)

    @property
    def direction(self) -> str:
        """As "lower is better"; empty for a metric that is not known."""
        if self.metric not in _ORDER:
            return ""
        return "lower is better" if self.metric in protocols.LOWER_IS_BETTER else "higher is better"

    @property
    def is_share(self) -> bool:
        """Whether it is a share of the images, so that zero belongs on its axis."""
        return self.metric in _SHARES

    @property
    def best(self) -> Point | None:
        """The best score, the earliest of equals; None where it is not known what better is."""
        if not self.direction or not self.points:
            return None
        sign = 1 if self.metric in protocols.LOWER_IS_BETTER else -1
        return min(self.points, key=lambda point: (sign * point.value, point.step))

    @property
    def last(self) -> Point:
        """The score of the last step."""
        return self.points[-1]


def parse_key(key: str) -> Key:
    """Takes "inception_score_std_efficientnet_lite0" apart."""
    for metric in sorted(_ORDER, key=len, reverse=True):
        if key != metric and not key.startswith(f"{metric}_"):
            continue
        rest = key[len(metric) + 1 :]
        for spread in _SPREADS:
            if rest == spread or rest.startswith(f"{spread}_"):
                return Key(metric, rest[len(spread) + 1 :] or INCEPTION, spread)
        return Key(metric, rest or INCEPTION, "")
    return Key(key, "", "")


def title_of(key: str) -> str:
    """As "FID (EfficientNet-Lite0)"; the key itself where the metric is not known."""
    parsed = parse_key(key)
    if not parsed.extractor:
        return key
    return metrics.metric_title(parsed.metric, parsed.extractor)


def series_of(run: Run) -> list[Series]:
    """All scores of a run that belong to a step, those first that say most.

    Args:
      run: The run.

    Returns:
      One Series for each key and protocol, FID before KID before the others and the longer before
      the shorter. Values that are not finite are left out.
    """
    points: dict[tuple[str, Protocol], dict[int, Point]] = {}
    for step, found, protocol in (*_of_training(run), *_of_evaluations(run)):
        spreads = _spreads(found)
        for key, value in found.items():
            if not parse_key(key).spread and math.isfinite(value):
                point = Point(step, value, spreads.get(key, 0.0))
                points.setdefault((key, protocol), {})[step] = point
    series = [
        Series(
            key,
            parse_key(key).metric,
            protocol,
            tuple(by_step[step] for step in sorted(by_step)),
        )
        for (key, protocol), by_step in points.items()
    ]
    return sorted(series, key=_importance)


def _importance(series: Series):
    known = series.metric in _ORDER
    rank = _ORDER.index(series.metric) if known else len(_ORDER)
    return rank, -len(series.points), series.key, series.protocol


def _spreads(found: dict[str, float]) -> dict[str, float]:
    """{key of a score: how uncertain it is}."""
    parsed = [(parse_key(key), value) for key, value in found.items() if math.isfinite(value)]
    return {
        metrics.metric_key(key.metric, key.extractor): value
        for spread in reversed(_SPREADS)
        for key, value in parsed
        if key.spread == spread
    }


def _of_training(run: Run):
    # A result that was kept with its protocol says more than the same number in the log.
    kept = {(one["step"], *item) for one in run.evaluations for item in one["scores"].items()}
    for row in run.lines:
        found = {
            name.removeprefix("score/"): number
            for name, value in row.items()
            if name.startswith("score/") and (number := as_number(value)) is not None
        }
        found = {
            key: value for key, value in found.items() if (row["step"], key, value) not in kept
        }
        name = row.get(SCORE_PROTOCOL)
        if found and isinstance(name, str):
            yield row["step"], found, training_protocol(run, name)


def _of_evaluations(run: Run):
    several = _with_several_samplers(run)
    for evaluation in run.evaluations:
        if evaluation["step"] is None:
            continue
        found, protocol = evaluation["scores"], evaluation["protocol"]
        for metric in sorted({parse_key(key).metric for key in found}):
            of_metric = {key: value for key, value in found.items() if parse_key(key)[0] == metric}
            named = str(protocol.get("array")) in several
            yield (
                evaluation["step"],
                of_metric,
                protocol_of(protocol, metric, several_samplers=named),
            )


def _with_several_samplers(run: Run) -> set[str]:
    """The arrays of real images that images of several samplers were compared with."""
    samplers: dict[str, set[str]] = {}
    for evaluation in run.evaluations:
        protocol = evaluation["protocol"]
        samplers.setdefault(str(protocol.get("array")), set()).add(str(protocol.get("sampler")))
    return {array for array, names in samplers.items() if len(names) > 1}


def numbers_of(series: Iterable[Series]) -> dict[str, int]:
    """{base of a protocol: its number on the page, from 1}."""
    bases = dict.fromkeys(one.protocol.base for one in series)
    return {base: number for number, base in enumerate(bases, 1)}


def decline(series: Series) -> str:
    """By how much the last score is worse than the best, as "1.38 %"; empty where it is not."""
    best, last = series.best, series.last
    if best is None or last.value == best.value:
        return ""
    change = abs(last.value - best.value)
    # An estimate of KID can be below zero, and no share of that means anything.
    return f"{100 * change / best.value:.3g} %" if best.value > 0 else f"{change:.4g}"


def verdict(series: Series) -> str:
    """One sentence on the last score against the best."""
    best, last = series.best, series.last
    if best is None or len(series.points) < 2:
        return "one evaluation, no telling yet whether it gets better."
    if not decline(series):
        return "the last score is the best."
    return f"best at step {best.step:,}, and worse by {decline(series)} at step {last.step:,}."
