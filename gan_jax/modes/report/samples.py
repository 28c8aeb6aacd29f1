"""Images that a checkpoint generates for the page: samples, interpolations, sweeps, queries."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan_jax import sampling
from gan_jax.core import Category, FromData, Normal, Uniform, Weights
from gan_jax.data import Dataset, Streams
from gan_jax.evaluation import stream_of
from gan_jax.modes.report.encoding import spread
from gan_jax.runs import restored, workdir

MAX_ROWS = 20  # Categories: nobody reads more rows.
PER_ROW = 8
UNLABELED = 24
SOURCES = 8
PATHS, MAX_PATHS, PATH_STEPS = 6, 10, 9
SWEEPS, SWEEP_STEPS = 4, 9


class Row(NamedTuple):
    """Images of one kind next to each other.

    Attributes:
      name: Of the category; empty where there is none.
      strips: uint8 [N, H, W, C] for each heading; N at least 1.
    """

    name: str
    strips: tuple[np.ndarray, ...]


class Strips(NamedTuple):
    """Rows of images under common headings.

    Attributes:
      heads: The headings.
      rows: At least one.
      shared: (caption, uint8 [N, H, W, C]) of what is shown once and not in every row.
      hidden: How many categories are not among the rows.
    """

    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    shared: tuple[tuple[str, np.ndarray], ...] = ()
    hidden: int = 0


class Sweep(NamedTuple):
    """Images that differ in one input along their rows.

    Attributes:
      name: Of the input.
      values: What it goes through, as part of a sentence.
      rows: Each uint8 [V, H, W, C].
    """

    name: str
    values: str
    rows: tuple[np.ndarray, ...]


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
    def weights(self) -> Weights:
        """What the sampler reads."""
        return self.run.weights

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

    def images(self, inputs: sampling.Inputs) -> np.ndarray:
        """Images of given inputs, uint8 [N, H, W, C]."""
        return np.concatenate(list(self.generate(self.weights, inputs)))

    def grid_rows(self, grid: sampling.Grid) -> tuple[np.ndarray, ...]:
        """Images of a grid, uint8 [columns, H, W, C] for each row."""
        images = self.images(grid.inputs)
        return tuple(images.reshape(-1, grid.columns, *images.shape[1:]))

    def real(self, count: int, members: np.ndarray | None = None) -> np.ndarray:
        """Target images chosen at random, of all or of these rows: uint8 [count or less, ...]."""
        members = np.arange(len(self.targets)) if members is None else members
        chosen = np.random.default_rng(self.seed).permutation(members)[:count]
        return np.asarray(self.targets.arrays[self.run.sampler.target][np.sort(chosen)])


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
        rows=_arrays(streams),
    )
    return Source(run, sampling.make_generate(run.sampler), inputs_of, streams, seed)


def _arrays(streams: Streams | None) -> dict[str, np.ndarray]:
    return {name: array for one in (streams or {}).values() for name, array in one.arrays.items()}


def samples(source: Source) -> Strips:
    """Generated images, next to real ones where there is a data set.

    A sampler with a category has a row for each of its values, one that transforms images a row
    for each source image; any other has images by number.
    """
    if name := source.run.sampler.first(Category):
        return _by_category(source, name)
    if name := _image_input(source):
        return _by_source_image(source, name)
    generated = source.images(source.inputs_of(np.arange(UNLABELED)))
    if source.streams is None:
        return Strips(("generated",), (Row("", (generated,)),))
    return Strips(("real", "generated"), (Row("", (source.real(UNLABELED), generated)),))


def _image_input(source: Source) -> str | None:
    """The name of the first input that is an image of the data."""
    for name, one in source.run.sampler.inputs.items():
        if isinstance(one, FromData) and source.info.specs[one.array].shape:
            return name
    return None


def _by_category(source: Source, name: str) -> Strips:
    sampler, classes, targets = source.run.sampler, source.info.classes, source.targets
    grid = sampling.grid_inputs(
        sampler, source.inputs_of, columns=PER_ROW, classes=classes, max_rows=MAX_ROWS
    )
    one = sampler.inputs[name]
    generated, values = source.grid_rows(grid), classes.of(one)
    shared = []
    if image := _image_input(source):
        shared.append(("source images of the columns", grid.inputs[image][:PER_ROW]))
    heads, strips = ("generated",), [(images,) for images in generated]
    if targets is not None and one.labels in targets.arrays:
        labels = targets.arrays[one.labels]
        real = [source.real(PER_ROW, np.flatnonzero(labels == value)) for value in values]
        heads, strips = ("real", *heads), list(zip(real, generated, strict=False))
    elif targets is not None:
        shared.append(("real images", source.real(UNLABELED)))
    rows = tuple(Row(*pair) for pair in zip(grid.row_names, strips, strict=True))
    return Strips(heads, rows, tuple(shared), len(values) - len(rows))


def _by_source_image(source: Source, name: str) -> Strips:
    sampler, targets = source.run.sampler, source.targets
    inputs = source.inputs_of(np.arange(SOURCES))
    columns = {"source": inputs[name], "generated": source.images(inputs)}
    array = sampler.inputs[name].array
    if sampler.target != array:
        # Rows of two streams do not belong together.
        paired = array in targets.arrays
        known = targets.arrays[sampler.target]
        rows = np.asarray(known[np.arange(SOURCES) % len(known)])
        columns["target" if paired else "from the target's data, not paired"] = rows
    cells = zip(*columns.values(), strict=True)
    return Strips(tuple(columns), tuple(Row("", tuple(c[None] for c in row)) for row in cells))


def interpolations(source: Source) -> Strips | None:
    """Interpolations between normal inputs, within a category where there are any.

    Returns:
      A row for each path; None for a sampler without a vector of normal noise.
    """
    inputs = source.run.sampler.inputs.values()
    if not any(isinstance(one, Normal) and len(one.shape) == 1 for one in inputs):
        return None
    grid = sampling.interpolation_inputs(
        source.run.sampler,
        source.inputs_of,
        rows=PATHS,
        columns=PATH_STEPS,
        classes=source.info.classes,
        max_rows=MAX_PATHS,
    )
    paths = source.grid_rows(grid)
    names = grid.row_names or [""] * len(paths)
    return Strips(("",), tuple(Row(name, (path,)) for name, path in zip(names, paths, strict=True)))


def sweeps(source: Source) -> list[Sweep]:
    """A sweep of every further code: a category that is not the rows', or a single number."""
    sampler = source.run.sampler
    rows_are = sampler.first(Category)
    return [
        _sweep(source, name)
        for name, one in sampler.inputs.items()
        if (isinstance(one, Category) and name != rows_are)
        or (isinstance(one, Normal | Uniform) and one.shape in ((), (1,)))
    ]


