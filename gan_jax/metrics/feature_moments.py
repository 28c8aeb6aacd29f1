"""Mean and covariance of features, streamed and merged in float64."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gan_jax.metrics import _checks


class Moments(NamedTuple):
    """The first two moments of a set of features, whatever its size.

    Attributes:
        count: number of samples, N.
        mean: their mean, float64 [D].
        scatter: the sum over samples of the outer product of their deviation from the mean with
            itself, float64 [D, D].
    """

    count: int  # type: ignore[assignment]  # hides tuple.count
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Unbiased covariance [D, D], scatter / (N - 1).

        Raises:
            ValueError: if there are fewer than two samples.
        """
        if self.count < 2:
            raise ValueError(f"a covariance needs at least 2 samples, not {self.count}")
        return self.scatter / (self.count - 1)


def empty_moments(dim: int) -> Moments:
    """Moments of no samples: what merging begins with.

    Args:
        dim: number of dimensions D.

    Returns:
        Moments of count 0.

    Raises:
        ValueError: if dim is no positive integer.
    """
    _checks.at_least(dim, 1, "dim")
    return Moments(0, np.zeros(dim), np.zeros((dim, dim)))


def moments(features: ArrayLike) -> Moments:
    """Moments of a set of features, or of one batch of a stream.

    A stream is summed up by `merge_moments(total, moments(batch))`, which needs memory for D x D
    numbers, whatever the number of samples. A merge costs O(D^2) next to the O(N D^2) of the batch:
    batches of several hundred samples make it negligible.

    Args:
        features: [N, D], real of any precision; N may be 0. At most a few thousand rows at a time
            are copied to float64, so a memory map may be larger than the memory.

    Returns:
        Their moments.

    Raises:
        ValueError: if they are no matrix, or not finite.

    Example:
        >>> from gan_jax import metrics
        >>> total = metrics.empty_moments(2)
        >>> for batch in ([[0.0, 1.0]], [[2.0, 1.0], [4.0, 1.0]]):
        ...     total = metrics.merge_moments(total, metrics.moments(batch))
        >>> total.count, total.mean.tolist(), total.covariance.tolist()
        (3, [2.0, 1.0], [[4.0, 0.0], [0.0, 0.0]])
    """
    features = _checks.matrix(features, "features", least=0)
    total = empty_moments(features.shape[1])
    for rows in _checks.blocks(len(features)):
        total = merge_moments(total, _block_moments(features[rows]))
    return total


def merge_moments(first: Moments, second: Moments) -> Moments:
    """Moments of the union of two disjoint sets, without cancellation.

    Merging is commutative and, up to rounding, associative: batches may come in any order and from
    any number of processes.

    Args:
        first: moments of one set.
        second: moments of the other, of the same dimensions.

    Returns:
        The moments of both together; one of the arguments itself where the other is empty.

    Raises:
        ValueError: if the dimensions differ.

    References:
        Chan et al., Updating formulae and a pairwise algorithm for computing sample variances,
        1979, Stanford STAN-CS-79-773, equation 2.1.
    """
    _checks.same_dimensions(len(first.mean), len(second.mean), "the first moments", "the second")
    if first.count == 0 or second.count == 0:
        return first if second.count == 0 else second
    count = first.count + second.count
    shift = second.mean - first.mean
    scatter = np.outer(shift, shift * (first.count / count * second.count))
    scatter += first.scatter
    scatter += second.scatter
    mean = (first.count * first.mean + second.count * second.mean) / count
    return Moments(count, mean, scatter)


def _block_moments(features: NDArray) -> Moments:
    centered = features.astype(np.float64)
    mean = centered.mean(axis=0)
    centered -= mean
    # The mean is rounded. What its rounding leaves in the deviations is taken out.
    residual = centered.mean(axis=0)
    centered -= residual
    return Moments(len(features), mean + residual, centered.T @ centered)
