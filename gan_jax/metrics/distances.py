"""Euclidean distances to nearest neighbors, exactly and in bounded memory.

Candidates are found by float32 products in blocks on JAX's default device; the distances to them
are computed from differences in float64. A bound of the products' error tells whether a nearer
sample could be missing among the candidates. The few rows of which it cannot be ruled out (samples
closer to each other than float32 can tell apart) are searched again in float64.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike, NDArray

from gan_jax.metrics import _checks, _points
from gan_jax.metrics._points import Points, products

# Candidates kept beyond the neighbors that are asked for: what products cannot tell apart.
_SPARE = 8
# Columns in a group of which only those of the smallest minima are searched one by one.
_GROUP = 16
_ROWS, _COLUMNS = 1024, 4096


class Nearest(NamedTuple):
    """The nearest candidates of some rows, by a lower bound of the squared distance.

    Attributes:
        bounds: ascending [n, K], infinity where there are fewer.
        indices: rows of the bank [n, K], -1 where there are fewer.
    """

    bounds: jax.Array
    indices: jax.Array


def nearest_neighbors(
    queries: ArrayLike, bank: ArrayLike, k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The nearest samples of a bank by Euclidean distance, exactly and in bounded memory.

    Args:
        queries: features [Q, D].
        bank: features to look among [N, D].
        k: how many neighbors, at most N.

    Returns:
        Distances float64 [Q, k], ascending, computed from the differences: exactly 0 for an equal
        sample; and the neighbors' rows in the bank, int64 [Q, k].

    Raises:
        ValueError: if features are not finite, dimensions differ, or k is not in 1..N.
    """
    queries = _checks.matrix(queries, "queries")
    bank = _checks.matrix(bank, "bank")
    _checks.same_dimensions(queries.shape[1], bank.shape[1], "queries", "the bank's features")
    _checks.at_least(k, 1, "k")
    if k > len(bank):
        raise ValueError(f"k must be at most the {len(bank)} samples of the bank, not {k}")
    if not len(queries):
        return np.empty((0, k)), np.empty((0, k), np.int64)
    of_queries, of_bank = _points.points_of(queries, bank)
    return _nearest(of_queries, of_bank, k)


def neighbor_distances(features: ArrayLike, k: int) -> NDArray[np.float64]:
    """Each sample's distances to its nearest neighbors among the others.

    Args:
        features: [N, D].
        k: how many neighbors, less than N.

    Returns:
        Distances float64 [N, k], ascending.

    Raises:
        ValueError: if features are not finite, or k is not in 1..N - 1.
    """
    features = _checks.matrix(features, "features")
    _checks.at_least(k, 1, "k")
    if k >= len(features):
        raise ValueError(f"k must be less than the {len(features)} samples, not {k}")
    (points,) = _points.points_of(features)
    return _nearest(points, points, k)[0]


