"""Scores of the samples of a run."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from gan_jax import metrics, sampling, telemetry
from gan_jax.core import FromData, Sampler, Weights
from gan_jax.data import Dataset, Streams, arrays_of
from gan_jax.evaluation import features, parts, protocols
from gan_jax.evaluation.evaluator import Evaluator
from gan_jax.evaluation.parts import Parts
from gan_jax.evaluation.reference import make_reference
from gan_jax.metrics import Extractor


class _CancelledError(Exception):
    """There is something more urgent than to score."""


@dataclasses.dataclass(frozen=True)
class SampleEvaluator:
    """Scores the samples of a state; as `make_sample_evaluator` returns it.

    Attributes:
      evaluator: The evaluator of the metrics, against the real images.
      generate: Generates the sampler's images, compiled.
      inputs_of: Maps the numbers of images to their inputs.
      count: Images to generate.
      protocol: All that the scores depend on but the step.
      unfinished_dir: Where features are kept until all are scored (`parts.folder_of`), so that an
        evaluation that was interrupted goes on; None for nowhere.
    """

    evaluator: Evaluator
    generate: sampling.Generate
    inputs_of: sampling.InputsOf
    count: int
    protocol: Mapping[str, Any]
    unfinished_dir: Path | None = None

    def __call__(
        self, weights: Weights, *, cancelled: Callable[[], bool] = lambda: False, title: str = ""
    ) -> dict[str, float] | None:
        """The scores, by key; None if cancelled.

        Args:
          weights: The weights that the sampler reads.
          cancelled: Asked between batches, whether to stop.
          title: Title of the progress bar; empty for none.
        """
        kept = None
        if self.unfinished_dir is not None:
            logits = "inception_score" in self.evaluator.names
            kept = Parts(self.unfinished_dir, self.identity(weights), keep_logits=logits)

        def images(start: int, stop: int) -> Iterator[np.ndarray]:
            # From the first of a batch on, so that each image has its usual place in it.
            skipped = start % self.generate.batch_size
            batches = self.generate.numbered(weights, self.inputs_of, stop, start=start - skipped)
            return _until(batches, cancelled, skipped)

        try:
            scores = self.evaluator.score_numbered(images, self.count, parts=kept, title=title)
        except _CancelledError:
            return None
        if kept is not None:
            kept.remove()
        return scores

    def identity(self, weights: Weights) -> dict[str, Any]:
        """All that the bits of the scores depend on, JSON-able.

        Args:
          weights: The weights that the sampler reads.
        """
        return {
            "protocol": self.protocol,
            "weights_sha256": parts.weights_sha256(weights),
            "batch_sizes": [self.generate.batch_size, self.evaluator.batch_size],
            "environment": telemetry.environment(),
        }

    @property
    def main_key(self) -> str:
        """Key of the score that says which checkpoint is best: the first metric's."""
        return metrics.metric_key(self.evaluator.names[0], self.evaluator.extractor.name)

    @property
    def main_title(self) -> str:
        """The title of that score."""
        return metrics.metric_title(self.evaluator.names[0], self.evaluator.extractor.name)

    @property
    def lower_is_better(self) -> bool:
        """Whether a lower value of that score is better."""
        return self.evaluator.names[0] in protocols.LOWER_IS_BETTER

    @property
    def main_protocol_key(self) -> str:
        """Names what that score can be compared with; the other metrics have no part in it."""
        others = protocols.metrics_protocol(self.evaluator.names[1:], 2, 2)
        own = protocols.metrics_protocol(self.evaluator.names[:1], 2, 2)
        named = {k: v for k, v in self.protocol.items() if k in own or k not in others}
        return _digest({**named, "metric": self.main_key})

    @property
    def protocol_key(self) -> str:
        """Names the protocol of all scores."""
        return _digest(self.protocol)


