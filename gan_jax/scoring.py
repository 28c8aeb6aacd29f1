"""Scores of a run while it trains."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import jax
import numpy as np

from gan_jax import core, evaluation, fakes, metrics
from gan_jax.data import ImageDataset
from gan_jax.metrics import make_extractor
from gan_jax.reference import make_reference


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What scores a state: the extractor, the real images' statistics, the compiled generator.

    Attributes:
      evaluator: Of this run's metrics.
      fakes: As `fakes.make_fakes` returns it.
      count: Images to draw.
      protocol: All of it but the step.
    """

    evaluator: evaluation.Evaluator
    draw: Any
    count: int
    protocol: dict[str, Any]

    def __call__(self, state: core.GanState) -> dict[str, float]:
        """The scores of a state that is whole on this process's devices, by key."""
        images = self.draw(
            core.sampling_params(state),
            state.variables,
            self.count,
            self.evaluator.reference.label_frequencies,
        )
        return self.evaluator.score(images, self.count)

    @property
    def main_key(self) -> str:
        """Key of the score that says which checkpoint is best: the first metric's."""
        return metrics.metric_key(self.evaluator.names[0], self.evaluator.extractor.name)

    @property
    def lower_is_better(self) -> bool:
        """Of that score."""
        return self.evaluator.names[0] in evaluation.LOWER_IS_BETTER

    @property
    def protocol_key(self) -> str:
        """Names the protocol: scores with another one cannot be compared."""
        named = {**self.protocol, "metric": self.main_key}
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]


def make_scoring(
    sampler: core.Sampler,
    dataset: ImageDataset,
    *,
    family: str,
    extractor: str,
    weights: str | None,
    names: tuple[str, ...],
    num_images: int,
    num_real: int,
    averaged: bool,
    cache_dir: str | None,
) -> Scoring:
    """Reads the extractor and looks at the real images.

    Args:
      sampler: Of the game.
      dataset: What the run trains on, and is compared with.
      family: Of the run.
      extractor: A name of `gan_jax.metrics.EXTRACTORS`.
      weights: Its file of weights; None for where it looks.
      names: Metrics; the first says which checkpoint is best.
      num_images: Images to draw for a score.
      num_real: Real images, 0 for all.
      averaged: Whether the state has averaged weights to draw from.
      cache_dir: Where to keep what is computed of the real images.

    Raises:
      ValueError: If a name is unknown, a number cannot be, or weights are damaged.
      OSError: If weights cannot be had.
    """
    names = evaluation.check_metrics(names)
    if num_images < 2:
        raise ValueError(f"config.evaluate.num_images must be at least 2, not {num_images}")
    seen_by = make_extractor(extractor, weights=weights)
    reference = make_reference(
        seen_by,
        dataset,
        count=num_real,
        keep_features=evaluation.needs_features(names),
        cache_dir=cache_dir,
    )
    evaluator = evaluation.Evaluator(seen_by, reference, names)
    draw = fakes.make_fakes(sampler, seed=0, truncation=0.0, batch_size=evaluator.batch_size)
    protocol = evaluation.run_protocol(
        reference,
        sampler,
        names,
        family=family,
        image_shape=dataset.images.shape[1:],
        count=num_images,
        seed=0,
        truncation=0.0,
        averaged=averaged,
    )
    return Scoring(evaluator, draw, num_images, protocol)


def shared(score: float) -> float:
    """What process 0 has measured, on every process and to the bit.

    Args:
      score: On process 0; anything elsewhere.
    """
    if jax.process_count() == 1:
        return score
    from jax.experimental import multihost_utils

    # As words: JAX would round float64 to float32.
    words = multihost_utils.broadcast_one_to_all(np.float64([score]).view(np.uint32))
    return float(np.asarray(words).view(np.float64)[0])
