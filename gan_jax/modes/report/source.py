"""What generates the images of one sampler, and the data that they are compared with."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from gan_jax import sampling
from gan_jax.core import Category, FromData
from gan_jax.data import Dataset, Streams, arrays_of
from gan_jax.evaluation import stream_of
from gan_jax.runs import restored, workdir


@dataclasses.dataclass(frozen=True)
class Source:
    """What generates the images of one sampler, and what they are compared with.

    Image number i is the same one in every mode.

    Attributes:
      run: The sampler and its weights.
      generate: Of the sampler, compiled.
      inputs_of: From the numbers of images to their inputs.
      streams: What the run was trained on; None where that is not available.
      seed: Seed of the choice of real images.
    """

    run: restored.Restored
    generate: sampling.Generate
    inputs_of: sampling.InputsOf
    streams: Streams | None
    seed: int

    @property
    def info(self) -> workdir.DataInfo:
        """What the run knows of its data."""
        return self.run.info

    @property
    def targets(self) -> Dataset | None:
        """The data set with the images that generated ones are to look like."""
        if self.streams is None:
            return None
        return stream_of(self.streams, self.run.sampler.target)

    def category(self, name: str) -> Category:
        """The input of this name, which is a category."""
        one = self.run.sampler.inputs[name]
        assert isinstance(one, Category)
        return one

    def images(self, inputs: sampling.Inputs) -> np.ndarray:
        """Images of given inputs, uint8 [N, H, W, C]."""
        return np.concatenate(list(self.generate(self.run.weights, inputs)))

    def grid_rows(self, grid: sampling.Grid) -> tuple[np.ndarray, ...]:
        """Images of a grid, uint8 [columns, H, W, C] for each row."""
        images = self.images(grid.inputs)
        return tuple(images.reshape(-1, grid.columns, *images.shape[1:]))

    def real(self, dataset: Dataset, count: int, members: np.ndarray | None = None) -> np.ndarray:
        """Target images chosen at random, of all or of these rows: uint8 [count or less, ...]."""
        members = np.arange(len(dataset)) if members is None else members
        chosen = np.random.default_rng(self.seed).permutation(members)[:count]
        return np.asarray(dataset.arrays[self.run.sampler.target][np.sort(chosen)])


def reads_data(run: restored.Restored) -> bool:
    """Whether the sampler cannot generate without the data set."""
    return any(isinstance(one, FromData) for one in run.sampler.inputs.values())


def make_source(run: restored.Restored, streams: Streams | None, *, seed: int) -> Source:
    """Makes what generates the images of one sampler.

    Args:
      run: The sampler and its weights.
      streams: What the run was trained on, or None; a sampler that `reads_data` needs it.
      seed: Seed of the inputs and of the choice of real images.
    """
    inputs_of = functools.partial(
        sampling.inputs,
        run.sampler,
        seed=seed,
        frequencies=run.info.label_frequencies,
        rows=arrays_of(streams or {}),
    )
    return Source(run, sampling.make_generate(run.sampler), inputs_of, streams, seed)
