"""A trained run in a notebook or a program: `gan_jax.load`."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan_jax import sampling
from gan_jax.core import Category
from gan_jax.runs import numbered, restored


class TrainedRun:
    """A checkpoint of a run, which generates images; as `gan_jax.load` returns it.

    Attributes:
      workdir: The run's folder.
      step: The step of the checkpoint.
      averaged: Whether images come from averaged weights.
      class_names: The names of the labels that the sampler takes; empty if it takes none.
    """

    def __init__(self, restored_run: restored.Restored, *, split: str = "", trusted: bool = False):
        self._run, self._split, self._trusted = restored_run, split, trusted
        self.workdir = restored_run.where.path
        self.step, self.averaged = restored_run.step, restored_run.averaged
        labels = [
            one.labels
            for one in restored_run.sampler.inputs.values()
            if isinstance(one, Category) and one.labels is not None
        ]
        self.class_names = restored_run.info.class_names(labels[0]) if labels else ()
        # A sampler is compiled once for every truncation that is asked for.
        self._generate = functools.lru_cache(maxsize=8)(self._make_generate)

    def __repr__(self) -> str:
        weights = "averaged" if self.averaged else "raw"
        return f"TrainedRun({str(self.workdir)!r}, step={self.step}, {weights} weights)"

    def sample(
        self,
        count: int = 16,
        *,
        label: str | int | Sequence[str | int] | None = None,
        seed: int = 0,
        truncation: float | None = None,
    ) -> np.ndarray:
        """Generates images number 0 to `count` - 1 of a seed.

        They are the images that `--mode=sample --output=FOLDER` writes for the same seed and
        classes, and that `--mode=evaluate` scores.

            images = run.sample(16, label="truck", seed=1)
            plt.imshow(images[0])

        Args:
          count: How many, at least 1.
          label: A name, a label, or several, which then come in turn; None for labels as frequent
            as in the data.
          seed: Seed of the inputs, in 0..2**32 - 1.
          truncation: Bound on the latents' entries, above 0; None for none.

        Returns:
          uint8 [count, H, W, C], 0 to 255; C is 1 (gray) or 3 (RGB).

        Raises:
          ValueError: If there is no such label, if the sampler takes no labels or has no
            truncation, or if a number is out of its range.
          TypeError: If `count` or `seed` is no whole number, or `truncation` no number.
        """
        if operator.index(count) < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        seed = operator.index(seed)
        if truncation is not None and not isinstance(truncation, int | float):
            raise TypeError(f"truncation must be a number, not {truncation!r}")
        labels = _as_sequence(label)
        if labels and not self.class_names:
            raise ValueError(f"label={label!r}: the run has no labels to choose from")
        chosen = numbered.chosen_labels(self._run, labels)
        inputs_of = numbered.inputs_of(
            self._run, seed=seed, split=self._split, trusted=self._trusted
        )
        batches = self._generate(truncation).numbered(
            self._run.weights, numbered.with_labels(inputs_of, chosen), count
        )
        return np.concatenate([batch.images for batch in batches])

    def _make_generate(self, truncation: float | None) -> sampling.Generate:
        options = {} if truncation is None else {"truncation": truncation}
        return sampling.make_generate(self._run.sampler, options=options)


def load(
    workdir: str | Path,
    *,
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
    sampler: str | None = None,
    split: str = "",
    trust_workdir: bool = False,
) -> TrainedRun:
    """Loads a checkpoint of a trained run, to generate images in a notebook or a program.

        import gan_jax

        run = gan_jax.load("runs/dcgan")
        images = run.sample(16)  # uint8 [16, H, W, C]

    No data set is read, unless the sampler transforms images of the data.

    Args:
      workdir: The folder of the run; `~` is the home folder.
      step: The checkpoint; None for the newest that can be read.
      best: Whether to take the checkpoint of the best score, which a run with
        `config.evaluate.every` keeps.
      ema: Averaged weights, where the run has them.
      sampler: Its name, where a game has several; None for the first.
      split: Split of the data that the sampler transforms; empty for the one that was trained on.
      trust_workdir: Whether the run is your own, so that data is read and kept in the folders that
        its config.json names, and downloaded where it is missing.

    Raises:
      WorkdirError: A ValueError, if the folder holds no run.
      CheckpointError: If no checkpoint can be read.
      ValueError: If there is no such sampler, or the run keeps no best checkpoint.
    """
    path = Path(workdir).expanduser()
    step = None if step is None else operator.index(step)
    found = restored.load(path, step=step, ema=ema, best=best, sampler=sampler)
    return TrainedRun(found, split=split, trusted=trust_workdir)


def _as_sequence(label: str | int | Sequence[str | int] | None) -> Sequence[str | int]:
    if label is None:
        return ()
    # A name may hold a comma.
    if not isinstance(label, str | int | np.integer | list | tuple | np.ndarray):
        raise ValueError(f"label={label!r}: a class is a name or a label")
    labels = (label,) if isinstance(label, str | int | np.integer) else tuple(label)
    if not labels:
        raise ValueError(f"label={label!r} names no label: leave it out for those of the data")
    return labels
