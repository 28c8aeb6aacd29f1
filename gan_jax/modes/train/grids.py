"""Grids of fixed inputs over training: the same inputs again and again, for every sampler.

A sampler with codes has a sweep of each of them as well.
"""

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
        self._generates: dict[tuple[int, str], sampling.Generate] = {}

    def save(self, step: int, state: core.GanState) -> Iterator[tuple[str, np.ndarray]]:
        """Generates and writes the grids of a step.

        Args:
          step: Finished steps.
          state: This process's copy.

        Yields:
          (title, uint8 [H, W, C]) of every sampler and of every sweep of a code.
        """
        index = self._experiment.index_reached(step)
        samplers = self._experiment.phases[index].gan.samplers
        for number, (name, sampler) in enumerate(samplers.items()):
            if (index, name) not in self._generates:
                self._generates[index, name] = sampling.make_generate(sampler)
            generate = self._generates[index, name]
            weights = core.sampling_weights(state, sampler)
            for sweep in (None, *sampler.codes()):
                parts = [name] if number else []
                parts += [f"sweep-{sweep}"] if sweep else []
                label = "_".join(parts)
                if (index, label) not in self._grids:
                    self._grids[index, label] = self._make(generate, sweep)
                grid = self._grids[index, label].save(weights, self._where.grid(step, label))
                yield f"samples/{label}" if label else "samples", grid

    def _make(self, generate: sampling.Generate, sweep: str | None) -> sampling.FixedGrid:
        return sampling.FixedGrid(
            generate.sampler,
            seed=self._seed,
            sweep=sweep,
            generate=generate,
            classes=self._info.classes,
            rows=self._arrays,
        )
