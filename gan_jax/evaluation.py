"""Scores of generated images against real ones, by a stated protocol.

Images reach an extractor as the uint8 pixels that a saved PNG would hold. FID and the Inception
Score keep sums alone, so their memory does not grow with the number of images; the metrics that
compare single images keep their features.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_jax import features, metrics
from gan_jax.core import Sampler
from gan_jax.metrics import Extractor
from gan_jax.reference import Reference

METRICS = tuple(metrics.METRIC_TITLES)
# Those that look at single images, not at sums over them.
NEED_FEATURES = ("kid", "precision", "recall", "density", "coverage")
LOWER_IS_BETTER = ("fid", "kid")
SPLITS = 10
NEIGHBORS = {"precision": 3, "recall": 3, "density": 5, "coverage": 5}
SUBSETS, SUBSET_SIZE = 100, 1000


def check_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """Refuses unknown metrics.

    Raises:
      ValueError: Naming the nearest, or that there is none at all.
    """
    if not names:
        raise ValueError(f"no metric is asked for, there are {', '.join(METRICS)}")
    for name in names:
        if name not in METRICS:
            nearest = difflib.get_close_matches(str(name), METRICS, n=1, cutoff=0.0)[0]
            raise ValueError(
                f"unknown metric '{name}': did you mean '{nearest}'? There are {', '.join(METRICS)}"
            )
    return tuple(dict.fromkeys(names))


def needs_features(names: Iterable[str]) -> bool:
    """Whether a metric among these compares single images."""
    return any(name in NEED_FEATURES for name in names)


class Measured(NamedTuple):
    """What is kept of generated images.

    Attributes:
      moments: Of their features.
      logits: Sums for the Inception Score; None where it is not asked for.
      features: float32 [N, D]; None where no metric needs them.
    """

    moments: metrics.Moments
    logits: metrics.InceptionScoreMoments | None
    features: np.ndarray | None


class Evaluator:
    """Scores images against one reference by one extractor."""

    def __init__(
        self,
        extractor: Extractor,
        reference: Reference,
        names: Sequence[str],
        *,
        batch_size: int = features.BATCH_SIZE,
    ):
        """Fixes the protocol, and compiles the extractor at the first images.

        Args:
          extractor: What sees the images; the one that `reference` was made with.
          reference: The real images, with their features where `needs_features(names)`.
          names: Metrics, of `METRICS`.
          batch_size: Images at a time over all devices, rounded up to a multiple of their number.
        """
        self.extractor, self.reference = extractor, reference
        self.names = check_metrics(names)
        self.batch_size = features.fitting_batch_size(batch_size, features.local_devices().count)
        self._extract = features.make_extract(extractor, batch_size=self.batch_size)

    def score(self, batches: Iterable[Any], count: int, *, title: str = "") -> dict[str, float]:
        """Scores `count` images.

        Args:
          batches: uint8 [B, H, W, C] in [0, 255], C 1 or 3, B up to `batch_size`.
          count: How many they are in all, at least 2.
          title: Of the progress bar; empty for none.

        Returns:
          `{key: value}`, each key with the extractor's name (`metrics.metric_key`); beside
          "inception_score" and "kid" their "..._std" and "..._standard_error".

        Raises:
          ValueError: If there are too few images, or other ones than promised.
        """
        if count < 2:
            raise ValueError(f"at least 2 images are needed for a score, not {count}")
        return self._scores(self._measure(features.progress(batches, count, title), count))

    def _measure(self, batches: Iterable[Any], count: int) -> Measured:
        dim, splits = self.extractor.feature_dim, min(SPLITS, count)
        total = metrics.empty_moments(dim)
        logits, kept, done = None, None, 0
        if "inception_score" in self.names:
            logits = metrics.empty_inception_score_moments(
                self.extractor.num_logits, total=count, splits=splits
            )
        if needs_features(self.names):
            kept = np.empty((count, dim), np.float32)
        for seen in features.collect(self._extract(batches)):
            stop = done + len(seen.features)
            if stop > count:
                raise ValueError(f"{count} images were promised, more came")
            total = metrics.merge_moments(total, metrics.moments(seen.features))
            if logits is not None:
                part = metrics.inception_score_moments(
                    seen.logits, total=count, splits=splits, positions=np.arange(done, stop)
                )
                logits = metrics.merge_inception_score_moments(logits, part)
            if kept is not None:
                kept[done:stop] = seen.features
            done = stop
        if done != count:
            raise ValueError(f"{count} images were promised, {done} came")
        return Measured(total, logits, kept)

    def _scores(self, measured: Measured) -> dict[str, float]:
        found: dict[str, float] = {}
        if "fid" in self.names:
            found["fid"] = metrics.frechet_inception_distance(
                self.reference.moments, measured.moments
            )
        if "kid" in self.names:
            subset = _subset_size(len(self.reference.features), len(measured.features))
            kid = metrics.kernel_inception_distance(
                self.reference.features, measured.features, subsets=SUBSETS, subset_size=subset
            )
            found |= {"kid": kid.mean, "kid_standard_error": kid.standard_error}
        if "inception_score" in self.names:
            score = metrics.inception_score(measured.logits)
            found |= {
                "inception_score": score.mean,
                "inception_score_std": score.standard_deviation,
            }
        found |= self._manifold(measured.features)
        return {
            metrics.metric_key(name, self.extractor.name): float(value)
            for name, value in found.items()
        }

    def _manifold(self, fake: np.ndarray | None) -> dict[str, float]:
        found: dict[str, float] = {}
        real = self.reference.features
        if {"precision", "recall"} & set(self.names):
            pair = metrics.precision_recall(real, fake, neighbors=NEIGHBORS["precision"])
            found |= pair._asdict()
        if {"density", "coverage"} & set(self.names):
            pair = metrics.density_coverage(real, fake, neighbors=NEIGHBORS["density"])
            found |= pair._asdict()
        return {name: value for name, value in found.items() if name in self.names}


def _subset_size(real: int, fake: int) -> int:
    """Of KID: as in the paper, or of few images half, which leaves its standard error defined."""
    return min(SUBSET_SIZE, max(2, min(real, fake) // 2))


def run_protocol(
    reference: Reference,
    sampler: Sampler,
    names: Sequence[str],
    *,
    family: str,
    image_shape: Sequence[int],
    count: int,
    seed: int,
    truncation: float,
    averaged: bool,
) -> dict[str, Any]:
    """All that a run's score depends on, but for the step: `{name: JSON value}`.

    Args:
      reference: The real images.
      sampler: Of the game.
      names: Metrics.
      family: Of the run.
      image_shape: (H, W, C) of generated images.
      count: Of generated images.
      seed: Of latents and labels.
      truncation: As `sampling.draw_latents`.
      averaged: Whether the generator's weights are moving averages.
    """
    conditional = bool(sampler.num_classes)
    return {
        **reference.protocol,
        "fake_count": count,
        "fake_shape": list(image_shape),
        "pixels": "uint8",
        "family": family,
        "seed": seed,
        "truncation": truncation,
        "generator_weights": "averaged" if averaged else "raw",
        "labels": "drawn with the real images' frequencies" if conditional else "none",
        **metrics_protocol(names, reference.moments.count, count),
    }


def metrics_protocol(names: Sequence[str], real: int, fake: int) -> dict[str, Any]:
    """The settings of the metrics, where they have any."""
    found: dict[str, Any] = {}
    if "inception_score" in names:
        found["inception_score_splits"] = min(SPLITS, fake)
    if "kid" in names:
        found |= {"kid_subsets": SUBSETS, "kid_subset_size": _subset_size(real, fake)}
    return found | {f"{name}_neighbors": k for name, k in NEIGHBORS.items() if name in names}


def describe(scores: Mapping[str, float], protocol: Mapping[str, Any]) -> str:
    """The scores and their protocol in one line, ready for a paper."""
    return f"{describe_scores(scores, protocol)} ({describe_protocol(protocol)})"


def describe_scores(scores: Mapping[str, float], protocol: Mapping[str, Any]) -> str:
    """The scores by their titles."""
    extractor, parts = protocol["extractor"], []
    for name in METRICS:
        value = scores.get(metrics.metric_key(name, extractor))
        if value is None:
            continue
        part = f"{metrics.metric_title(name, extractor)} {value:.4g}"
        for spread in ("std", "standard_error"):
            other = scores.get(metrics.metric_key(f"{name}_{spread}", extractor))
            if other is not None:
                part += f" ± {other:.2g}"
        parts.append(part)
    return ", ".join(parts)


def describe_protocol(protocol: Mapping[str, Any]) -> str:
    """Counts, data, extractor and weights in a phrase."""
    classes = protocol["classes"]
    parts = [
        f"{protocol['fake_count']:,} generated against {protocol['real_count']:,} real images of "
        f"{protocol['data']} {protocol['split']}"
        + (f", {len(classes)} classes" if len(classes) > 1 else ""),
        f"{protocol['extractor_title']}, {protocol['resize']}, weights "
        f"{protocol['weights_sha256'][:8]}",
    ]
    if "generator_weights" in protocol:
        truncation = protocol["truncation"]
        parts.append(
            f"{protocol['generator_weights']} generator weights, "
            f"{f'truncation {truncation:g}' if truncation else 'no truncation'}, "
            f"seed {protocol['seed']}"
        )
    if "step" in protocol:
        parts.append(f"step {protocol['step']:,}")
    return "; ".join(parts)
