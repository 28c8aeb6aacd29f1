"""Grids of fixed inputs over training: the same inputs again and again, for every sampler."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gan_jax import core, sampling
from gan_jax.data import arrays_of
from gan_jax.runs import workdir
from gan_jax.runs.setup import Setup


class Grids:
    """Generates the grids of a run's samplers, with the sampler of the phase that is trained."""

    def __init__(self, setup: Setup, where: workdir.Workdir):
        """Fixes the inputs.

        Args:
          setup: The run.
          where: Its folder.
        """
        self._experiment, self._where = setup.sampled, where
        self._info, self._seed = setup.data_info, setup.config.seed
        self._arrays = arrays_of(setup.whole)
        self._grids: dict[tuple[int, str], sampling.FixedGrid] = {}

    def save(self, step: int, state: core.GanState) -> Iterator[tuple[str, np.ndarray]]:
        """Generates and writes the grids of a step.

        Args:
          step: Finished steps.
          state: This process's copy.

        Yields:
          (title, uint8 [H, W, C]) of every sampler.
        """
        index = self._experiment.index_reached(step)
        samplers = self._experiment.phases[index].gan.samplers
        for number, (name, sampler) in enumerate(samplers.items()):
            if (index, name) not in self._grids:
                self._grids[index, name] = self._make(sampler)
            path = self._where.grid(step, name if number else "")
            grid = self._grids[index, name].save(core.sampling_weights(state, sampler), path)
            yield f"samples/{name}" if number else "samples", grid

    def _make(self, sampler: core.Sampler) -> sampling.FixedGrid:
        return sampling.FixedGrid(
            sampler, seed=self._seed, classes=self._info.classes, rows=self._arrays
        )
