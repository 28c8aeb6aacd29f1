"""Minimal filters F(m, r): m outputs of a filter of r taps by m + r - 1 products.

Winograd 1980, "Arithmetic Complexity of Computations" (SIAM).
"""

from __future__ import annotations

import fractions
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

TAPS = (2, 3)
TILES = (2, 4)

_Fraction = fractions.Fraction
# Where the polynomials are evaluated, besides infinity. Of small fractions, these give F(4, 3) the
# smallest error (Barabasz et al. 2018, https://arxiv.org/abs/1803.10986, find the same).
_POINTS = {
    (2, 2): (0, 1),
    (2, 3): (0, 1, -1),
    (4, 2): (0, 1, -1, -2),
    (4, 3): (0, 1, -1, _Fraction(1, 2), -2),
}


class Filter(NamedTuple):
    """F(m, r): outputs = output.T @ ((kernel @ taps) * (input @ values)).

    Attributes:
        input: Matrix [m + r - 1, m + r - 1] of the m + r - 1 values under a tile.
        kernel: Matrix [m + r - 1, r] of the taps.
        output: Matrix [m + r - 1, m]; its transpose makes the outputs of the products.
    """

    input: np.ndarray
    kernel: np.ndarray
    output: np.ndarray


@functools.cache
def minimal_filter(tile: int, taps: int) -> Filter:
    """The matrices of F(tile, taps), by evaluation and interpolation (Toom-Cook), float64.

    A product of polynomials is evaluated at m + r - 1 points and interpolated; transposed, that is
    the filter.

    Args:
        tile: Outputs m, of `TILES`.
        taps: Length r of the filter, of `TAPS`.
    """
    points = _POINTS[tile, taps]
    inverse = _inverse(_powers(points, tile + taps - 1))
    return Filter(
        input=_floats(inverse).T,
        kernel=_floats(_powers(points, taps)),
        output=_floats(_powers(points, tile)),
    )


def _powers(points: Sequence[int | _Fraction], count: int) -> list[list[_Fraction]]:
    """Rows of powers 0 to count - 1 of each point; the last row is infinity's."""
    rows = [[_Fraction(point) ** power for power in range(count)] for point in points]
    return [*rows, [_Fraction(int(power == count - 1)) for power in range(count)]]


def _inverse(matrix: list[list[_Fraction]]) -> list[list[_Fraction]]:
    """The exact inverse, by elimination."""
    size = len(matrix)
    rows = [[*row, *(_Fraction(int(i == j)) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        pivot = next(k for k in range(i, size) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(size):
            if k != i:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[size:] for row in rows]


def _floats(matrix: list[list[_Fraction]]) -> np.ndarray:
    return np.array([[float(value) for value in row] for row in matrix])
