"""Grids of images: their inputs, and how they are assembled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gan_jax.core import Category, FromData, Key, Normal, Sampler, Uniform, Weights
from gan_jax.images import can_draw, image_grid, labeled_grid, to_pixels
from gan_jax.names import check_name
from gan_jax.sampling.generate import Generate
from gan_jax.sampling.interpolate import great_circle
from gan_jax.sampling.numbering import Inputs, InputsOf

COLUMNS = 10
MAX_ROWS = 20
# Of a normal input, the values that a sweep goes through.
_NORMAL_RANGE = (-2.0, 2.0)


class Grid(NamedTuple):
    """A grid before its images are generated.

    Attributes:
      inputs: `{name: array [rows * columns, ...]}`, row by row.
      columns: Images in a row.
      row_names: The name of every row; empty for none.
      column_names: The name of every column; empty for none.
      sources: uint8 [rows, H, W, C], shown before the generated images of their row; or None.
    """

    inputs: Inputs
    columns: int
    row_names: tuple[str, ...] = ()
    column_names: tuple[str, ...] = ()
    sources: np.ndarray | None = None


class Classes(NamedTuple):
    """Which categories a grid shows.

    Attributes:
      names: `{array of labels: names of all its classes}`.
      shown: `{array of labels: the labels to show}`; all of an array that is not named.
    """

    names: Mapping[str, Sequence[str]] = MappingProxyType({})
    shown: Mapping[str, Sequence[int]] = MappingProxyType({})

    def of(self, one: Category) -> np.ndarray:
        """The values of an input to show, int32."""
        shown = self.shown.get(one.labels) if one.labels else None
        return np.asarray(range(one.size) if shown is None else shown, np.int32)

    def titles(self, one: Category, prefix: str = "") -> tuple[str, ...]:
        """What to call these values: their names, or `prefix` and the value."""
        known = self.names.get(one.labels) if one.labels else None
        return tuple(known[value] if known else f"{prefix}{value}" for value in self.of(one))


ALL_CLASSES = Classes()


def grid_inputs(
    sampler: Sampler,
    inputs_of: InputsOf,
    *,
    columns: int = COLUMNS,
    classes: Classes = ALL_CLASSES,
    max_rows: int | None = MAX_ROWS,
) -> Grid:
    """A grid whose rows are categories, else source images, else numbers.

    The columns share all the rest, so that what differs between rows is the category, or the
    source image, alone.

    Args:
      sampler: A sampler of the game.
      inputs_of: Maps numbers int32 [N] to inputs; see `sampling.inputs`.
      columns: Images in a row; of a sampler that does nothing but transform source images one.
      classes: The classes to show, for labels.
      max_rows: Rows at most, where they are categories; None for no bound.
    """
    if name := sampler.first(Category):
        values, titles = _categories(sampler, name, classes, max_rows)
        shared = inputs_of(np.arange(columns))
        inputs = {other: _rows_alike(array, len(values)) for other, array in shared.items()}
        return Grid({**inputs, name: np.repeat(values, columns)}, columns, titles)
    if name := sampler.first(FromData):
        return _grid_of_sources(sampler, inputs_of, name, columns)
    return Grid(inputs_of(np.arange(columns**2)), columns)


def _grid_of_sources(sampler: Sampler, inputs_of: InputsOf, name: str, size: int) -> Grid:
    """A grid whose rows are rows of the data, and whose columns are noise, if there is any."""
    random = any(isinstance(one, Normal | Uniform | Key) for one in sampler.inputs.values())
    columns = size if random else 1
    found = inputs_of(np.arange(size))
    inputs = {
        other: _columns_alike(array, columns)
        if isinstance(sampler.inputs[other], FromData)
        else _rows_alike(array[:columns], size)
        for other, array in found.items()
    }
    return Grid(inputs, columns, sources=found[name] if found[name].ndim == 4 else None)


def sweep_inputs(
    sampler: Sampler,
    inputs_of: InputsOf,
    name: str,
    *,
    rows: int = COLUMNS,
    columns: int = COLUMNS,
    classes: Classes = ALL_CLASSES,
) -> Grid:
    """A grid that varies one input along each row and fixes all the rest.

    Args:
      sampler: A sampler of the game.
      inputs_of: Maps numbers int32 [N] to inputs; see `sampling.inputs`.
      name: The input: a category goes through its values; a number, or an entry of a vector,
        through [-2, 2] where it is normal, [low, high] or `swept` where it is uniform. Of a vector
        "NAME.3" is the entry number 3, "NAME" the first.
      rows: Rows, which are numbers.
      columns: Images in a row, at least 2, unless the input is a category.
      classes: The classes to show, for labels.

    Raises:
      ValueError: If there is no such input or entry, if it has no values to go through, or if
        `columns` is below 2.
    """
    name, entry = _entry_of(sampler, name)
    one, found = sampler.inputs[name], inputs_of(np.arange(rows))
    if isinstance(one, Category):
        values = classes.of(one)
        swept, titles = np.tile(values, rows), classes.titles(one)
    elif isinstance(one, Normal | Uniform):
        if columns < 2:
            raise ValueError(f"a sweep has at least 2 columns, not {columns}")
        low, high = _NORMAL_RANGE if isinstance(one, Normal) else one.swept or (one.low, one.high)
        values = np.linspace(low, high, columns, dtype=np.float32)
        swept = _with_entry(found[name], values, entry)
        titles = (f"{low:g}", *[""] * (columns - 2), f"{high:g}")
    else:
        kind = "a random key" if isinstance(one, Key) else "a row of the data"
        raise ValueError(f"the input '{name}' is {kind}, which has no values to go through")
    fixed = {other: _columns_alike(array, len(values)) for other, array in found.items()}
    return Grid({**fixed, name: swept}, len(values), column_names=titles)


def interpolation_inputs(
    sampler: Sampler,
    inputs_of: InputsOf,
    *,
    rows: int = COLUMNS,
    columns: int = COLUMNS,
    classes: Classes = ALL_CLASSES,
    max_rows: int | None = MAX_ROWS,
) -> Grid:
    """A grid whose rows go from image number r to the normal inputs of number r + rows.

    All normal inputs of rank 1 go along great circles, and the other inputs stay as they are.

    Args:
      sampler: A sampler of the game.
      inputs_of: Maps numbers int32 [N] to inputs; see `sampling.inputs`.
      rows: Rows; of a sampler with a category there is one for each of its values.
      columns: Images in a row, both ends included, at least 2.
      classes: The classes to show, for labels.
      max_rows: Rows at most, where they are categories; None for no bound.

    Raises:
      ValueError: If the sampler has no normal input of rank 1, or `columns` is below 2.
    """
    moved = [
        name
        for name, one in sampler.inputs.items()
        if isinstance(one, Normal) and len(one.shape) == 1
    ]
    if not moved:
        raise ValueError(
            "an interpolation needs an input of normal noise, a vector; the sampler has "
            f"{', '.join(sampler.inputs)}"
        )
    category, values = sampler.first(Category), None
    titles: tuple[str, ...] = ()
    if category:
        values, titles = _categories(sampler, category, classes, max_rows)
        rows = len(values)
    found = inputs_of(np.arange(2 * rows))
    inputs = {name: _columns_alike(array[:rows], columns) for name, array in found.items()}
    for name in moved:
        path = great_circle(found[name][:rows], found[name][rows:], columns)
        inputs[name] = path.reshape(rows * columns, -1)
    if category:
        inputs[category] = np.repeat(values, columns)
    return Grid(inputs, columns, titles)


def grid_image(generate: Generate, weights: Weights, grid: Grid) -> np.ndarray:
    """Generates the images of a grid and assembles them.

    Args:
      generate: Generates images of the sampler that the grid was made for.
      weights: The weights that the sampler reads.
      grid: The grid.

    Returns:
      uint8 [H', W', C], or [H', W', 3] with names.
    """
    images = np.concatenate(list(generate(weights, grid.inputs)))
    columns = grid.columns
    category = generate.sampler.first(Category)
    labels = grid.inputs[category] if category else np.arange(len(images))
    row_names = _drawable(grid.row_names, labels[::columns])
    column_names = _drawable(grid.column_names, labels[:columns])
    if grid.sources is not None:
        images = _with_sources(images, grid.sources)
        columns, column_names = columns + 1, ("", *column_names) if column_names else ()
    if row_names or column_names:
        rows = len(images) // columns
        return labeled_grid(images, row_names or [""] * rows, column_labels=column_names)
    return image_grid(images, columns=columns)


def _drawable(names: Sequence[str], labels: np.ndarray) -> tuple[str, ...]:
    """The names, and the label in the place of one whose letters a grid cannot draw."""
    named = zip(names, labels[: len(names)], strict=True)
    return tuple(name if can_draw(name) else str(label) for name, label in named)


def _with_sources(images: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Puts source images, fitted to the generated ones, at the beginning of their rows."""
    height, width, channels = images.shape[1:]
    sources = to_pixels(sources)
    # Nearest pixels: a source of another size is shown, not improved.
    ys = (2 * np.arange(height) + 1) * sources.shape[1] // (2 * height)
    xs = (2 * np.arange(width) + 1) * sources.shape[2] // (2 * width)
    sources = sources[:, ys][:, :, xs]
    rows = images.reshape(len(sources), -1, height, width, channels)
    if channels != sources.shape[3]:
        rows, sources = (np.repeat(x, 3, -1) if x.shape[-1] == 1 else x for x in (rows, sources))
    joined = np.concatenate([sources[:, None], rows], axis=1)
    return joined.reshape(-1, *joined.shape[2:])


