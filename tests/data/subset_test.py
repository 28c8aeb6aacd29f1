"""A random part of a data set: which rows, the same everywhere, and what is refused."""

import numpy as np
import pytest

from gan_jax import data

RECORDED = [16909, 21645, 24919, 25065, 36422]


def test_the_rows_are_a_function_of_size_and_seed_alone():
    # Recorded: other rows would be another experiment under the same config.
    assert data.Subset(max_examples=5).rows(50_000).tolist() == RECORDED
    other = data.Subset(max_examples=5, seed=1).rows(50_000)
    assert not set(other.tolist()) & set(RECORDED)


def test_a_smaller_subset_is_part_of_a_larger_one_and_the_order_of_training_is_another():
    tenth, fifth = (data.Subset(fraction).rows(1000) for fraction in (0.1, 0.2))
    assert (len(tenth), len(fifth)) == (100, 200)
    assert set(tenth) < set(fifth)
    assert (np.diff(fifth) > 0).all()
    assert fifth.dtype == np.int32
    trained = data.index_examples(1000, seed=0, start=0, count=100)
    assert len(set(trained) & set(tenth)) < 30


@pytest.mark.parametrize(
    ("subset", "count"),
    [
        (data.Subset(), 10),
        (data.Subset(max_examples=20), 10),
        (data.Subset(0.25), 2),
        (data.Subset(0.5, max_examples=3), 3),
        (data.Subset(0.2, max_examples=3), 2),
    ],
)
def test_both_limits_hold(subset, count):
    rows = subset.rows(10)
    assert subset.count(10) == count
    assert (10 if rows is None else len(rows)) == count


def test_what_is_no_part_is_refused():
    for wrong in ({"fraction": 0.0}, {"fraction": 1.5}, {"max_examples": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            data.Subset(**wrong)
    with pytest.raises(ValueError, match=r"a fraction of 0\.01 of 10 examples is none"):
        data.Subset(0.01).rows(10)


def test_a_part_of_some_classes():
    digits = data.load("digits", image_size=8, classes=[3, 7])
    part = data.load("digits", image_size=8, classes=[3, 7], subset=data.Subset(0.1))
    rows = data.Subset(0.1).rows(len(digits))
    for name in ("image", "label"):
        np.testing.assert_array_equal(part.arrays[name], digits.arrays[name][rows])
    assert part.identity != digits.identity
    assert part.class_names == digits.class_names
