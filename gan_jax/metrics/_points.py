"""Points of one space: their products in float32 blocks, and exact distances of chosen pairs.

|x|^2 + |y|^2 - 2 x.y needs D products per pair where differences need D passes over memory, but it
cancels where points are close. So the blocks decide what they can: the error of a product x.y in
float32 is at most `relative_error(D)` |x| |y|, in whatever order it is summed, and the norms are
known in float64. The few pairs that are too close to call are computed again in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from gan_jax.metrics import _checks

# Rows of a block: its products, 16 MiB, are as fast as larger ones.
BLOCK = 2048
# Up to so many products float64 takes less time than compiling anything.
SMALL = 1 << 27
# Rows are filled up to a multiple: for `lax.top_k` by groups, and for fewer compilations.
MULTIPLE = 64
# Of products that underflow, in units in which the largest norm is 1.
TINY = 2.0**-100
# Scales by which float32 numbers neither overflow nor lose digits.
_SCALES = 2.0**-60, 2.0**60
# Numbers in float64 that are held of differences of pairs.
_DIFFERENCES = 1 << 22


class Points(NamedTuple):
    """A set of points as they enter the products: about a center, and scaled.

    Attributes:
        features: the points as they came [N, D].
        center: what is subtracted of them, of float32's precision, float64 [D].
        scale: the power of two by which they are then multiplied.
        norms: their squared norms after that, float64 [N], at most 1.
    """

    features: NDArray
    center: NDArray[np.float64]
    scale: float
    norms: NDArray[np.float64]

    def block(self, rows: slice) -> NDArray[np.float32]:
        """Centered, scaled points [n, D], each coordinate rounded to float32."""
        some = self.features[rows]
        if some.dtype != np.float32 or not _SCALES[0] < self.scale < _SCALES[1]:
            return self.exact_block(rows).astype(np.float32)
        block = some - self.center.astype(np.float32)
        block *= np.float32(self.scale)
        return block

    def exact_block(self, rows: slice) -> NDArray[np.float64]:
        """Centered, scaled points [n, D] in float64."""
        return (self.features[rows].astype(np.float64) - self.center) * self.scale


def relative_error(dimensions: int) -> float:
    """Bound of the error of a float32 product of rounded points, as a share of |x| |y|.

    D roundings of products and sums, two of the points, and what little arithmetic with the norms
    follows (Higham, Accuracy and stability of numerical algorithms, 2002, section 3.1).
    """
    rounding = (dimensions + 32) * 2.0**-24
    return rounding / (1.0 - rounding) if rounding < 0.5 else np.inf


def points_of(*sets: NDArray) -> list[Points]:
    """Sets of points [N, D], [M, D], ... about one center and in one scale."""
    sums = sum(_sum_of(features) for features in sets)
    mean = sums / sum(len(features) for features in sets)
    # Exact in either precision, so that all differences are of the same points.
    with np.errstate(over="ignore"):
        single = mean.astype(np.float32).astype(np.float64)
    center = np.where(np.isfinite(single), single, mean)
    norms = [_norms(features, center) for features in sets]
    most = max(float(some.max()) for some in norms)
    scale = 2.0 ** -np.ceil(np.log2(most) / 2.0) if most > 0.0 else 1.0
    return [
        Points(features, center, float(scale), own * scale**2)
        for features, own in zip(sets, norms, strict=True)
    ]


def _sum_of(features: NDArray) -> NDArray[np.float64]:
    parts = (features[rows].sum(axis=0, dtype=np.float64) for rows in _checks.blocks(len(features)))
    return sum(parts, np.zeros(features.shape[1]))


def _norms(features: NDArray, center: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.empty(len(features))
    for rows in _checks.blocks(len(features)):
        centered = features[rows].astype(np.float64) - center
        norms[rows] = np.einsum("nd,nd->n", centered, centered)
    return norms


def products(x: jax.Array, y: jax.Array) -> jax.Array:
    """x.y of all pairs [n, m], in true float32 on every platform."""
    sums = ((1,), (1,)), ((), ())
    return lax.dot_general(
        x, y, sums, precision=lax.Precision.HIGHEST, preferred_element_type=jnp.float32
    )


def squared_distances(
    first: Points, second: Points, first_rows: NDArray, second_rows: NDArray
) -> NDArray[np.float64]:
    """Squared distances of chosen pairs from their differences, scaled: exactly 0 of equal points.

    Args:
        first: points [N, D].
        second: points [M, D] about the same center and in the same scale.
        first_rows: integers [P] in 0..N-1.
        second_rows: integers [P] in 0..M-1.

    Returns:
        float64 [P].
    """
    squared = np.empty(len(first_rows))
    dimensions = first.features.shape[1]
    for some in _checks.blocks(len(first_rows), max(1, _DIFFERENCES // dimensions)):
        difference = first.features[first_rows[some]].astype(np.float64)
        difference -= second.features[second_rows[some]]
        difference *= first.scale
        squared[some] = np.einsum("pd,pd->p", difference, difference)
    return squared


def exact_squared_distances(
    first: Points, second: Points, rows: slice, columns: slice
) -> NDArray[np.float64]:
    """Squared distances of a block in float64 [n, m], scaled.

    By products, with an error of about 1e-15 of the squared norms: not negative, but what is 0
    need not be exactly that.
    """
    squared = first.exact_block(rows) @ second.exact_block(columns).T
    squared *= -2.0
    squared += first.norms[rows, None]
    squared += second.norms[columns]
    return np.maximum(squared, 0.0, out=squared)


def block_size(*counts: int) -> int:
    """Rows of the blocks that divide sets of so many rows into equal parts, filled up."""
    most = max(counts)
    parts = -(-most // BLOCK)
    return -(-most // (parts * MULTIPLE)) * MULTIPLE


def filled(array: NDArray, rows: int, value: float = 0.0) -> NDArray:
    """An array of `rows` rows, those beyond its own being `value`."""
    if len(array) == rows:
        return array
    whole = np.full((rows, *array.shape[1:]), value, array.dtype)
    whole[: len(array)] = array
    return whole


def block_pairs(count: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of the upper triangle of a symmetric matrix, the diagonal's included."""
    for rows in _checks.blocks(count, size):
        for columns in _checks.blocks(count, size):
            if columns.start >= rows.start:
                yield rows, columns
