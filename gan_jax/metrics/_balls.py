"""How many samples lie in how many balls: exact counts, most of them by float32 products."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from gan_jax.metrics import _checks, _points
from gan_jax.metrics._points import Points, products

# Share of a block's pairs beyond which all of them are computed in float64, by products: up to it
# their differences take less time.
_DOUBTFUL_SHARE = 1 / 256
# Of a bound that is computed in float32, relative to a squared radius.
_ROUNDING = 2.0**-21


class Balls(NamedTuple):
    """Balls about all samples of one of two sets, the rows or the columns of a matrix of pairs.

    Attributes:
        reach: squared radii, in the scale of the points: float64 [N], or [M] about columns.
        of_rows: whether they are about the rows' samples.
        open: whether a sample at exactly the radius is outside.
        per_row: whether pairs are counted for each row, or else for each column.
    """

    reach: NDArray[np.float64]
    of_rows: bool
    open: bool
    per_row: bool

    def hold(self, squared: NDArray, rows: NDArray, columns: NDArray) -> NDArray[np.bool_]:
        """Whether the other sample is in the ball, of pairs at squared distances [P]."""
        reach = self.reach[rows if self.of_rows else columns]
        return squared < reach if self.open else squared <= reach


class _Bounds(NamedTuple):
    """What twice a product is compared with: a row's part plus a column's, of F kinds of balls.

    Attributes:
        inside: from here on the pair is surely one of a ball and a sample in it, float32 [F, n].
        outside: below it surely not, float32 [F, n].
    """

    inside: NDArray[np.float32]
    outside: NDArray[np.float32]


class _Block(NamedTuple):
    """The pairs of a block.

    Attributes:
        rows: which rows.
        columns: which columns.
        sure: for each kind of balls the number of pairs that surely count, [n] or [m].
        doubtful: a bit for each kind, of pairs that are too close to call, uint8 [n, m].
    """

    rows: slice
    columns: slice
    sure: Sequence[NDArray]
    doubtful: NDArray[np.uint8]


def count(rows: Points, columns: Points, balls: Sequence[Balls]) -> list[NDArray[np.int64]]:
    """Counts the pairs of a row and a column of which one's ball holds the other.

    Args:
        rows: one set [N, D].
        columns: the other [M, D], about the same center and in the same scale.
        balls: up to eight kinds of balls.

    Returns:
        For each kind int64 [N] or [M]: the number of pairs of each row, or column.
    """
    lengths = len(rows.features), len(columns.features)
    counts = [np.zeros(lengths[0 if one.per_row else 1], np.int64) for one in balls]
    few = lengths[0] * lengths[1] * rows.features.shape[1] < _points.SMALL
    find = _all_doubtful if few else _by_products
    for block in find(rows, columns, balls):
        for total, one, sure in zip(counts, balls, block.sure, strict=True):
            total[block.rows if one.per_row else block.columns] += sure
        row, column = np.nonzero(block.doubtful > 0)  # Many times faster of booleans.
        if not len(row):
            continue
        kinds = block.doubtful[row, column]
        squared = _squared(rows, columns, block, row, column)
        row, column = row + block.rows.start, column + block.columns.start
        for i, (total, one) in enumerate(zip(counts, balls, strict=True)):
            held = one.hold(squared, row, column) & ((kinds >> i) & 1 > 0)
            some = (row if one.per_row else column)[held]
            total += np.bincount(some, minlength=len(total))
    return counts


def _squared(
    rows: Points, columns: Points, block: _Block, row: NDArray, column: NDArray
) -> NDArray[np.float64]:
    """Squared distances in float64 of pairs of a block, by their places in it."""
    if len(row) > _DOUBTFUL_SHARE * block.doubtful.size:
        every = _points.exact_squared_distances(rows, columns, block.rows, block.columns)
        return every[row, column]
    return _points.squared_distances(
        rows, columns, row + block.rows.start, column + block.columns.start
    )


def _all_doubtful(rows: Points, columns: Points, balls: Sequence[Balls]) -> Iterator[_Block]:
    for some in _checks.blocks(len(rows.features), _points.BLOCK):
        for others in _checks.blocks(len(columns.features), _points.BLOCK):
            shape = some.stop - some.start, others.stop - others.start
            sure = [np.zeros(shape[0 if one.per_row else 1], np.int64) for one in balls]
            yield _Block(some, others, sure, np.full(shape, 2 ** len(balls) - 1, np.uint8))


def _by_products(rows: Points, columns: Points, balls: Sequence[Balls]) -> Iterator[_Block]:
    """Blocks, each sent to the device before the one before it is waited for."""
    size = _points.block_size(len(rows.features), len(columns.features))
    per_row = tuple(one.per_row for one in balls)
    waiting = None
    for some in _checks.blocks(len(rows.features), size):
        first = jax.device_put(_prepared(rows, some, size, balls, are_rows=True))
        for others in _checks.blocks(len(columns.features), size):
            second = _prepared(columns, others, size, balls, are_rows=False)
            started = some, others, per_row, *_decide(first, second, per_row=per_row)
            if waiting is not None:
                yield _fetched(*waiting)
            waiting = started
    if waiting is not None:
        yield _fetched(*waiting)


def _fetched(
    rows: slice,
    columns: slice,
    per_row: Sequence[bool],
    sure: Sequence[jax.Array],
    doubtful: jax.Array,
) -> _Block:
    """Waits for a block, without what it was filled up by."""
    shape = rows.stop - rows.start, columns.stop - columns.start
    counts = [
        np.asarray(one)[: shape[0 if for_row else 1]]
        for one, for_row in zip(sure, per_row, strict=True)
    ]
    return _Block(rows, columns, counts, np.asarray(doubtful)[: shape[0], : shape[1]])


def _prepared(
    points: Points, rows: slice, size: int, balls: Sequence[Balls], *, are_rows: bool
) -> tuple[NDArray[np.float32], _Bounds]:
    """A block of points, and its part of the bounds: beyond the end there is nothing in a ball.

    x and y are surely no further apart than r if (1 + e) (|x|^2 + |y|^2) - 2 x.y <= r^2, with the
    relative error e of a product, and surely further if (1 - e) (...) - 2 x.y > r^2.
    """
    error = _points.relative_error(points.features.shape[1])
    norms = points.norms[rows]
    inside, outside = [], []
    for one in balls:
        reach = one.reach[rows] if one.of_rows == are_rows else np.zeros(len(norms))
        slack = _ROUNDING * np.abs(reach) + _points.TINY
        inside.append((1.0 + error) * norms - reach + slack)
        outside.append((1.0 - error) * norms - reach - slack)
    bounds = (
        np.stack([_points.filled(part, size, np.inf) for part in parts]).astype(np.float32)
        for parts in (inside, outside)
    )
    return _points.filled(points.block(rows), size), _Bounds(*bounds)


@functools.partial(jax.jit, static_argnames="per_row")
def _decide(
    first: tuple[jax.Array, _Bounds],
    second: tuple[jax.Array, _Bounds],
    *,
    per_row: tuple[bool, ...],
) -> tuple[list[jax.Array], jax.Array]:
    """For each kind of balls the sure pairs, counted; and the doubtful ones, as bits."""
    (x, own), (y, other) = first, second
    twice = products(2.0 * x, y)
    counts, doubtful = [], jnp.zeros(twice.shape, jnp.uint8)
    for i, for_row in enumerate(per_row):
        inside = twice >= own.inside[i][:, None] + other.inside[i][None]
        possible = twice >= own.outside[i][:, None] + other.outside[i][None]
        counts.append(inside.sum(axis=1 if for_row else 0, dtype=jnp.int32))
        doubtful |= (possible & ~inside).astype(jnp.uint8) << i
    return counts, doubtful
