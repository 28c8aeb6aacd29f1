"""Fidelity and diversity apart: improved precision and recall, density and coverage.

Both see a set's manifold as the union of balls about its samples, each of which reaches to the
sample's k-th nearest neighbor in the set. A sample exactly on a ball's surface counts as the
authors' published code has it: in the ball for precision and recall, not in it for density and
coverage. There are many such samples where the two sets share samples.

All four are counts, and exact: which pairs are clear is decided by float32 products on JAX's
default device, the others are computed in float64. Memory is that of the features and of some
blocks of 2048 x 2048 pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gan_jax.metrics import _balls, _checks, _points
from gan_jax.metrics._balls import Balls
from gan_jax.metrics._points import Points
from gan_jax.metrics.distances import neighbor_distances

# Thickness of a surface, as a share of the largest squared norm: well above the rounding error of a
# squared distance, so that rounding does not decide on which side of a surface a sample lies.
_SURFACE = 1e-12


class PrecisionRecall(NamedTuple):
    """Improved precision and recall.

    Attributes:
        precision: share of generated samples within the real manifold, in [0, 1]: fidelity.
        recall: share of real samples within the generated manifold, in [0, 1]: diversity.
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """Density and coverage.

    Attributes:
        density: number of real balls that a generated sample lies in, on average, over k: at least
            0, around 1 for equal distributions and possibly above.
        coverage: share of real balls with a generated sample in them, in [0, 1].
    """

    density: float
    coverage: float


