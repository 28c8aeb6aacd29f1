"""Scores of a run while it trains."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gan_jax import core, metrics
from gan_jax.data import ImageDataset
from gan_jax.evaluation import evaluator as evaluation
from gan_jax.evaluation import protocols
from gan_jax.evaluation.reference import make_reference
from gan_jax.metrics import make_extractor
from gan_jax.sampling import fakes


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


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

    def __call__(
        self, state: core.GanState, give_up: Callable[[], bool] = lambda: False
    ) -> dict[str, float] | None:
        """The scores of a state, by key.

        Args:
          state: Whole on this process's devices.
          give_up: Asked between batches; None is returned once it says so.
        """
        images = self.draw(
            core.sampling_params(state),
            state.variables,
            self.count,
            self.evaluator.reference.label_frequencies,
        )
        try:
            return self.evaluator.score(_until(images, give_up), self.count)
        except _GivenUpError:
            return None

    @property
    def main_key(self) -> str:
        """Key of the score that says which checkpoint is best: the first metric's."""
        return metrics.metric_key(self.evaluator.names[0], self.evaluator.extractor.name)

    @property
    def main_title(self) -> str:
        """That score's name for people."""
        return metrics.metric_title(self.evaluator.names[0], self.evaluator.extractor.name)

    @property
    def lower_is_better(self) -> bool:
        """Of that score."""
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


class _GivenUpError(Exception):
    """Somebody has something better to do than to score."""


def _until(batches: Iterable[Any], give_up: Callable[[], bool]) -> Iterator[Any]:
    for batch in batches:
        if give_up():
            raise _GivenUpError
        yield batch


def make_scoring(
    sampler: core.Sampler,
    dataset: ImageDataset,
    *,
    family: str,
    precision: str,
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
      precision: Of its networks' arithmetic.
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
    names = protocols.check_metrics(names)
    protocols.check_counts(names, num_real or len(dataset), num_images)
    seen_by = make_extractor(extractor, weights=weights)
    reference = make_reference(
        seen_by,
        dataset,
        count=num_real,
        keep_features=protocols.needs_features(names),
        cache_dir=cache_dir,
    )
    evaluator = evaluation.Evaluator(seen_by, reference, names)
    draw = fakes.make_fakes(sampler, seed=0, truncation=0.0, batch_size=evaluator.batch_size)
    protocol = protocols.run_protocol(
        reference,
        sampler,
        names,
        family=family,
        image_shape=dataset.images.shape[1:],
        precision=precision,
        count=num_images,
        seed=0,
        truncation=0.0,
        averaged=averaged,
    )
    return Scoring(evaluator, draw, num_images, protocol)
