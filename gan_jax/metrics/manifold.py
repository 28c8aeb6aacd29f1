"""Fidelity and diversity apart: improved precision and recall, density and coverage.

Both see a set's manifold as the union of balls about its samples, each of which reaches to the
sample's k-th nearest neighbor in the set. A sample exactly on a ball's surface counts as the
authors' published code has it: in the ball for precision and recall, not in it for density and
coverage. There are many such samples where the two sets share samples.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gan_jax.metrics import _checks
from gan_jax.metrics.distances import neighbor_distances, squared_distance_blocks

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


def precision_recall(real: ArrayLike, fake: ArrayLike, *, neighbors: int = 3) -> PrecisionRecall:
    """Improved precision and recall.

    A sample is within a manifold if its distance to one of the centers is at most (<=) the radius.

    Args:
        real: features of real images [N, D].
        fake: features of generated images [M, D]; N and M should be equal when numbers are to be
            compared: both depend on them.
        neighbors: k, less than N and M.

    Returns:
        Precision and recall.

    Raises:
        ValueError: if features are not finite, dimensions differ, or k is not in 1..min(N, M) - 1.

    References:
        Kynkaanniemi et al., Improved precision and recall metric for assessing generative models,
        2019, arXiv:1904.06991.
    """
    real, fake = _checked(real, fake, neighbors)
    _more_than(fake, neighbors, "fake")
    surface = _surface(real, fake)
    real_reach = neighbor_distances(real, neighbors) ** 2 + surface
    fake_reach = neighbor_distances(fake, neighbors) ** 2 + surface
    real_is_in = np.zeros(len(real), bool)
    fake_is_in = np.zeros(len(fake), bool)
    for reals, fakes, squared in squared_distance_blocks(real, fake):
        fake_is_in[fakes] |= (squared <= real_reach[reals, None]).any(axis=0)
        real_is_in[reals] |= (squared <= fake_reach[fakes]).any(axis=1)
    return PrecisionRecall(float(fake_is_in.mean()), float(real_is_in.mean()))


def density_coverage(real: ArrayLike, fake: ArrayLike, *, neighbors: int = 5) -> DensityCoverage:
    """Density and coverage, which real outliers affect less than precision and recall.

    A generated sample is in a real ball if its distance to the center is less (<) than the radius.

    Args:
        real: features of real images [N, D].
        fake: features of generated images [M, D].
        neighbors: k, less than N.

    Returns:
        Density and coverage. For equal distributions the expected coverage is
        1 - (N - 1) ... (N - k) / ((M + N - 1) ... (M + N - k)): 0.97 at k = 5 and large N = M.

    Raises:
        ValueError: if features are not finite, dimensions differ, or k is not in 1..N - 1.

    References:
        Naeem et al., Reliable fidelity and diversity metrics for generative models, 2020,
        arXiv:2002.09797.
    """
    real, fake = _checked(real, fake, neighbors)
    reach = neighbor_distances(real, neighbors) ** 2 - _surface(real, fake)
    memberships = 0
    covered = np.zeros(len(real), bool)
    for reals, _, squared in squared_distance_blocks(real, fake):
        is_in = squared < reach[reals, None]
        memberships += int(is_in.sum())
        covered[reals] |= is_in.any(axis=1)
    return DensityCoverage(memberships / (neighbors * len(fake)), float(covered.mean()))


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


def _surface(real: NDArray, fake: NDArray) -> float:
    center = fake.mean(axis=0, dtype=np.float64)
    return _SURFACE * max(
        float(np.square(features[rows] - center).sum(axis=1).max())
        for features in (real, fake)
        for rows in _checks.blocks(len(features))
    )
