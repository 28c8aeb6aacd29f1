"""Scores of ready features against ready features: no run, no data set, no extractor."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_jax import metrics, telemetry
from gan_jax.evaluation import features, protocols, ready_features, results
from gan_jax.evaluation.evaluator import Evaluator
from gan_jax.evaluation.reference import Reference
from gan_jax.files import write_json_atomically
from gan_jax.modes.evaluate import given
from gan_jax.runs import outputs

# What extractor it was nobody can tell from its features: the scores must not pass for Inception's.
_NAME, _TITLE = "given_features", "given features"


def compare_features(
    fake: str | Path,
    real: str | Path,
    *,
    names: Sequence[str] = protocols.METRICS,
    json_path: str | Path | None = None,
) -> dict[str, Any]:
    """Scores features of generated images against those of real ones, and prints a line.

    Args:
      fake: An `.npz` of the generated images'; see `evaluation.ready_features.read_features`.
      real: An `.npz` of the real images', by the same extractor.
      names: Metrics, of `protocols.METRICS`.
      json_path: The file for a list of the one result as well.

    Returns:
      The result, as `results.make_result` describes it.

    Raises:
      ValueError: In one line: a file is damaged, the files do not fit, or there are too few rows.
      OSError: If a file cannot be read, or the result cannot be written.
    """
    names = protocols.check_metrics(names)
    if json_path is not None:
        outputs.check_new("--json", json_path)
    fakes, reals = ready_features.read_features(fake), ready_features.read_features(real)
    if fakes.features.shape[1] != reals.features.shape[1]:
        raise ValueError(
            f"--features has {fakes.features.shape[1]} numbers per image and --real_features "
            f"{reals.features.shape[1]}: take both from one extractor"
        )
    names = given.metrics_of(names, fakes)
    if "inception_score" in names and not fakes.logits.shape[1]:
        raise ValueError("inception_score needs an array logits [N, K] in --features")
    protocols.check_counts(names, len(reals.features), len(fakes.features))
    start = time.perf_counter()
    evaluator = Evaluator(_extractor(fakes), _reference(reals, Path(real).name, names), names)
    scores, protocol = given.score_features(evaluator, fakes, str(fake))
    result = results.make_result(
        scores,
        protocol,
        step=None,
        count=len(fakes.features),
        seconds=time.perf_counter() - start,
    )
    telemetry.say(result["line"])
    if json_path is not None:
        write_json_atomically(Path(json_path), [result])
    return result


def _extractor(ready: features.Features) -> metrics.Extractor:
    """What is known of the extractor."""

    def apply(params, images):
        raise NotImplementedError("features that are given are not extracted")

    return metrics.Extractor(
        name=_NAME,
        title=_TITLE,
        resolution=1,
        resize="",
        feature_dim=ready.features.shape[1],
        num_logits=ready.logits.shape[1],
        weights_sha256="",
        params={},
        apply=apply,
    )


def _reference(ready: features.Features, source: str, names: Sequence[str]) -> Reference:
    protocol = {
        "real_count": len(ready.features),
        "real_source": source,
        "real_sha256": ready_features.sha256_of(ready),
        "extractor": _NAME,
        "extractor_title": _TITLE,
    }
    neighbors = protocols.most_neighbors(names)
    return Reference(
        metrics.moments(ready.features),
        ready.features,
        protocol,
        metrics.neighbor_distances(ready.features, neighbors) if neighbors else None,
    )
