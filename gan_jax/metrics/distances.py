"""Euclidean distances between sets of features, in blocks, and nearest neighbors."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gan_jax.metrics import _checks

_ROWS, _COLUMNS = 1024, 4096


def squared_distance_blocks(
    rows: NDArray, columns: NDArray
) -> Iterator[tuple[slice, slice, NDArray[np.float64]]]:
    """Squared distances between two sets, a block at a time.

    |x|^2 + |y|^2 - 2 x.y by matrix products. That cancels where points are close, so it is done in
    float64 and about the columns' mean; what is left is an error of about 1e-15 of the squared
    norms.

    Args:
        rows: one set [N, D].
        columns: the other [M, D].

    Yields:
        A slice of the rows, a slice of the columns, and their squared distances [n, m], not
        negative; all blocks of one slice of rows before those of the next.
    """
    center = columns.mean(axis=0, dtype=np.float64)
    for some_rows in _checks.blocks(len(rows), _ROWS):
        x = rows[some_rows].astype(np.float64) - center
        x_norms = np.einsum("nd,nd->n", x, x)
        for some_columns in _checks.blocks(len(columns), _COLUMNS):
            y = columns[some_columns].astype(np.float64) - center
            squared = x @ y.T
            squared *= -2.0
            squared += x_norms[:, None]
            squared += np.einsum("nd,nd->n", y, y)
            yield some_rows, some_columns, np.maximum(squared, 0.0, out=squared)


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
    return _nearest(queries, bank, k, skip_itself=False)


def neighbor_distances(features: NDArray, neighbor: int) -> NDArray[np.float64]:
    """Each sample's distance to its k-th nearest neighbor among the others.

    Args:
        features: [N, D].
        neighbor: k, less than N.

    Returns:
        Distances [N].
    """
    distances, _ = _nearest(features, features, neighbor, skip_itself=True)
    return distances[:, -1]


def _nearest(
    queries: NDArray, bank: NDArray, k: int, *, skip_itself: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    nearest = np.full((len(queries), k), np.inf)
    indices = np.full((len(queries), k), -1, np.int64)
    for rows, columns, squared in squared_distance_blocks(queries, bank):
        if skip_itself:
            own = np.arange(max(rows.start, columns.start), min(rows.stop, columns.stop))
            squared[own - rows.start, own - columns.start] = np.inf
        candidates = _smallest(squared, k)
        merged = np.hstack([nearest[rows], np.take_along_axis(squared, candidates, 1)])
        merged_indices = np.hstack([indices[rows], candidates + columns.start])
        kept = _smallest(merged, k)
        nearest[rows] = np.take_along_axis(merged, kept, 1)
        indices[rows] = np.take_along_axis(merged_indices, kept, 1)
    distances = _distances_to(queries, bank, indices)
    order = np.lexsort((indices, distances), axis=1)
    return np.take_along_axis(distances, order, 1), np.take_along_axis(indices, order, 1)


def _smallest(values: NDArray, k: int) -> NDArray[np.int64]:
    """Columns of the k smallest values of each row, in any order; all if there are no more."""
    if values.shape[1] <= k:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.argpartition(values, k - 1, axis=1)[:, :k]


def _distances_to(
    queries: NDArray, bank: NDArray, indices: NDArray[np.int64]
) -> NDArray[np.float64]:
    distances = np.empty(indices.shape)
    for rows in _checks.blocks(len(queries), _ROWS):
        some = queries[rows].astype(np.float64)
        for rank in range(indices.shape[1]):
            difference = some - bank[indices[rows, rank]]
            distances[rows, rank] = np.linalg.norm(difference, axis=1)
    return distances
