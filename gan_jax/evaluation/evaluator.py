"""Scores of generated images against real ones, by a stated protocol.

Images reach an extractor as the uint8 pixels that a saved PNG would hold. FID and the Inception
Score keep sums alone, so their memory does not grow with the number of images; the metrics that
compare single images keep their features.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_jax import metrics
from gan_jax.core import fitting_batch_size, local_devices
from gan_jax.evaluation import features, protocols
from gan_jax.evaluation.parts import Parts
from gan_jax.evaluation.reference import Reference
from gan_jax.metrics import Extractor


class Measured(NamedTuple):
    """What is kept of generated images.

    Attributes:
      moments: Moments of their features.
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
          extractor: The extractor of the features; the one that `reference` was made with.
          reference: The real images, with their features where `protocols.needs_features(names)`,
            and better with their distances too, which else are computed at every scoring.
          names: Metrics, of `protocols.METRICS`.
          batch_size: Images at a time over all devices, rounded up to a multiple of their number.
        """
        self.extractor, self.reference = extractor, reference
        self.names = protocols.check_metrics(names)
        if protocols.needs_features(self.names) and reference.features is None:
            raise ValueError(
                f"{', '.join(self.names)}: the reference was made without features, give "
                "make_reference keep_features=True"
            )
        self.batch_size = fitting_batch_size(batch_size, local_devices().count)
        self._extract = features.make_extract(extractor, batch_size=self.batch_size)

    def score(
        self,
        batches: Iterable[Any],
        count: int,
        *,
        title: str = "",
        positions: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Scores `count` images.

        Args:
          batches: uint8 [B, H, W, C] in [0, 255], C 1 or 3, of any B.
          count: How many they are in all, at least 2.
          title: Title of the progress bar; empty for none.
          positions: The place of each image in the Inception Score, whose splits are consecutive:
            a permutation [count] for images that come sorted; None for images in no order.

        Returns:
          `{key: value}`, each key with the extractor's name (`metrics.metric_key`); next to
          "inception_score" its "..._std", next to "kid" its "..._std" over subsets and its
          "..._standard_error".

        Raises:
          ValueError: If there are too few images, or other ones than promised.
        """
        protocols.check_counts(self.names, self.reference.moments.count, count)
        shown = features.progress(batches, count, title)
        return self._scores(self._measure(self._extract(shown), count, positions))

    def score_numbered(
        self,
        images: Callable[[int, int], Iterable[np.ndarray]],
        count: int,
        *,
        parts: Parts | None = None,
        title: str = "",
    ) -> dict[str, float]:
        """Scores images that can be computed by their numbers, going on where it was interrupted.

        Args:
          images: Maps (start, stop) to images number start to stop - 1, as batches for `score`.
          count: Number of images, at least 2.
          parts: Where features are kept until all are there; None for nowhere. They are still
            there when this returns.
          title: As of `score`.

        Returns:
          As `score`.

        Raises:
          ValueError: As `score`.
        """
        protocols.check_counts(self.names, self.reference.moments.count, count)

        def compute(start: int, stop: int) -> Iterator[features.Features]:
            whole = title if not start else title and f"{title}, from image {start:,} on"
            return self._extract(features.progress(images(start, stop), stop - start, whole))

        if parts is None:
            return self._scores(self._measure(compute(0, count), count, None))
        with contextlib.closing(parts.completed(compute, count)) as found:
            measured = self._measure(found, count, None)
        return self._scores(measured)

    def score_features(self, ready: features.Features) -> dict[str, float]:
        """Scores features that were extracted elsewhere, by the same extractor.

        Args:
          ready: The features, with logits [N, 0] where the Inception Score is not asked for. Its
            splits are of images at random.

        Returns:
          As `score`.

        Raises:
          ValueError: If there are too few, or they are not of this extractor's dimensions.
        """
        count = len(ready.features)
        protocols.check_counts(self.names, self.reference.moments.count, count)
        wanted = {"features": (ready.features, self.extractor.feature_dim)}
        if "inception_score" in self.names:
            wanted["logits"] = ready.logits, self.extractor.num_logits
        for name, (found, dimensions) in wanted.items():
            if found.shape != (count, dimensions):
                raise ValueError(
                    f"{name} of {self.extractor.title} are [{count}, {dimensions}], not "
                    f"{list(found.shape)}"
                )
        positions = np.random.default_rng(0).permutation(count)
        return self._scores(self._measure([ready], count, positions))

    def _measure(
        self,
        batches: Iterable[features.Features],
        count: int,
        positions: np.ndarray | None,
    ) -> Measured:
        dim, splits = self.extractor.feature_dim, min(protocols.SPLITS, count)
        total = metrics.empty_moments(dim)
        logits, kept, done = None, None, 0
        if "inception_score" in self.names:
            logits = metrics.empty_inception_score_moments(
                self.extractor.num_logits, total=count, splits=splits
            )
        if protocols.needs_features(self.names):
            kept = np.empty((count, dim), np.float32)
        for part in features.collect(batches):
            stop = done + len(part.features)
            if stop > count:
                raise ValueError(f"{count} images were promised, more came")
            total = metrics.merge_moments(total, metrics.moments(part.features))
            if logits is not None:
                # As many positions as there are images would grow with their number.
                own = np.arange(done, stop) if positions is None else positions[done:stop]
                sums = metrics.inception_score_moments(
                    part.logits, total=count, splits=splits, positions=own
                )
                logits = metrics.merge_inception_score_moments(logits, sums)
            if kept is not None:
                kept[done:stop] = part.features
            done = stop
        if done != count:
            raise ValueError(f"{count} images were promised, {done} came")
        return Measured(total, logits, kept)

    def _scores(self, measured: Measured) -> dict[str, float]:
        found: dict[str, float] = {}
        # None where no metric of this evaluator needs them.
        real: Any = self.reference.features
        fake: Any = measured.features
        if "fid" in self.names:
            found["fid"] = metrics.frechet_inception_distance(
                self.reference.moments, measured.moments
            )
        if "kid" in self.names:
            subset = protocols.kid_subset_size(len(real), len(fake))
            kid = metrics.kernel_inception_distance(
                real,
                fake,
                subsets=protocols.SUBSETS,
                subset_size=subset,
            )
            found |= {
                "kid": kid.mean,
                "kid_std": kid.standard_deviation,
                "kid_standard_error": kid.standard_error,
            }
        if "inception_score" in self.names:
            score = metrics.inception_score(measured.logits)
            found |= {
                "inception_score": score.mean,
                "inception_score_std": score.standard_deviation,
            }
        found |= self._manifold(real, fake)
        return {
            metrics.metric_key(name, self.extractor.name): float(value)
            for name, value in found.items()
        }

    def _manifold(self, real: Any, fake: Any) -> dict[str, float]:
        neighbors, known = protocols.NEIGHBORS, self.reference.distances
        near, dense = (
            {*pair} & set(self.names) for pair in (("precision", "recall"), ("density", "coverage"))
        )
        found: dict[str, float] = {}
        if near and dense:
            all_four = metrics.manifold_scores(
                real,
                fake,
                precision_neighbors=neighbors["precision"],
                density_neighbors=neighbors["density"],
                real_distances=known,
            )
            found = all_four._asdict()
        elif near:
            found = metrics.precision_recall(
                real, fake, neighbors=neighbors["precision"], real_distances=known
            )._asdict()
        elif dense:
            found = metrics.density_coverage(
                real, fake, neighbors=neighbors["density"], real_distances=known
            )._asdict()
        return {name: value for name, value in found.items() if name in self.names}
