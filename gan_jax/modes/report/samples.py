"""Images that a checkpoint generates for the page: samples, interpolations, sweeps, queries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax import sampling
from gan_jax.core import Category, FromData, Normal
from gan_jax.modes.report.encoding import spread
from gan_jax.modes.report.source import Source

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
      kind: What the rows' names are, as "class"; empty where they have none.
      shared: (caption, uint8 [N, H, W, C]) of what is shown once and not in every row.
      hidden: How many rows are left out.
    """

    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    kind: str = ""
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
    targets = source.targets
    if targets is None:
        return Strips(("generated",), (Row("", (generated,)),))
    real = source.real(targets, UNLABELED)
    return Strips(("real", "generated"), (Row("", (real, generated)),))


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
    one = source.category(name)
    generated, values = source.grid_rows(grid), classes.of(one)
    strips: list[tuple[np.ndarray, ...]] = [(images,) for images in generated]
    heads: tuple[str, ...] = ("generated",)
    shared = []
    if image := _image_input(source):
        shared.append(("source images of the columns", grid.inputs[image][:PER_ROW]))
    if targets is not None and one.labels is not None and one.labels in targets.arrays:
        labels = targets.arrays[one.labels]
        heads = ("real", *heads)
        strips = [
            (source.real(targets, PER_ROW, np.flatnonzero(labels == value)), images)
            for value, images in zip(values, generated, strict=False)
        ]
    elif targets is not None:
        shared.append(("real images", source.real(targets, UNLABELED)))
    rows = tuple(Row(*pair) for pair in zip(grid.row_names, strips, strict=True))
    kind = name if one.labels is None else "class"
    return Strips(heads, rows, kind, tuple(shared), len(values) - len(rows))


def _by_source_image(source: Source, name: str) -> Strips:
    sampler, targets = source.run.sampler, source.targets
    inputs = source.inputs_of(np.arange(SOURCES))
    columns = {"source": inputs[name], "generated": source.images(inputs)}
    one = sampler.inputs[name]
    if targets is not None and isinstance(one, FromData) and one.array != sampler.target:
        known = targets.arrays[sampler.target]
        rows = np.asarray(known[np.arange(SOURCES) % len(known)])
        # Rows of two streams do not belong together.
        columns["target" if one.array in targets.arrays else "unpaired target"] = rows
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
    return [_sweep(source, name) for name in source.run.sampler.codes()]


def _sweep(source: Source, name: str) -> Sweep:
    sampler = source.run.sampler
    grid = sampling.sweep_inputs(
        sampler,
        source.inputs_of,
        name,
        rows=SWEEPS,
        columns=SWEEP_STEPS,
        classes=source.info.classes,
    )
    total, grid = grid.columns, _with_fewer_columns(grid, MAX_ROWS)
    names = grid.column_names
    text = f"{names[0]} to {names[-1]}"
    if isinstance(sampler.inputs[name], Category):
        part = f" ({len(names)} of {total} values)" if len(names) < total else ""
        text = f"{', '.join(names)}{part}"
    return Sweep(name, text, source.grid_rows(grid))


def _with_fewer_columns(grid: sampling.Grid, columns: int) -> sampling.Grid:
    """Up to `columns` columns of a grid with names, evenly, the first and the last among them."""
    chosen = spread(grid.columns, columns)

    def few(array: np.ndarray) -> np.ndarray:
        rows = array.reshape(-1, grid.columns, *array.shape[1:])[:, chosen]
        return rows.reshape(-1, *array.shape[1:])

    inputs = {name: few(array) for name, array in grid.inputs.items()}
    names = tuple(grid.column_names[i] for i in chosen)
    return grid._replace(inputs=inputs, columns=len(chosen), column_names=names)


def queries(source: Source, count: int) -> tuple[np.ndarray, list[str]]:
    """Images to search neighbors of: number 0 to `count` - 1.

    Returns:
      uint8 [count, H, W, C], and the name of each one's first category, empty where there is none.
    """
    batches = list(source.generate.numbered(source.run.weights, source.inputs_of, count))
    images = np.concatenate([batch.images for batch in batches])
    name = source.run.sampler.first(Category)
    if name is None:
        return images, [""] * count
    values = np.concatenate([batch.inputs[name] for batch in batches])
    labels = source.category(name).labels
    known = source.info.class_names(labels) if labels else None
    return images, [known[value] if known else f"{name} {value}" for value in values]