class ManifoldScores(NamedTuple):
    """All four scores; see `PrecisionRecall` and `DensityCoverage`.

    Attributes:
        precision: in [0, 1].
        recall: in [0, 1].
        density: at least 0.
        coverage: in [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    neighbors: int = 3,
    real_distances: ArrayLike | None = None,
) -> PrecisionRecall:
    """Improved precision and recall.

    A sample is within a manifold if its distance to one of the centers is at most (<=) the radius.

    Args:
        real: features of real images [N, D].
        fake: features of generated images [M, D]; N and M should be equal when numbers are to be
            compared: both depend on them.
        neighbors: k, less than N and M.
        real_distances: `neighbor_distances(real, k)` or of a larger k, where they are known: they
            are the same for every set of generated images.

    Returns:
        Precision and recall.

    Raises:
        ValueError: if features are not finite, dimensions differ, k is not in 1..min(N, M) - 1, or
            distances are not of these features.

    References:
        Kynkaanniemi et al., Improved precision and recall metric for assessing generative models,
        2019, arXiv:1904.06991.
    """
    real, fake = _checked(real, fake, neighbors)
    _more_than(fake, neighbors, "fake")
    reals, fakes = _points.points_of(real, fake)
    known = _distances(real, neighbors, real_distances)
    in_real, in_fake = _balls.count(reals, fakes, _closed_balls(reals, fakes, known, neighbors))
    return PrecisionRecall(_share(in_real), _share(in_fake))


def density_coverage(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    neighbors: int = 5,
    real_distances: ArrayLike | None = None,
) -> DensityCoverage:
    """Density and coverage, which real outliers affect less than precision and recall.

    A generated sample is in a real ball if its distance to the center is less (<) than the radius.

    Args:
        real: features of real images [N, D].
        fake: features of generated images [M, D].
        neighbors: k, less than N.
        real_distances: `neighbor_distances(real, k)` or of a larger k, where they are known.

    Returns:
        Density and coverage. For equal distributions the expected coverage is
        1 - (N - 1) ... (N - k) / ((M + N - 1) ... (M + N - k)): 0.97 at k = 5 and large N = M.

    Raises:
        ValueError: if features are not finite, dimensions differ, k is not in 1..N - 1, or
            distances are not of these features.

    References:
        Naeem et al., Reliable fidelity and diversity metrics for generative models, 2020,
        arXiv:2002.09797.
    """
    real, fake = _checked(real, fake, neighbors)
    reals, fakes = _points.points_of(real, fake)
    known = _distances(real, neighbors, real_distances)
    (inside,) = _balls.count(reals, fakes, [_open_balls(reals, fakes, known, neighbors)])
    return DensityCoverage(_density(inside, neighbors, fake), _share(inside))


def manifold_scores(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    precision_neighbors: int = 3,
    density_neighbors: int = 5,
    real_distances: ArrayLike | None = None,
) -> ManifoldScores:
    """What `precision_recall` and `density_coverage` return, at about the cost of one of them.

    Of 50,000 against 50,000 samples of 2,048 dimensions that is the products of one and a half
    matrices [50000, 50000], or of two where the distances of the real ones are not known.

    Args:
        real: features of real images [N, D].
        fake: features of generated images [M, D].
        precision_neighbors: k of precision and recall, less than N and M.
        density_neighbors: k of density and coverage, less than N.
        real_distances: `neighbor_distances(real, k)` of the larger k or a larger one, where they
            are known.

    Returns:
        All four.

    Raises:
        ValueError: as `precision_recall` and `density_coverage`.
    """
    most = max(precision_neighbors, density_neighbors)
    for neighbors in (precision_neighbors, density_neighbors):
        real, fake = _checked(real, fake, neighbors)
    _more_than(fake, precision_neighbors, "fake")
    reals, fakes = _points.points_of(real, fake)
    known = _distances(real, most, real_distances)
    balls = [
        *_closed_balls(reals, fakes, known, precision_neighbors),
        _open_balls(reals, fakes, known, density_neighbors),
    ]
    in_real, in_fake, inside = _balls.count(reals, fakes, balls)
    return ManifoldScores(
        _share(in_real), _share(in_fake), _density(inside, density_neighbors, fake), _share(inside)
    )


def _checked(real: ArrayLike, fake: ArrayLike, neighbors: int) -> tuple[NDArray, NDArray]:
    real = _checks.matrix(real, "real features")
    fake = _checks.matrix(fake, "fake features")
    _checks.same_dimensions(real.shape[1], fake.shape[1], "real features", "fake features")
    _checks.at_least(neighbors, 1, "neighbors")
    _more_than(real, neighbors, "real")
    return real, fake


def _more_than(features: NDArray, neighbors: int, name: str) -> None:
    if len(features) <= neighbors:
        raise ValueError(
            f"neighbors must be less than the {len(features)} {name} samples, not {neighbors}"
        )


def _distances(real: NDArray, neighbors: int, known: ArrayLike | None) -> NDArray[np.float64]:
    """Distances to the nearest neighbors [N, k] or more, those that are known after a check."""
    if known is None:
        return neighbor_distances(real, neighbors)
    known = np.asarray(known, np.float64)
    if known.ndim != 2 or len(known) != len(real) or known.shape[1] < neighbors:
        raise ValueError(
            f"real_distances must be [{len(real)}, {neighbors} or more], not {list(known.shape)}"
        )
    return known


def _closed_balls(
    reals: Points, fakes: Points, known: NDArray[np.float64], neighbors: int
) -> list[Balls]:
    """Those of precision, about real samples, and of recall, about generated ones."""
    surface = _surface(reals, fakes)
    of_fakes = neighbor_distances(fakes.features, neighbors)
    precision = _reach(reals, known, neighbors) + surface
    recall = _reach(fakes, of_fakes, neighbors) + surface
    return [
        Balls(precision, of_rows=True, open=False, per_row=False),
        Balls(recall, of_rows=False, open=False, per_row=True),
    ]


def _open_balls(reals: Points, fakes: Points, known: NDArray[np.float64], neighbors: int) -> Balls:
    """Those of density and coverage, about real samples."""
    reach = _reach(reals, known, neighbors) - _surface(reals, fakes)
    return Balls(reach, of_rows=True, open=True, per_row=True)


def _reach(points: Points, distances: NDArray[np.float64], neighbors: int) -> NDArray[np.float64]:
    """Squared radii [N] of the balls, in the scale of the points."""
    return np.square(distances[:, neighbors - 1] * points.scale)


def _surface(reals: Points, fakes: Points) -> float:
    return _SURFACE * max(float(points.norms.max()) for points in (reals, fakes))


def _share(counts: NDArray[np.int64]) -> float:
    return float((counts > 0).mean())


def _density(counts: NDArray[np.int64], neighbors: int, fake: NDArray) -> float:
    return int(counts.sum()) / (neighbors * len(fake))
