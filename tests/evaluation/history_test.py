"""The history of a score."""

import json
import math

import pytest

from gan_jax.evaluation import history as histories


def history(scores, *, lower_is_better=True):
    found = histories.resume("protocol", None)
    for step, score in enumerate(scores, start=1):
        found = histories.record(found, step, score, lower_is_better=lower_is_better)
    return found


def test_the_best_is_the_lowest_or_the_highest_as_the_metric_has_it():
    assert history([5.0, 3.0, 4.0])[1:] == (3.0, 2, 1)
    assert history([5.0, 3.0, 4.0], lower_is_better=False)[1:] == (5.0, 1, 2)


def test_an_equal_score_is_not_better():
    assert history([3.0, 3.0])[1:] == (3.0, 1, 1)


@pytest.mark.parametrize("lower_is_better", [True, False])
def test_not_a_number_is_never_the_best(lower_is_better):
    found = history([math.nan, 2.0, math.nan], lower_is_better=lower_is_better)
    assert found[1:] == (2.0, 2, 1)


def test_it_has_not_improved_after_as_many_evaluations_as_patience_has():
    assert not histories.has_not_improved(history([3.0, 4.0, 5.0]), 3)
    assert histories.has_not_improved(history([3.0, 4.0, 5.0, 3.5]), 3)
    assert not histories.has_not_improved(history([3.0] * 9), 0)


def test_progress_comes_back_from_json_unless_the_protocol_is_another():
    found = history([3.0, 4.0])
    kept = json.loads(json.dumps(found.progress()))
    assert histories.resume("protocol", kept) == found
    assert histories.resume("another", kept) == histories.History("another")