def make_evaluator(
    extractor: Extractor,
    streams: Streams,
    array: str,
    names: Sequence[str],
    *,
    num_images: int,
    num_real: int = 0,
    cache_dir: str | Path | None = None,
    batch_size: int = features.BATCH_SIZE,
) -> Evaluator:
    """Computes the features of the real images, or reads what is kept of them.

    Args:
      extractor: The extractor of the features.
      streams: The data.
      array: The images to compare with: a sampler's `target`.
      names: Metrics; the first says which checkpoint is best.
      num_images: Images that will be scored.
      num_real: Real images, 0 for all.
      cache_dir: Where to keep what is computed of the real images.
      batch_size: Images at a time over all devices.

    Raises:
      ValueError: If a name is unknown, or there are too few images.
      OSError: If a result cannot be written.
    """
    names, dataset = protocols.check_metrics(names), stream_of(streams, array)
    protocols.check_counts(names, num_real or len(dataset), num_images)
    reference = make_reference(
        extractor,
        dataset,
        array=array,
        count=num_real,
        keep_features=protocols.needs_features(names),
        neighbors=protocols.most_neighbors(names),
        cache_dir=cache_dir,
        batch_size=batch_size,
    )
    return Evaluator(extractor, reference, names, batch_size=batch_size)


def make_sample_evaluator(
    evaluator: Evaluator,
    sampler: Sampler,
    weights: Weights,
    streams: Streams,
    *,
    family: str,
    sampler_name: str,
    precision: str,
    count: int,
    averaged: bool,
    frequencies: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
    options: Mapping[str, Any] = MappingProxyType({}),
    unfinished_dir: Path | None = None,
) -> SampleEvaluator:
    """Makes what scores the samples of a run.

    Args:
      evaluator: As `make_evaluator` makes it for the sampler's `target`.
      sampler: A sampler of the game.
      weights: The weights that it reads, or their shapes.
      streams: The data, of which the sampler may read rows.
      family: The family of the run.
      sampler_name: Its name in the game.
      precision: Precision of the networks' arithmetic.
      count: Images to generate.
      averaged: Whether weights, and the statistics that go with them, are moving averages.
      frequencies: How often each class occurs in the data that the run was trained on, as
        `label_frequencies` gives it; None where that is `streams`.
      seed: Seed of the inputs.
      options: Values of some of `sampler.options`.
      unfinished_dir: Where an evaluation that is interrupted keeps what is done of it, as
        `parts.folder_of` returns it; None for nowhere.

    Raises:
      ValueError: If the sampler has no such option or refuses its value, or if the data lacks what
        it reads.
    """
    inputs_of = functools.partial(
        sampling.inputs,
        sampler,
        seed=seed,
        frequencies=label_frequencies(streams) if frequencies is None else frequencies,
        rows=arrays_of(streams),
    )
    shape = sampling.image_shape(sampler, weights, inputs_of(np.arange(1)), options=options)
    protocol = protocols.samples_protocol(
        evaluator.reference,
        sampler,
        evaluator.names,
        family=family,
        sampler_name=sampler_name,
        image_shape=shape,
        sources={
            one.array: stream_of(streams, one.array).identity
            for one in sampler.inputs.values()
            if isinstance(one, FromData)
        },
        precision=precision,
        count=count,
        seed=seed,
        options=options,
        averaged=averaged,
    )
    generate = sampling.make_generate(sampler, options=options)
    return SampleEvaluator(evaluator, generate, inputs_of, count, protocol, unfinished_dir)


def stream_of(streams: Streams, array: str) -> Dataset:
    """The data set that has an array.

    Args:
      streams: The data.
      array: The name of the array.

    Raises:
      ValueError: If none has it.
    """
    for dataset in streams.values():
        if array in dataset.arrays:
            return dataset
    known = ", ".join(name for dataset in streams.values() for name in dataset.arrays)
    raise ValueError(f"the data has no array '{array}', it has {known}")


def label_frequencies(streams: Streams) -> dict[str, np.ndarray]:
    """How often each class occurs in `streams`: `{array: float64 [num_classes]}`, sums of 1."""
    return {
        name: np.asarray(dataset.class_counts(name)) / len(dataset)
        for dataset in streams.values()
        for name in dataset.class_names
    }


def _until(
    batches: Iterable[sampling.Generated], cancelled: Callable[[], bool], skipped: int
) -> Iterator[np.ndarray]:
    """The images but for the first ones, less than a batch."""
    for batch in batches:
        if cancelled():
            raise _CancelledError
        yield batch.images[skipped:]
        skipped = 0


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
