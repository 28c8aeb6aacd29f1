"""Matched accuracy: against all matchings, with more of one kind than of the other, and refused."""

import itertools

import numpy as np
import pytest

from gan_jax import metrics


def test_no_other_matching_is_better():
    rng = np.random.default_rng(0)
    categories, classes = rng.integers(0, 5, (2, 200))
    found = metrics.matched_accuracy(categories, classes, num_categories=5, num_classes=5)
    by_hand = max(
        np.mean(np.array(matching)[categories] == classes)
        for matching in itertools.permutations(range(5))
    )
    assert found.accuracy == pytest.approx(by_hand)
    assert found.accuracy == pytest.approx(np.mean(found.classes[categories] == classes))
    assert found.counts.sum() == 200


def test_renamed_classes_are_matched_without_an_error():
    classes = np.repeat(np.arange(10), 7)
    renamed = np.random.default_rng(1).permutation(10)
    found = metrics.matched_accuracy(renamed[classes], classes, num_categories=10, num_classes=10)
    assert found.accuracy == 1.0
    np.testing.assert_array_equal(found.classes[renamed], np.arange(10))


def test_a_class_that_two_categories_make_counts_once():
    found = metrics.matched_accuracy(
        np.array([0, 0, 0, 1]), np.array([2, 2, 2, 2]), num_categories=2, num_classes=3
    )
    assert found.accuracy == 0.75
    assert found.classes[0] == 2


def test_of_more_categories_than_classes_some_are_matched_with_none():
    categories, classes = np.arange(4), np.array([0, 1, 0, 1])
    found = metrics.matched_accuracy(categories, classes, num_categories=4, num_classes=2)
    assert found.accuracy == 0.5
    assert sorted(found.classes) == [-1, -1, 0, 1]


@pytest.mark.parametrize(
    ("categories", "classes", "message"),
    [
        ([0, 1], [0], "not 2 and 1"),
        (np.zeros(0, int), np.zeros(0, int), "not 0 and 0"),
        ([0.0], [0], "categories must be integers"),
        ([0], [[0]], "classes must be integers"),
        ([2], [0], r"categories must be in 0..1, not 2"),
        ([0], [-1], r"classes must be in 0..1, not -1"),
    ],
)
def test_what_is_no_pair_of_labels_is_refused(categories, classes, message):
    with pytest.raises(ValueError, match=message):
        metrics.matched_accuracy(
            np.asarray(categories), np.asarray(classes), num_categories=2, num_classes=2
        )
