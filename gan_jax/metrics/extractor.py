"""Feature extractors: functions of images that return (features, logits), and their names."""

from __future__ import annotations

import dataclasses
import os
import types
from collections.abc import Callable, Mapping
from typing import Any

import jax

from gan_jax.names import check_name

ApplyFn = Callable[[Any, jax.Array], tuple[jax.Array, jax.Array]]
Weights = str | os.PathLike[str] | None

INCEPTION = "inception"

METRIC_TITLES: Mapping[str, str] = types.MappingProxyType(
    {
        "fid": "FID",
        "kid": "KID",
        "inception_score": "Inception Score",
        "precision": "Precision",
        "recall": "Recall",
        "density": "Density",
        "coverage": "Coverage",
    }
)


@dataclasses.dataclass(frozen=True, eq=False)
class Extractor:
    """A network that turns images into the features and logits that scores are computed from.

    `extractor(images)` is `extractor.apply(extractor.params, images)`. To compile it, pass the
    parameters as an argument, `jax.jit(extractor.apply)(extractor.params, images)`: those of a
    closure become constants of the compiled program. An extractor of your own is this class with
    your name, parameters and function.

    Attributes:
      name: what keys of scores carry, as "efficientnet_lite0".
      title: what people read, as "EfficientNet-Lite0".
      resolution: height and width in pixels to which images are resized for the network.
      resize: one phrase that says how images come to that size, as "TF1 bilinear to 299".
      feature_dim: D, the number of features.
      num_logits: K, the number of classes.
      weights_sha256: SHA-256 of the file of weights, in hexadecimal.
      params: tree of float32 arrays.
      apply: (params, uint8 [B, H, W, 3] in [0, 255]) -> (features float32 [B, D], logits float32
        [B, K]). Pure and jittable; it resizes by itself, and H and W may be anything from 1 up.
    """

    name: str
    title: str
    resolution: int
    resize: str
    feature_dim: int
    num_logits: int
    weights_sha256: str
    params: Any = dataclasses.field(repr=False)
    apply: ApplyFn = dataclasses.field(repr=False)

    def __call__(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Extracts.

        Args:
          images: uint8 [B, H, W, 3] in [0, 255].

        Returns:
          features float32 [B, feature_dim], logits float32 [B, num_logits].
        """
        return self.apply(self.params, images)


Builder = Callable[[Weights], Extractor]


# The networks' modules import this one, hence the imports inside.
def _inception(weights: Weights = None) -> Extractor:
    from gan_jax.metrics.inception_v3 import inception

    return inception(weights)


def _efficientnet_lite0(weights: Weights = None) -> Extractor:
    from gan_jax.metrics.efficientnet import efficientnet_lite0

    return efficientnet_lite0(weights)


EXTRACTORS: Mapping[str, Builder] = types.MappingProxyType(
    {INCEPTION: _inception, "efficientnet_lite0": _efficientnet_lite0}
)
EXTRACTOR_TITLES: Mapping[str, str] = types.MappingProxyType(
    {INCEPTION: "Inception-v3 2015-12-05", "efficientnet_lite0": "EfficientNet-Lite0"}
)


def make_extractor(name: str, *, weights: Weights = None) -> Extractor:
    """Builds one of the extractors that come with the package.

    Args:
      name: a key of `EXTRACTORS`.
      weights: path of the file of weights; None finds it where the extractor's builder looks.

    Returns:
      The extractor, its weights read and checked.

    Raises:
      ValueError: unknown name (the nearest is in the message), or weights that are missing,
        damaged, or of another network.
      OSError: a file that cannot be read.
    """
    check_name("extractor", name, EXTRACTORS)
    if weights is not None and not os.path.isfile(os.path.expanduser(weights)):
        raise FileNotFoundError(f"there is no file of weights {weights}: give one, or none")
    return EXTRACTORS[name](weights)


def metric_key(metric: str, extractor_name: str) -> str:
    """Names a score so that it carries its extractor; a bare name means Inception.

    Args:
      metric: as "fid", or a part of a result, as "inception_score_std".
      extractor_name: as "inception".

    Returns:
      As "fid", or "fid_efficientnet_lite0".
    """
    return metric if extractor_name == INCEPTION else f"{metric}_{extractor_name}"


def metric_title(metric: str, extractor_name: str) -> str:
    """Writes a score's name for people; a bare name means Inception.

    Args:
      metric: a key of `METRIC_TITLES`.
      extractor_name: a key of `EXTRACTORS`, or the name of an extractor of your own.

    Returns:
      As "FID", or "FID (EfficientNet-Lite0)".

    Raises:
      ValueError: unknown metric.
    """
    check_name("metric", metric, METRIC_TITLES)
    title = METRIC_TITLES[metric]
    if extractor_name == INCEPTION:
        return title
    return f"{title} ({EXTRACTOR_TITLES.get(extractor_name, extractor_name)})"
