"""Kernel Inception distance."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from gan_jax.metrics import _checks


class KernelInceptionDistance(NamedTuple):
    """The kernel Inception distance over subsets.

    Attributes:
        mean: mean of the subsets' estimates, unbiased; slightly negative values are possible, and
            say that the sets are very similar.
        standard_deviation: standard deviation of the subsets' estimates (division by their number),
            the figure that papers state after a plus-minus sign.
        standard_error: standard error of the mean as an estimate of the distance between the two
            distributions: what other images and other subsets would have changed. The subsets share
            images, so it does not fall with their number alone: it is the delete-d jackknife's,
            s^2 (m / (n - m) + 1 / B) for B subsets of m out of n images with a sample variance s^2.
            About twice too large where the distributions are equal. NaN where the subsets cannot
            tell: there is only one, or each is all of the smaller set; half of it does well.
    """

    mean: float
    standard_deviation: float
    standard_error: float


def kernel_inception_distance(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    gamma: float | None = None,
    coefficient: float = 1.0,
    seed: int = 0,
    subset_indices: Sequence[tuple[ArrayLike, ArrayLike]] | None = None,
) -> KernelInceptionDistance:
    """Kernel Inception distance (KID): squared maximum mean discrepancy with a polynomial kernel.

    k(x, y) = (gamma x.y + coefficient)^degree, and on each subset the unbiased estimate
    E[k(x, x')] + E[k(y, y')] - 2 E[k(x, y)] over pairs of different samples x, x' of real and
    y, y' of fake features. Computed in float64: a good generator's distance is a small difference
    of large means.

    Args:
        real: features of real images [N, D].
        fake: features of generated images [M, D].
        subsets: number of subsets.
        subset_size: samples of either set in a subset, drawn without replacement; at least 2 and
            at most min(N, M).
        degree: degree of the polynomial, at least 1.
        gamma: factor of the inner product; 1 / D if None.
        coefficient: constant term of the polynomial.
        seed: seed of the draw of subsets.
        subset_indices: the subsets themselves instead of a draw, as pairs (rows of real, rows of
            fake): to repeat another program's draw, or to take disjoint ones. `subsets`,
            `subset_size` and `seed` are then ignored, the two parts of a pair may differ in
            size, and the standard error takes the subsets for disjoint.

    Returns:
        Mean, standard deviation and standard error over subsets.

    Raises:
        ValueError: if features are not finite, dimensions differ, or a subset is larger than its
            set, has fewer than two samples, or has a sample twice.

    References:
        Binkowski et al., Demystifying MMD GANs, 2018, arXiv:1801.01401, section 4 and appendix D.
        Shao and Wu, A general theory for jackknife variance estimation, 1989, Annals of Statistics
        17(3).
    """
    real = _checks.matrix(real, "real features", least=2)
    fake = _checks.matrix(fake, "fake features", least=2)
    _checks.same_dimensions(real.shape[1], fake.shape[1], "real features", "fake features")
    _checks.at_least(degree, 1, "degree")
    scale = 1.0 / real.shape[1] if gamma is None else gamma
    chosen: Iterable[tuple[np.ndarray, np.ndarray]]
    if subset_indices is None:
        chosen = _draw(len(real), len(fake), subsets, subset_size, seed)
        others = min(len(real), len(fake)) - subset_size
        shared = subset_size / others if others > 0 else math.nan
    else:
        shared = 0.0
        chosen = _checked_subsets(len(real), len(fake), subset_indices)
    estimates = np.array(
        [
            _squared_discrepancy(
                real[real_rows].astype(np.float64),
                fake[fake_rows].astype(np.float64),
                degree=degree,
                gamma=scale,
                coefficient=coefficient,
            )
            for real_rows, fake_rows in chosen
        ]
    )
    variance = estimates.var(ddof=1) if len(estimates) > 1 else math.nan
    return KernelInceptionDistance(
        mean=float(estimates.mean()),
        standard_deviation=float(estimates.std()),
        standard_error=math.sqrt(variance * (shared + 1.0 / len(estimates))),
    )


def _draw(
    real_count: int, fake_count: int, subsets: int, subset_size: int, seed: int
) -> Iterator[tuple[NDArray, NDArray]]:
    _checks.at_least(subsets, 1, "subsets")
    _checks.at_least(subset_size, 2, "subset_size")
    for count, name in ((real_count, "real"), (fake_count, "fake")):
        if subset_size > count:
            raise ValueError(
                f"subset_size {subset_size} is more than the {count} {name} samples: "
                f"use subset_size={min(real_count, fake_count)} or less, or more samples"
            )
    generator = np.random.default_rng(seed)
    for _ in range(subsets):
        yield (
            generator.choice(real_count, subset_size, replace=False),
            generator.choice(fake_count, subset_size, replace=False),
        )


def _checked_subsets(
    real_count: int, fake_count: int, subset_indices: Sequence[tuple[ArrayLike, ArrayLike]]
) -> list[tuple[NDArray, NDArray]]:
    pairs = [(np.asarray(real), np.asarray(fake)) for real, fake in subset_indices]
    if not pairs:
        raise ValueError("subset_indices must hold at least one pair of index arrays")
    for pair in pairs:
        for indices, count, name in zip(
            pair, (real_count, fake_count), ("real", "fake"), strict=True
        ):
            if indices.ndim != 1 or not np.issubdtype(indices.dtype, np.integer):
                raise ValueError(f"subset_indices of {name} samples must be integers [n]")
            if len(indices) < 2 or len(np.unique(indices)) < len(indices):
                raise ValueError(f"a subset of {name} samples must be 2 different ones or more")
            if indices.min() < 0 or indices.max() >= count:
                raise ValueError(f"subset_indices of {name} samples must be in 0..{count - 1}")
    return pairs


def _squared_discrepancy(
    real: NDArray[np.float64],
    fake: NDArray[np.float64],
    *,
    degree: int,
    gamma: float,
    coefficient: float,
) -> float:
    def power(products: NDArray[np.float64]) -> NDArray[np.float64]:
        base = gamma * products + coefficient
        result = base.copy()
        for _ in range(degree - 1):  # Many times faster than a power.
            result *= base
        return result

    def mean_within(features: NDArray[np.float64]) -> float:
        # One triangle of the symmetric matrix, the other one being zero.
        triangle = scipy.linalg.blas.dsyrk(1.0, features.T, trans=1)
        above = np.triu(power(triangle), 1).sum()
        return 2.0 * above / (len(features) * (len(features) - 1))

    return mean_within(real) + mean_within(fake) - 2.0 * power(real @ fake.T).mean()
