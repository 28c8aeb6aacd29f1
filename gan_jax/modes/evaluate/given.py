"""Scores of what is given: images on disk, or features of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.evaluation import features, protocols, ready_features
from gan_jax.evaluation.evaluator import Evaluator
from gan_jax.images import reading as image_files


def score_images(
    evaluator: Evaluator, files: image_files.ImageFiles, source: str, count: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Scores of `count` images of a file or folder, chosen at random, and their protocol."""
    reference = evaluator.reference
    # Files often come class by class; the splits of the Inception Score must not.
    order = np.random.default_rng(0).permutation(files.count)[:count]
    digest = hashlib.sha256()
    scores = evaluator.score(
        _hashed(files.batches(np.sort(order), evaluator.batch_size), digest),
        count,
        title="images",
        positions=np.argsort(np.argsort(order)),
    )
    protocol = {
        **reference.protocol,
        "fake_count": count,
        "fake_shape": list(files.shape),
        "pixels": "uint8",
        "source": Path(source).name,
        "source_count": files.count,
        "source_sha256": digest.hexdigest(),
        **protocols.metrics_protocol(evaluator.names, reference.moments.count, count),
    }
    return scores, protocol


def metrics_of(names: Sequence[str], extracted: features.Features) -> Sequence[str]:
    """All metrics that were asked for, or of all there are those that need no logits."""
    if tuple(names) == protocols.METRICS and not extracted.logits.shape[1]:
        return [name for name in names if name != "inception_score"]
    return names


def score_features(
    evaluator: Evaluator, extracted: features.Features, source: str
) -> tuple[dict[str, float], dict[str, Any]]:
    """Scores of features of a file, and their protocol."""
    count = len(extracted.features)
    scores = evaluator.score_features(extracted)
    protocol = {
        **evaluator.reference.protocol,
        "fake_count": count,
        "source": Path(source).name,
        "source_count": count,
        "source_sha256": ready_features.sha256_of(extracted),
        **protocols.metrics_protocol(evaluator.names, evaluator.reference.moments.count, count),
    }
    return scores, protocol


def _hashed(batches: Iterable[np.ndarray], digest) -> Iterator[np.ndarray]:
    for batch in batches:
        digest.update(np.ascontiguousarray(batch))
        yield batch
