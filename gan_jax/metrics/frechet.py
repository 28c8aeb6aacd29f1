"""Frechet distance between Gaussians, and with it the Frechet Inception distance."""

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from gan_jax.metrics import _checks
from gan_jax.metrics.feature_moments import Moments, moments

# What rounding may have done to a covariance that a user brings, relative to its largest entry or
# eigenvalue: published statistics are often of single precision.
_TOLERANCE = 1e-3


def frechet_distance(
    mean1: ArrayLike, covariance1: ArrayLike, mean2: ArrayLike, covariance2: ArrayLike
) -> float:
    """Squared Frechet (2-Wasserstein) distance between two Gaussians.

    |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1^1/2 C2 C1^1/2)^1/2)

    With C1 = F1 F1' and C2 = F2 F2' the last trace is the sum of the singular values of F1' F2,
    which is how it is computed: in real numbers throughout, with errors of the order of rounding
    (the eigenvalues of C1 C2, whose roots are taken elsewhere, lose half the digits), and for
    singular covariances as well as for others, without a multiple of the identity added to them.

    Args:
        mean1: m1 [D].
        covariance1: C1 [D, D], symmetric and positive semidefinite, of any rank.
        mean2: m2 [D].
        covariance2: C2 [D, D].

    Returns:
        The distance, at least 0. Rounding leaves about 1e-13 of the traces: that is what the
        distance of a Gaussian to itself may be.

    Raises:
        ValueError: if shapes do not fit, a number is not finite, or a covariance is not symmetric
            or not positive semidefinite.

    Example:
        >>> from gan_jax import metrics
        >>> metrics.frechet_distance([0.0], [[1.0]], [3.0], [[4.0]])  # 3^2 + (2 - 1)^2
        10.0

    References:
        Dowson and Landau, The Frechet distance between multivariate normal distributions, 1982,
        Journal of Multivariate Analysis 12(3).
    """
    mean1, covariance1 = _gaussian(mean1, covariance1, "1")
    mean2, covariance2 = _gaussian(mean2, covariance2, "2")
    if len(mean1) != len(mean2):
        raise ValueError(
            f"mean1 has {len(mean1)} dimensions and mean2 {len(mean2)}: they must be equal"
        )
    product = _factor(covariance1, "covariance1").T @ _factor(covariance2, "covariance2")
    overlap = scipy.linalg.svdvals(product).sum() if product.size else 0.0
    shift = mean1 - mean2
    spread = np.trace(covariance1) + np.trace(covariance2)
    return max(float(shift @ shift + spread - 2.0 * overlap), 0.0)


def frechet_inception_distance(real: Moments | ArrayLike, fake: Moments | ArrayLike) -> float:
    """Frechet Inception distance (FID): the Frechet distance of Gaussians fitted to features.

    The estimate is biased upwards by an amount that falls with the number of samples and depends on
    the generator: compare only numbers of equal counts (50,000 is usual). With no more samples than
    dimensions it is still the exact distance of the fitted Gaussians, and a poor estimate.

    Args:
        real: features of real images [N, D], or their `Moments`.
        fake: features of generated images [M, D], or their `Moments`.

    Returns:
        The distance, at least 0.

    Raises:
        ValueError: if a set has fewer than two samples, features are not finite, or the dimensions
            differ.

    References:
        Heusel et al., GANs trained by a two time-scale update rule converge to a local Nash
        equilibrium, 2017, arXiv:1706.08500.
    """
    real, fake = _moments_of(real, "real features"), _moments_of(fake, "fake features")
    _checks.same_dimensions(len(real.mean), len(fake.mean), "real features", "fake features")
    return frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance)


def _moments_of(values: Moments | ArrayLike, name: str) -> Moments:
    if not isinstance(values, Moments):
        return moments(_checks.matrix(values, name, least=2))
    if values.count < 2:
        raise ValueError(f"{name} must hold at least 2 samples, not {values.count}")
    return values


def _gaussian(
    mean: ArrayLike, covariance: ArrayLike, number: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
    if mean.ndim != 1 or mean.size == 0 or covariance.shape != (len(mean), len(mean)):
        raise ValueError(
            f"mean{number} must be [D] and covariance{number} [D, D], "
            f"not {list(mean.shape)} and {list(covariance.shape)}"
        )
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise ValueError(f"mean{number} and covariance{number} must be finite")
    tolerance = _TOLERANCE * np.abs(covariance).max()
    if np.abs(covariance - covariance.T).max() > tolerance:
        raise ValueError(f"covariance{number} must be symmetric")
    return mean, (covariance + covariance.T) / 2.0


def _factor(covariance: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """F [D, rank] with F F' = covariance."""
    factor = _pivoted_cholesky(covariance)
    # Of a matrix that is only nearly a covariance the factor may be anything, and is not used.
    with np.errstate(over="ignore", invalid="ignore"):
        missed = np.abs(factor @ factor.T - covariance).max()
    rounding = 10 * len(covariance) * np.finfo(np.float64).eps * covariance.diagonal().max()
    return factor if missed <= rounding else _eigenvector_factor(covariance, name)


def _pivoted_cholesky(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """F of as many columns as the matrix has rank, if it is positive semidefinite to rounding.

    Several times cheaper than eigenvectors, and cheaper still at a low rank.
    """
    packed, pivots, rank, _ = scipy.linalg.lapack.dpstrf(covariance, lower=1)
    factor = np.empty((len(covariance), rank))
    factor[pivots - 1] = np.tril(packed)[:, :rank]
    return factor


def _eigenvector_factor(covariance: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """F by eigenvectors: for what is positive semidefinite only to single precision, say."""
    variances, axes = scipy.linalg.eigh(covariance)
    if variances[0] < -_TOLERANCE * max(variances[-1], 0.0):
        raise ValueError(
            f"{name} must be positive semidefinite, but has the eigenvalue {variances[0]:.3g}"
        )
    kept = variances > 0.0
    return axes[:, kept] * np.sqrt(variances[kept])
