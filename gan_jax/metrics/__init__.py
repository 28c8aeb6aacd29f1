"""Scores of generated images, and the features they are computed from.

Needs JAX, Flax, NumPy and SciPy only, and of this package `gan_jax.names`: usable from any project,
without a configuration.
"""

from gan_jax.metrics.distances import nearest_neighbors, neighbor_distances
from gan_jax.metrics.efficientnet import efficientnet_lite0
from gan_jax.metrics.extractor import (
    EXTRACTOR_TITLES,
    EXTRACTORS,
    METRIC_TITLES,
    Extractor,
    make_extractor,
    metric_key,
    metric_title,
)
from gan_jax.metrics.feature_moments import Moments, empty_moments, merge_moments, moments
from gan_jax.metrics.frechet import frechet_distance, frechet_inception_distance
from gan_jax.metrics.inception_scores import (
    InceptionScore,
    InceptionScoreMoments,
    empty_inception_score_moments,
    inception_score,
    inception_score_moments,
    merge_inception_score_moments,
)
from gan_jax.metrics.inception_v3 import inception
from gan_jax.metrics.kernel import KernelInceptionDistance, kernel_inception_distance
from gan_jax.metrics.manifold import (
    DensityCoverage,
    ManifoldScores,
    PrecisionRecall,
    density_coverage,
    manifold_scores,
    precision_recall,
)
from gan_jax.metrics.matching import MatchedAccuracy, matched_accuracy
from gan_jax.metrics.torch_file import WeightsError, read_torch_file

__all__ = [
    "EXTRACTORS",
    "EXTRACTOR_TITLES",
    "METRIC_TITLES",
    "DensityCoverage",
    "Extractor",
    "InceptionScore",
    "InceptionScoreMoments",
    "KernelInceptionDistance",
    "ManifoldScores",
    "MatchedAccuracy",
    "Moments",
    "PrecisionRecall",
    "WeightsError",
    "density_coverage",
    "efficientnet_lite0",
    "empty_inception_score_moments",
    "empty_moments",
    "frechet_distance",
    "frechet_inception_distance",
    "inception",
    "inception_score",
    "inception_score_moments",
    "kernel_inception_distance",
    "make_extractor",
    "manifold_scores",
    "matched_accuracy",
    "merge_inception_score_moments",
    "merge_moments",
    "metric_key",
    "metric_title",
    "moments",
    "nearest_neighbors",
    "neighbor_distances",
    "precision_recall",
    "read_torch_file",
]
