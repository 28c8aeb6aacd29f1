"""Scores of generated images, and the features they are computed from.

Needs JAX, Flax, NumPy and SciPy only, and nothing else of this package: usable from any project,
without a configuration.
"""

from gan_jax.metrics.extractor import (
    EXTRACTOR_TITLES,
    EXTRACTORS,
    METRIC_TITLES,
    Extractor,
    make_extractor,
    metric_key,
    metric_title,
)
from gan_jax.metrics.torch_file import WeightsError, read_torch_file

__all__ = [
    "EXTRACTORS",
    "EXTRACTOR_TITLES",
    "METRIC_TITLES",
    "Extractor",
    "WeightsError",
    "make_extractor",
    "metric_key",
    "metric_title",
    "read_torch_file",
]
