"""Convolutions by minimal filtering: fewer products than the definition has.

Winograd 1980 ("Arithmetic Complexity of Computations", SIAM) shows that m outputs of a filter of r
taps, F(m, r), need m + r - 1 products instead of m r; Lavin & Gray 2016 ("Fast Algorithms for
Convolutional Neural Networks", https://arxiv.org/abs/1509.09308) apply it to both axes of a
convolution and sum over its channels before the inverse transform, so that the products are
matrix products. An output then takes

    F(2x2, 3x3)  4.0 products instead of 9     F(2x2, 2x2)  2.25 instead of 4
    F(4x4, 3x3)  2.25                          F(4x4, 2x2)  1.56

A convolution whose kernel is r strides long is one of r taps and stride 1 over the phases of its
input, which are channels then: a 4x4 kernel of stride 2 is 2x2 on four times the channels. Its
transpose takes the transposed transforms in the opposite order.

The transforms are sums of parts of an array that is cut and stacked, never gathered, and the
derivatives of all of it are of the same kind. So there are derivatives of every order in forward
and reverse mode, each at the same saving, and images of any size, padded to whole tiles.

**Error.** The transforms add up values before they are multiplied. The largest difference from the
definition in float32, as a share of the largest output, was 2e-6 for tiles of 2 and 1.2e-5 for
tiles of 4 in the layers of DCGAN and of SNGAN (the matmul form: 5e-7). An infinite
input makes NaN of all outputs of the tiles that hold it, since the transforms subtract.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.layers.minimal_filters import TAPS, TILES, Filter, minimal_filter
from gan_jax.layers.patches import pad_axis

# What it takes to transform a kernel, as a number of tiles whose products take as long; by
# measurement, see `benchmarks/convolution_forms.py`.
_KERNEL_TILES = 48

_Pair = tuple[int, int]


def has_form(window: _Pair, strides: _Pair) -> bool:
    """Whether a kernel of this size is two or three strides long on both axes."""
    return all(k % s == 0 and k // s in TAPS for k, s in zip(window, strides, strict=True))


def choose_tile(batch: int, size: _Pair, taps: _Pair) -> _Pair:
    """The tile (MH, MW) that should be the fastest one on a CPU.

    A larger tile needs fewer products, and more of them per tile, for each of which the kernel is
    transformed: of few tiles small ones are faster. The largest of equals is taken.

    Args:
        batch: Images.
        size: The output (H, W) of a convolution, or the input of a transposed one.
        taps: (r, r) of both axes.
    """

    def cost(tile: Sequence[int]) -> int:
        tiles = batch * math.prod(-(-n // m) for n, m in zip(size, tile, strict=True))
        products = math.prod(m + r - 1 for m, r in zip(tile, taps, strict=True))
        return products * (tiles + _KERNEL_TILES)

    height, width = min(itertools.product(reversed(TILES), repeat=2), key=cost)
    return height, width


def conv(
    x: jax.Array,
    kernel: jax.Array,
    strides: _Pair,
    pads: tuple[_Pair, _Pair],
    size: _Pair,
    tile: _Pair | None = None,
) -> jax.Array:
    """`gan_jax.layers.conv` by minimal filtering.

    Args:
        x: Images [B, H, W, I], floating; anything narrower than float32 is computed in float32.
        kernel: Kernel [KH, KW, I, O] of the same dtype, for which `has_form` holds.
        strides: (SH, SW).
        pads: Zeros ((top, bottom), (left, right)).
        size: The output's (OH, OW).
        tile: Outputs of a tile (MH, MW), of `TILES`; by default as `choose_tile` does.

    Returns:
        Images [B, OH, OW, O] of x's dtype.
    """
    plan = _Plan.of(kernel.shape[:2], strides, x.shape[0], size, tile)
    values = plan.cut(_wide(x), (pads[0][0], pads[1][0]))  # [B, TH+1, MH, SH, TW+1, MW, SW*I]
    values = _barrier(_analyze(values, plan.columns.input, 4))  # [N, B, TH+1, MH, SH, TW, SW*I]
    values = _analyze(values, plan.rows.input, 2)  # [N, N, B, TH, SH, TW, SW*I]
    values = jnp.swapaxes(values, 4, 5).reshape(plan.products, plan.count(x), -1)
    y = _products(values, plan.transform_kernel(kernel), 1)
    y = y.reshape(*plan.transformed, x.shape[0], *plan.tiles, -1)
    y = _barrier(_synthesize(y, plan.rows.output, plan.tile[0], 2))  # [N, B, TH, MH, TW, O]
    y = _synthesize(y, plan.columns.output, plan.tile[1], 3)  # [B, TH, MH, TW, MW, O]
    return plan.join(y)[:, : size[0], : size[1]].astype(x.dtype)


def conv_transpose(
    x: jax.Array,
    kernel: jax.Array,
    strides: _Pair,
    pads: tuple[_Pair, _Pair],
    size: _Pair,
    tile: _Pair | None = None,
) -> jax.Array:
    """`gan_jax.layers.conv_transpose` by minimal filtering: the transpose of `conv`, step by step.

    Args:
        x: Images [B, H, W, I], floating; anything narrower than float32 is computed in float32.
        kernel: Kernel [KH, KW, O, I] of the same dtype, for which `has_form` holds.
        strides: (SH, SW).
        pads: Cuts ((top, bottom), (left, right)); a negative one appends zeros.
        size: The output's (OH, OW).
        tile: Inputs of a tile (MH, MW), of `TILES`; by default as `choose_tile` does.

    Returns:
        Images [B, OH, OW, O] of x's dtype.
    """
    plan = _Plan.of(kernel.shape[:2], strides, x.shape[0], x.shape[1:3], tile)
    values = plan.cut_outputs(_wide(x))  # [B, TH, MH, TW, MW, I]
    values = _barrier(_analyze(values, plan.columns.output, 3))  # [N, B, TH, MH, TW, I]
    values = _analyze(values, plan.rows.output, 2)
    values = values.reshape(plan.products, plan.count(x), -1)
    y = _products(values, plan.transform_kernel(kernel), 2)
    y = y.reshape(*plan.transformed, x.shape[0], *plan.tiles, strides[0], -1)
    y = jnp.swapaxes(y, 4, 5)  # [N, N, B, TH, SH, TW, SW*O]
    y = _barrier(_synthesize(y, plan.rows.input, plan.tile[0], 2))  # [N, B, TH+1, MH, SH, TW, SW*O]
    y = _synthesize(y, plan.columns.input, plan.tile[1], 4)  # [B, TH+1, MH, SH, TW+1, MW, SW*O]
    y = plan.join_inputs(y)
    for axis, length, (low, _) in zip((1, 2), size, pads, strict=True):
        y = pad_axis(y, axis, -low, length + low - y.shape[axis])
    return y.astype(x.dtype)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """The tiles of one convolution: a convolution's outputs, a transposed one's inputs."""

    strides: _Pair
    taps: _Pair
    tile: _Pair
    tiles: _Pair

    @classmethod
    def of(
        cls, window: Sequence[int], strides: _Pair, batch: int, size: _Pair, tile: _Pair | None
    ) -> _Plan:
        taps = (window[0] // strides[0], window[1] // strides[1])
        tile = tile or choose_tile(batch, size, taps)
        return cls(strides, taps, tile, (-(-size[0] // tile[0]), -(-size[1] // tile[1])))

    @property
    def rows(self) -> Filter:
        return minimal_filter(self.tile[0], self.taps[0])

    @property
    def columns(self) -> Filter:
        return minimal_filter(self.tile[1], self.taps[1])

    @property
    def transformed(self) -> _Pair:
        """Products per tile down and across."""
        return len(self.rows.input), len(self.columns.input)

    @property
    def products(self) -> int:
        return math.prod(self.transformed)

    def count(self, x: jax.Array) -> int:
        """Tiles of a batch."""
        return x.shape[0] * math.prod(self.tiles)

    def cut(self, x: jax.Array, low: _Pair) -> jax.Array:
        """Pads [B, H, W, C] and views it as [B, TH+1, MH, SH, TW+1, MW, SW*C].

        What a tile sees beyond its own block is the beginning of the next one: hence one more.
        """
        (rows, columns), (mh, mw), (sh, sw) = self.tiles, self.tile, self.strides
        for axis, length in ((1, (rows + 1) * mh * sh), (2, (columns + 1) * mw * sw)):
            first = low[axis - 1]
            x = pad_axis(x, axis, first, length - first - x.shape[axis])
        return x.reshape(x.shape[0], rows + 1, mh, sh, columns + 1, mw, -1)

    def join_inputs(self, x: jax.Array) -> jax.Array:
        """The view of `cut` as images again."""
        rows, columns = (
            (t + 1) * m * s for t, m, s in zip(self.tiles, self.tile, self.strides, strict=True)
        )
        return x.reshape(x.shape[0], rows, columns, -1)

    def cut_outputs(self, y: jax.Array) -> jax.Array:
        """Pads [B, H, W, C] to whole tiles and views it as [B, TH, MH, TW, MW, C]."""
        for axis, (tiles, m) in enumerate(zip(self.tiles, self.tile, strict=True), start=1):
            y = pad_axis(y, axis, 0, tiles * m - y.shape[axis])
        return y.reshape(y.shape[0], self.tiles[0], self.tile[0], self.tiles[1], self.tile[1], -1)

    def join(self, y: jax.Array) -> jax.Array:
        """The view of `cut_outputs` as images again."""
        rows, columns = (t * m for t, m in zip(self.tiles, self.tile, strict=True))
        return y.reshape(y.shape[0], rows, columns, -1)

    def transform_kernel(self, kernel: jax.Array) -> jax.Array:
        """[KH, KW, C, D] to [N*N, SH*SW*C, D]."""
        (rh, rw), (sh, sw) = self.taps, self.strides
        taps = _wide(kernel).reshape(1, rh, sh, 1, rw, -1)
        taps = _analyze(_analyze(taps, self.columns.kernel, 3), self.rows.kernel, 1)
        return taps.reshape(self.products, sh * sw * kernel.shape[2], kernel.shape[3])


def _products(values: jax.Array, kernel: jax.Array, axis: int) -> jax.Array:
    """Sums over the last axis of values [N*N, T, C] and the given one of kernel [N*N, ., .]."""
    return lax.dot_general(values, kernel, (((2,), (axis,)), ((0,), (0,))))


def _analyze(x: jax.Array, matrix: np.ndarray, axis: int) -> jax.Array:
    """Multiplies the values of each tile along an axis by a matrix [N, J].

    The axes [T, M] at `axis` hold tiles of M values. Where a tile has more, J > M, they are the
    first of the next tile, and there is one tile more.

    Returns:
        The array with a new first axis, N, and without the axis M.
    """
    within, length = matrix.shape[1], x.shape[axis + 1]
    pieces = [lax.squeeze(piece, (axis + 1,)) for piece in lax.split(x, [1] * length, axis + 1)]
    if within > length:
        beyond = [pad_axis(piece, axis, -1, 0) for piece in pieces[: within - length]]
        pieces = [pad_axis(piece, axis, 0, -1) for piece in pieces] + beyond
    return jnp.stack([_combine(row, pieces) for row in matrix])


def _synthesize(x: jax.Array, matrix: np.ndarray, tile: int, axis: int) -> jax.Array:
    """Transposes `_analyze`: values of tiles from [N, ...], added up where tiles share them.

    `axis` counts without the first axis; the `tile` values of a tile come as an axis after it.
    """
    pieces = [lax.squeeze(piece, (0,)) for piece in lax.split(x, [1] * len(matrix), 0)]
    columns = matrix.T
    if len(columns) == tile:
        return jnp.stack([_combine(column, pieces) for column in columns], axis + 1)
    own = [pad_axis(piece, axis, 0, 1) for piece in pieces]
    before = [pad_axis(piece, axis, 1, 0) for piece in pieces]
    values = [_combine(column, own) for column in columns[:tile]]
    for place, column in enumerate(columns[tile:]):
        values[place] = values[place] + _combine(column, before)
    return jnp.stack(values, axis + 1)


def _combine(weights: Sequence[float], pieces: Sequence[jax.Array]) -> jax.Array:
    """The weighted sum of arrays, without products by 0 and 1."""
    terms = [
        piece if weight == 1 else piece * float(weight)
        for weight, piece in zip(weights, pieces, strict=True)
        if weight
    ]
    return functools.reduce(jnp.add, terms)


def _wide(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


# Between the transforms of both axes: XLA would repeat the first for each value of the second.
_barrier = lax.optimization_barrier