def _entry_of(sampler: Sampler, name: str) -> tuple[str, int]:
    """The input that a sweep's name means, and which of its entries."""
    stem, _, number = name.rpartition(".")
    one = sampler.inputs.get(stem)
    if name in sampler.inputs or not number.isdecimal() or not isinstance(one, Normal | Uniform):
        check_name("input", name, sampler.inputs)
        return name, 0
    size = math.prod(one.shape)
    if int(number) >= size:
        raise ValueError(f"the input '{stem}' has the entries 0 to {size - 1}, not {number}")
    return stem, int(number)


def _with_entry(array: np.ndarray, values: np.ndarray, entry: int) -> np.ndarray:
    """float32 [R * V, ...]: every row of `array` [R, ...] with each value as one entry."""
    swept = np.repeat(array.reshape(len(array), -1), len(values), axis=0)
    swept[:, entry] = np.tile(values, len(array))
    return swept.reshape(-1, *array.shape[1:])


def _categories(
    sampler: Sampler, name: str, classes: Classes, max_rows: int | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The values of a category that are rows, and the names of these rows."""
    one = sampler.inputs[name]
    assert isinstance(one, Category)
    return classes.of(one)[:max_rows], classes.titles(one, f"{name} ")[:max_rows]


def _rows_alike(columns: np.ndarray, rows: int) -> np.ndarray:
    """Repeats an input's row [C, ...] `rows` times, [rows * C, ...]."""
    return np.tile(columns, (rows, *[1] * (columns.ndim - 1)))


def _columns_alike(rows: np.ndarray, columns: int) -> np.ndarray:
    """Repeats each of an input's rows [R, ...] along its columns, [R * columns, ...]."""
    return np.repeat(rows, columns, axis=0)