def _sweep(source: Source, name: str) -> Sweep:
    one, classes = source.run.sampler.inputs[name], source.info.classes
    if isinstance(one, Category):
        values = classes.of(one)
        few = tuple(values[spread(len(values), MAX_ROWS)].tolist())
        classes = classes._replace(shown={**classes.shown, one.labels: few})
    grid = sampling.sweep_inputs(
        source.run.sampler,
        source.inputs_of,
        name,
        rows=SWEEPS,
        columns=SWEEP_STEPS,
        classes=classes,
    )
    names = grid.column_names
    text = ", ".join(names) if isinstance(one, Category) else f"{names[0]} to {names[-1]}"
    return Sweep(name, text, source.grid_rows(grid))


def queries(source: Source, count: int) -> tuple[np.ndarray, list[str]]:
    """Images to search neighbors of: number 0 to `count` - 1.

    Returns:
      uint8 [count, H, W, C], and the name of each one's first category, empty where there is none.
    """
    batches = list(source.generate.numbered(source.weights, source.inputs_of, count))
    images = np.concatenate([batch.images for batch in batches])
    name = source.run.sampler.first(Category)
    if name is None:
        return images, [""] * count
    values = np.concatenate([batch.inputs[name] for batch in batches])
    return images, _titles(source, name, values)


def _titles(source: Source, name: str, values: Sequence[int]) -> list[str]:
    known = source.info.classes.names.get(source.run.sampler.inputs[name].labels)
    return [known[value] if known else f"{name} {value}" for value in values]
