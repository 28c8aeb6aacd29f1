"""The grid that shows how training goes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from gan_jax.core import Sampler, Weights
from gan_jax.images import save_png
from gan_jax.sampling.generate import Generate, make_generate
from gan_jax.sampling.grid import ALL_CLASSES, Classes, grid_image, grid_inputs, sweep_inputs
from gan_jax.sampling.numbering import inputs


class FixedGrid:
    """Generates images of the same inputs again and again as training goes on.

    A sampler of another phase, whose images have another size, has a grid of its own; of the same
    seed its inputs are the same ones.
    """

    def __init__(
        self,
        sampler: Sampler,
        *,
        seed: int,
        sweep: str | None = None,
        generate: Generate | None = None,
        classes: Classes = ALL_CLASSES,
        frequencies: Mapping[str, Any] = MappingProxyType({}),
        rows: Mapping[str, np.ndarray] = MappingProxyType({}),
    ):
        """Fixes the inputs.

        Args:
          sampler: A sampler of the game.
          seed: Seed of the inputs, in 0..2**32 - 1.
          sweep: The input that every row varies, as `sweep_inputs` takes it; None for a grid of
            categories, source images or numbers.
          generate: What generates the sampler's images, where several grids share it.
          classes: The classes to show, for labels.
          frequencies: As in `sampling.inputs`.
          rows: As in `sampling.inputs`.
        """
        inputs_of = functools.partial(
            inputs, sampler, seed=seed, frequencies=frequencies, rows=rows
        )
        if sweep is None:
            self._grid = grid_inputs(sampler, inputs_of, classes=classes)
        else:
            self._grid = sweep_inputs(sampler, inputs_of, sweep, classes=classes)
        self._generate = generate or make_generate(sampler)

    def save(self, weights: Weights, path: Path) -> np.ndarray:
        """Generates the grid.

        Args:
          weights: The weights that the sampler reads.
          path: The PNG to write.

        Returns:
          The same, uint8 [H, W, C].

        Raises:
          OSError: If it cannot be written.
        """
        image = grid_image(self._generate, weights, self._grid)
        save_png(path, image)
        return image
