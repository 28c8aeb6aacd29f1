"""How well categories that nobody named agree with classes, by the best matching of both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment


class MatchedAccuracy(NamedTuple):
    """The share of examples whose class is the one that their category is matched with.

    Attributes:
      accuracy: In [0, 1].
      classes: int64 [K], the class of each category; -1 for one that is matched with none, where
        there are more categories than classes.
      counts: int64 [K, C], examples by category and class.
    """

    accuracy: float
    classes: np.ndarray
    counts: np.ndarray


def matched_accuracy(
    categories: np.ndarray, classes: np.ndarray, *, num_categories: int, num_classes: int
) -> MatchedAccuracy:
    """Accuracy under the matching of categories and classes that makes it highest.

    Every class is matched with at most one category, so that a code that makes the same class of
    two categories is charged for it. The matching is the optimum of the assignment problem (Kuhn
    1955, "The Hungarian method for the assignment problem"). It is chosen by the examples that are
    scored: of few examples the accuracy is too high, 1 / max(K, C) and more by chance alone.

    Args:
      categories: int [N] in [0, num_categories), N at least 1; codes that images are of.
      classes: int [N] in [0, num_classes), what a classifier says of them.
      num_categories: K, at least 1.
      num_classes: C, at least 1.

    Returns:
      The accuracy, the matching and the counts.

    Raises:
      ValueError: If the arrays are not equally long, empty, not integers or out of their range.

    Example:
      >>> import numpy as np
      >>> found = matched_accuracy(
      ...     np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]), num_categories=2, num_classes=2
      ... )
      >>> found.accuracy, found.classes.tolist()
      (0.75, [1, 0])
    """
    categories = _checked("categories", categories, num_categories)
    classes = _checked("classes", classes, num_classes)
    if len(categories) != len(classes) or not len(classes):
        raise ValueError(
            f"categories and classes must be equally many and at least one, not {len(categories)} "
            f"and {len(classes)}"
        )
    counts = np.zeros((num_categories, num_classes), np.int64)
    np.add.at(counts, (categories, classes), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    matched = np.full(num_categories, -1, np.int64)
    matched[rows] = columns
    return MatchedAccuracy(float(counts[rows, columns].sum() / len(classes)), matched, counts)


def _checked(name: str, values: np.ndarray, size: int) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(f"{name} must be integers [N], not {values.dtype} {list(values.shape)}")
    outside = values[(values < 0) | (values >= size)]
    if outside.size:
        raise ValueError(f"{name} must be in 0..{size - 1}, not {outside[0]}")
    return values