def _nearest(
    queries: Points, bank: Points, k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances and indices; where both are one object, a sample is not its own neighbor."""
    count = min(k + max(k, _SPARE), len(bank.features) - (queries is bank))
    few = len(queries.features) * len(bank.features) * bank.features.shape[1] < _points.SMALL
    if few:
        every = np.arange(len(queries.features))
        bounds, indices = _smallest_exactly(queries, bank, every, k)
    else:
        bounds, indices = _candidates(queries, bank, count)
    squared, indices = _measured(queries, bank, bounds, indices, k)
    # Of the others it is known that they are no nearer than the last bound.
    last = np.maximum(bounds[:, -1], 0.0)
    complete = few or count == len(bank.features) - (queries is bank)
    missed = np.flatnonzero(squared[:, k - 1] > last)
    if len(missed) and not complete:
        some = _smallest_exactly(queries, bank, missed, k)
        squared[missed], indices[missed] = _measured(queries, bank, *some, k, missed)
    return np.sqrt(squared) / queries.scale, indices


def _measured(
    queries: Points,
    bank: Points,
    bounds: NDArray,
    indices: NDArray[np.int64],
    k: int,
    rows: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The k nearest of the candidates by exact squared distances, equal ones by index."""
    rows = np.arange(len(indices)) if rows is None else rows
    error = 2.0 * _points.relative_error(bank.features.shape[1])
    # No candidate beyond this can be among the nearest.
    uppers = bounds + error * (queries.norms[rows, None] + bank.norms[indices]) + _points.TINY
    limit = np.partition(uppers, k - 1, axis=1)[:, k - 1 : k]
    row, place = np.nonzero(bounds <= limit)
    squared = np.full(bounds.shape, np.inf)
    squared[row, place] = _points.squared_distances(queries, bank, rows[row], indices[row, place])
    order = np.lexsort((indices, squared), axis=1)[:, :k]
    return np.take_along_axis(squared, order, 1), np.take_along_axis(indices, order, 1)


def _candidates(
    queries: Points, bank: Points, count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Those of the smallest lower bounds, by float32 products: bounds, indices [N, count]."""
    if queries is bank:
        size = _points.block_size(len(bank.features))
        pairs: Iterator = _points.block_pairs(len(bank.features), size)
    else:
        size = _points.block_size(len(queries.features), len(bank.features))
        pairs = (
            (rows, columns)
            for rows in _checks.blocks(len(queries.features), size)
            for columns in _checks.blocks(len(bank.features), size)
        )
    nothing = Nearest(
        jnp.full((size, count), np.inf, jnp.float32), jnp.full((size, count), -1, jnp.int32)
    )
    found: dict[int, Nearest] = {}
    block, block_start = _prepared(queries, slice(0, 0), size), -1
    for rows, columns in pairs:
        if rows.start != block_start:
            block, block_start = _prepared(queries, rows, size), rows.start
        other = block if queries is bank and rows == columns else _prepared(bank, columns, size)
        both = queries is bank and rows != columns
        own = found.get(rows.start, nothing)
        theirs = found.get(columns.start, nothing) if both else None
        nearest, nearest_of_columns = _merge(
            block, other, rows.start, columns.start, own, theirs, itself=queries is bank
        )
        found[rows.start] = nearest
        if both:
            found[columns.start] = nearest_of_columns
    bounds, indices = (
        np.concatenate([np.asarray(found[start][part]) for start in sorted(found)])
        for part in range(2)
    )
    total = len(queries.features)
    return bounds[:total].astype(np.float64), indices[:total].astype(np.int64)


def _prepared(points: Points, rows: slice, size: int) -> tuple[jax.Array, jax.Array]:
    """A block of points, and what their norms add to a lower bound: infinity past the end."""
    share = 1.0 - _points.relative_error(points.features.shape[1])
    norms = (share * points.norms[rows] - _points.TINY).astype(np.float32)
    block = _points.filled(points.block(rows), size)
    return jnp.asarray(block), jnp.asarray(_points.filled(norms, size, np.inf))


@functools.partial(jax.jit, static_argnames="itself")
def _merge(
    first: tuple[jax.Array, jax.Array],
    second: tuple[jax.Array, jax.Array],
    first_start: int,
    second_start: int,
    nearest: Nearest,
    nearest_of_second: Nearest | None,
    *,
    itself: bool,
) -> tuple[Nearest, Nearest | None]:
    """The nearest after a block; of its columns too where they are wanted."""
    (x, x_norms), (y, y_norms) = first, second
    bounds = x_norms[:, None] + y_norms[None] + products(-2.0 * x, y)
    if itself and nearest_of_second is None:
        bounds = jnp.where(jnp.eye(len(x), dtype=bool), np.inf, bounds)
    ours = _merged(nearest, bounds, second_start)
    if nearest_of_second is None:
        return ours, None
    return ours, _merged(nearest_of_second, bounds.T, first_start)


def _merged(nearest: Nearest, bounds: jax.Array, start: int) -> Nearest:
    count = nearest.bounds.shape[1]
    some, columns = _smallest(bounds, min(count, bounds.shape[1]))
    bounds = jnp.concatenate([nearest.bounds, some], axis=1)
    indices = jnp.concatenate([nearest.indices, (columns + start).astype(jnp.int32)], axis=1)
    negative, kept = lax.top_k(-bounds, count)
    return Nearest(-negative, jnp.take_along_axis(indices, kept, axis=1))


def _smallest(values: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """The smallest values of each row, ascending, and their columns.

    They lie in the groups of the smallest minima, which are few: `lax.top_k` of all columns would
    take as long as a fifth of the products.
    """
    rows, columns = values.shape
    if columns <= _GROUP * count:
        negative, chosen = lax.top_k(-values, count)
        return -negative, chosen
    grouped = values.reshape(rows, columns // _GROUP, _GROUP)
    _, groups = lax.top_k(-grouped.min(axis=2), count)
    inside = jnp.take_along_axis(grouped, groups[:, :, None], axis=1).reshape(rows, -1)
    negative, chosen = lax.top_k(-inside, count)
    group = jnp.take_along_axis(groups, chosen // _GROUP, axis=1)
    return -negative, group * _GROUP + chosen % _GROUP


def _smallest_exactly(
    queries: Points, bank: Points, chosen: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Squared distances of chosen rows to their k nearest, in any order, by float64 products."""
    nearest = np.full((len(chosen), k), np.inf)
    indices = np.full((len(chosen), k), -1, np.int64)
    some = queries._replace(features=queries.features[chosen], norms=queries.norms[chosen])
    for rows in _checks.blocks(len(chosen), _ROWS):
        for columns in _checks.blocks(len(bank.features), _COLUMNS):
            squared = _points.exact_squared_distances(some, bank, rows, columns)
            if queries is bank:
                own = chosen[rows] - columns.start
                inside = np.flatnonzero((own >= 0) & (own < squared.shape[1]))
                squared[inside, own[inside]] = np.inf
            candidates = _argsmallest(squared, k)
            merged = np.hstack([nearest[rows], np.take_along_axis(squared, candidates, 1)])
            merged_indices = np.hstack([indices[rows], candidates + columns.start])
            kept = _argsmallest(merged, k)
            nearest[rows] = np.take_along_axis(merged, kept, 1)
            indices[rows] = np.take_along_axis(merged_indices, kept, 1)
    return nearest, indices


def _argsmallest(values: NDArray, k: int) -> NDArray[np.int64]:
    """Columns of the k smallest values of each row, in any order; all if there are no more."""
    if values.shape[1] <= k:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.argpartition(values, k - 1, axis=1)[:, :k]
