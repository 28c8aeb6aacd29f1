"""Inception Score, streamed in bounded memory."""

from typing import NamedTuple

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

from gan_jax.metrics import _checks


class InceptionScore(NamedTuple):
    """The Inception Score over splits.

    Attributes:
        mean: mean of the splits' scores, in [1, K].
        standard_deviation: their standard deviation (division by the number of splits).
    """

    mean: float
    standard_deviation: float


class InceptionScoreMoments(NamedTuple):
    """All that the Inception Score needs to know of the samples seen so far.

    Attributes:
        total: samples that the whole set has; sample i of it belongs to the split s with
            s * total // S <= i < (s + 1) * total // S.
        counts: samples seen of each split, int64 [S].
        probability_sums: sums of p(y|x) over the samples of each split, float64 [S, K].
        negative_entropies: sums of sum_y p(y|x) log p(y|x) over the same, float64 [S].
    """

    total: int
    counts: NDArray[np.int64]
    probability_sums: NDArray[np.float64]
    negative_entropies: NDArray[np.float64]


def empty_inception_score_moments(
    num_logits: int, *, total: int, splits: int = 10
) -> InceptionScoreMoments:
    """State of a stream of which nothing has been seen: what merging begins with.

    Args:
        num_logits: number of classes K.
        total: samples that the whole set will have, at least as many as splits.
        splits: number of splits S.

    Returns:
        A state of S x K numbers, whatever the number of samples.

    Raises:
        ValueError: if a number is not positive, or there are fewer samples than splits.
    """
    _checks.at_least(num_logits, 1, "num_logits")
    _checks.at_least(splits, 1, "splits")
    _checks.at_least(total, 0, "total")
    if total < splits:
        raise ValueError(f"{total} samples do not fill {splits} splits: use splits={max(total, 1)}")
    return InceptionScoreMoments(
        total, np.zeros(splits, np.int64), np.zeros((splits, num_logits)), np.zeros(splits)
    )


def inception_score_moments(
    logits: ArrayLike, *, total: int, splits: int = 10, positions: ArrayLike | None = None
) -> InceptionScoreMoments:
    """State of one batch of a stream.

    Args:
        logits: logits of the batch [N, K], before the softmax; real of any precision.
        total: samples that the whole set has.
        splits: number of splits S.
        positions: which samples of the whole set they are, integers [N] in [0, total); the first N
            if None. Splits are consecutive: a set whose order means something (sorted by class,
            say) wants shuffled positions.

    Returns:
        The state of these samples alone; merge it with those of the other batches.

    Raises:
        ValueError: if logits are no finite matrix, positions do not fit, or there are fewer samples
            than splits.
    """
    logits = _checks.matrix(logits, "logits", least=0)
    state = empty_inception_score_moments(logits.shape[1], total=total, splits=splits)
    split_of = _splits_of(len(logits), total, splits, positions)
    for rows in _checks.blocks(len(logits)):
        log_p = scipy.special.log_softmax(logits[rows].astype(np.float64), axis=1)
        p = np.exp(log_p)
        belongs = np.arange(splits)[:, None] == split_of[None, rows]
        block = InceptionScoreMoments(
            total,
            belongs.sum(axis=1),
            belongs.astype(np.float64) @ p,
            belongs.astype(np.float64) @ (p * log_p).sum(axis=1),
        )
        state = merge_inception_score_moments(state, block)
    return state


def merge_inception_score_moments(
    first: InceptionScoreMoments, second: InceptionScoreMoments
) -> InceptionScoreMoments:
    """State of two disjoint parts of the same set together, in any order.

    Args:
        first: state of one part.
        second: state of the other.

    Returns:
        The state of both.

    Raises:
        ValueError: if they differ in total, splits or classes.
    """
    for what, a, b in (
        ("samples in the whole set", first.total, second.total),
        ("splits", len(first.counts), len(second.counts)),
        ("classes", first.probability_sums.shape[1], second.probability_sums.shape[1]),
    ):
        if a != b:
            raise ValueError(f"the states to merge differ in {what}: {a} and {b}")
    sums = (a + b for a, b in zip(first[1:], second[1:], strict=True))
    return InceptionScoreMoments(first.total, *sums)


def inception_score(
    logits: ArrayLike | InceptionScoreMoments, *, splits: int = 10
) -> InceptionScore:
    """Inception Score: exp E_x KL(p(y|x) || p(y)), by splits.

    Samples are split in the order in which they come, consecutively and as evenly as possible.
    torch-fidelity does the same, but shuffles before (`samples_shuffle`); samples drawn
    independently need no shuffle.

    Args:
        logits: logits of generated images [N, K], before the softmax; or the state of a stream
            that has seen the whole set, which has splits of its own.
        splits: number of splits, at most N.

    Returns:
        Mean and standard deviation over the splits.

    Raises:
        ValueError: if logits are no finite matrix, there are fewer samples than splits, or a stream
            has not filled its splits.

    Example:
        >>> import numpy as np
        >>> from gan_jax import metrics
        >>> metrics.inception_score(1e3 * np.eye(4), splits=1)  # sure, and diverse
        InceptionScore(mean=4.0, standard_deviation=0.0)

    References:
        Salimans et al., Improved techniques for training GANs, 2016, arXiv:1606.03498, section 4;
        Barratt and Sharma, A note on the Inception Score, 2018, arXiv:1801.01973.
    """
    state = logits
    if not isinstance(state, InceptionScoreMoments):
        logits = _checks.matrix(logits, "logits")
        state = inception_score_moments(logits, total=len(logits), splits=splits)
    bounds = np.arange(len(state.counts) + 1) * state.total // len(state.counts)
    if (state.counts != np.diff(bounds)).any():
        raise ValueError(
            f"the stream has seen {state.counts.sum()} samples, and its splits want each of "
            f"{state.total} once"
        )
    marginals = state.probability_sums / state.counts[:, None]
    negative_entropies = scipy.special.xlogy(marginals, marginals).sum(axis=1)
    scores = np.exp(state.negative_entropies / state.counts - negative_entropies)
    return InceptionScore(float(scores.mean()), float(scores.std()))


def _splits_of(
    count: int, total: int, splits: int, positions: ArrayLike | None
) -> NDArray[np.int64]:
    positions = np.arange(count) if positions is None else np.asarray(positions)
    if positions.shape != (count,) or not np.issubdtype(positions.dtype, np.integer):
        raise ValueError(f"positions must be integers [{count}], one for each row of logits")
    if count and (positions.min() < 0 or positions.max() >= total):
        raise ValueError(
            f"positions must be in 0..{total - 1}, not {positions.min()}..{positions.max()}"
        )
    # The largest s with s * total // splits <= position.
    return ((positions.astype(np.int64) + 1) * splits - 1) // total
