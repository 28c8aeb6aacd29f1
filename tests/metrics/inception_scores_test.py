import numpy as np
import pytest

from gan_jax import metrics


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def direct_score(logits, splits):
    """The definition, a sample and a class at a time."""
    scores = []
    for split in range(splits):
        part = logits[split * len(logits) // splits : (split + 1) * len(logits) // splits]
        p = np.exp(part) / np.exp(part).sum(axis=1, keepdims=True)
        marginal = p.mean(axis=0)
        divergences = [
            sum(q * np.log(q / m) for q, m in zip(row, marginal, strict=True)) for row in p
        ]
        scores.append(np.exp(np.mean(divergences)))
    return np.mean(scores), np.std(scores)


def test_a_network_that_knows_nothing_scores_one(rng):
    logits = np.broadcast_to(rng.normal(size=(1, 1)), (40, 17))
    assert metrics.inception_score(logits) == pytest.approx((1.0, 0.0), abs=1e-12)


def test_a_single_answer_scores_one():
    logits = np.zeros((40, 17))
    logits[:, 3] = 1e4
    assert metrics.inception_score(logits) == pytest.approx((1.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("height", [1e2, 1e4, 1e30])
def test_sure_answers_of_every_class_alike_score_their_number(height):
    logits = np.tile(height * np.eye(8), (6, 1))
    result = metrics.inception_score(logits, splits=6)
    assert result == pytest.approx((8.0, 0.0), rel=1e-12, abs=1e-12)


def test_splits_that_hold_different_classes_have_a_spread():
    # The first split knows two classes, the second four.
    logits = 1e3 * np.eye(4)[[0, 1, 0, 1, 0, 1, 2, 3]]
    result = metrics.inception_score(logits, splits=2)
    assert result == pytest.approx((3.0, 1.0), rel=1e-12)


@pytest.mark.parametrize(("count", "splits"), [(20, 1), (100, 10), (103, 10), (7, 7)])
def test_it_is_what_the_definition_says(rng, count, splits):
    logits = 3 * rng.normal(size=(count, 5))
    result = metrics.inception_score(logits, splits=splits)
    assert result == pytest.approx(direct_score(logits, splits), rel=1e-11)


@pytest.mark.parametrize("size", [1, 13, 64, 103])
def test_a_stream_scores_as_the_whole(rng, size):
    logits = 3 * rng.normal(size=(103, 6))
    state = metrics.empty_inception_score_moments(6, total=103, splits=10)
    for start in range(0, 103, size):
        batch = logits[start : start + size]
        positions = np.arange(start, start + len(batch))
        state = metrics.merge_inception_score_moments(
            state, metrics.inception_score_moments(batch, total=103, positions=positions)
        )
    assert metrics.inception_score(state) == pytest.approx(
        metrics.inception_score(logits), rel=1e-12
    )


def test_batches_may_come_shuffled_and_be_merged_in_any_order(rng):
    logits = 3 * rng.normal(size=(60, 6))
    order = rng.permutation(60)
    a, b, c = (
        metrics.inception_score_moments(logits[part], total=60, splits=4, positions=part)
        for part in np.split(order, [11, 40])
    )
    merge = metrics.merge_inception_score_moments
    left, right = merge(merge(a, b), c), merge(a, merge(b, c))
    for one, other in zip(left, right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert metrics.inception_score(left) == pytest.approx(
        metrics.inception_score(logits, splits=4), rel=1e-12
    )


def test_a_set_of_several_blocks_is_scored_whole(rng):
    logits = rng.normal(size=(9000, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean())
    assert metrics.inception_score(logits, splits=1).mean == pytest.approx(expected, rel=1e-12)


def test_the_state_does_not_grow_with_the_samples():
    small = metrics.inception_score_moments(np.zeros((10, 5)), total=10)
    large = metrics.inception_score_moments(np.zeros((5000, 5)), total=5000)
    assert [np.shape(part) for part in small] == [np.shape(part) for part in large]


def test_single_precision_logits_are_scored_in_double(rng):
    logits = rng.normal(size=(30, 9)).astype(np.float32)
    assert metrics.inception_score(logits) == metrics.inception_score(logits.astype(np.float64))


@pytest.mark.parametrize("seen", [[0, 1, 2], [0, 1, 2, 3, 3], [0, 1, 1, 3]])
def test_a_stream_that_missed_or_repeated_samples_is_refused(seen):
    state = metrics.inception_score_moments(
        np.zeros((len(seen), 3)), total=4, splits=2, positions=seen
    )
    with pytest.raises(ValueError, match=f"has seen {len(seen)} samples.* each of 4 once"):
        metrics.inception_score(state)


@pytest.mark.parametrize(
    ("logits", "options", "message"),
    [
        (np.zeros((5, 3)), {}, "5 samples do not fill 10 splits: use splits=5"),
        (np.zeros((5, 3)), {"splits": 0}, "splits must be an integer of at least 1, not 0"),
        (np.full((20, 3), np.nan), {}, "logits must be finite: 20 of 20 rows"),
        (np.zeros((0, 3)), {}, "logits must hold at least 1 samples, not 0"),
        (np.zeros(20), {}, r"logits must be a matrix .* not \[20\]"),
    ],
)
def test_what_has_no_score_is_refused(logits, options, message):
    with pytest.raises(ValueError, match=message):
        metrics.inception_score(logits, **options)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([0, 1, 2], r"positions must be integers \[2\]"),
        ([0.0, 1.0], r"positions must be integers \[2\]"),
        ([0, 20], r"positions must be in 0\.\.19, not 0\.\.20"),
        ([-1, 0], r"not -1\.\.0"),
    ],
)
def test_positions_outside_of_the_set_are_refused(positions, message):
    with pytest.raises(ValueError, match=message):
        metrics.inception_score_moments(np.zeros((2, 3)), total=20, positions=positions)


def test_states_of_different_sets_do_not_merge():
    a = metrics.empty_inception_score_moments(3, total=20)
    for other, message in (
        (metrics.empty_inception_score_moments(3, total=21), "samples in the whole set: 20 and 21"),
        (metrics.empty_inception_score_moments(3, total=20, splits=5), "splits: 10 and 5"),
        (metrics.empty_inception_score_moments(4, total=20), "classes: 3 and 4"),
    ):
        with pytest.raises(ValueError, match=message):
            metrics.merge_inception_score_moments(a, other)
