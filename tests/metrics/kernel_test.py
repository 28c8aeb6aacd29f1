import itertools

import numpy as np
import pytest

from gan_jax import metrics


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def pairwise_estimate(real, fake, degree=3, gamma=None, coefficient=1.0):
    """The unbiased estimate, one pair at a time."""
    gamma = 1 / real.shape[1] if gamma is None else gamma

    def kernel(x, y):
        return (gamma * float(np.dot(x, y)) + coefficient) ** degree

    within = [
        np.mean([kernel(x, y) for x, y in itertools.permutations(features, 2)])
        for features in (real, fake)
    ]
    return sum(within) - 2 * np.mean([kernel(x, y) for x in real for y in fake])


@pytest.mark.parametrize(
    "kernel", [{}, {"degree": 1}, {"degree": 4, "gamma": 0.3, "coefficient": 0.5}]
)
def test_one_subset_of_everything_is_the_estimate_of_all_pairs(rng, kernel):
    real, fake = rng.normal(size=(2, 25, 6))
    result = metrics.kernel_inception_distance(real, fake, subsets=1, subset_size=25, **kernel)
    assert result.mean == pytest.approx(pairwise_estimate(real, fake, **kernel), rel=1e-11)
    assert result.standard_deviation == 0.0
    assert np.isnan(result.standard_error)


def test_given_subsets_are_used_as_they_are(rng):
    real, fake = rng.normal(size=(40, 5)), rng.normal(size=(30, 5)) + 0.5
    subsets = [(np.arange(12), np.arange(20)), (np.arange(12, 40), np.arange(20, 30))]
    result = metrics.kernel_inception_distance(real, fake, subset_indices=subsets)
    estimates = [pairwise_estimate(real[a], fake[b]) for a, b in subsets]
    assert result.mean == pytest.approx(np.mean(estimates), rel=1e-11)
    assert result.standard_deviation == pytest.approx(np.std(estimates), rel=1e-9)
    error = np.std(estimates, ddof=1) / np.sqrt(2)
    assert result.standard_error == pytest.approx(error, rel=1e-9)


def test_the_standard_error_is_that_of_other_images_and_other_subsets(rng):
    results = [
        metrics.kernel_inception_distance(
            rng.normal(size=(300, 8)),
            rng.normal(size=(300, 8)) + 0.5,
            subsets=60,
            subset_size=60,
            seed=seed,
        )
        for seed in range(100)
    ]
    spread = np.std([result.mean for result in results], ddof=1)
    stated = np.sqrt(np.mean([result.standard_error**2 for result in results]))
    assert stated == pytest.approx(spread, rel=0.25)
    # As if the subsets were independent, it would be far too small.
    assert results[0].standard_deviation / np.sqrt(60) < 0.4 * spread


@pytest.mark.parametrize("fakes", [40, 50])
def test_subsets_of_everything_tell_no_error(rng, fakes):
    real, fake = rng.normal(size=(40, 5)), rng.normal(size=(fakes, 5))
    result = metrics.kernel_inception_distance(real, fake, subsets=3, subset_size=40)
    assert np.isnan(result.standard_error)


def test_a_linear_kernel_sees_the_distance_of_the_means(rng):
    # With degree 1 and gamma 1 the discrepancy is |m1 - m2|^2, and the estimate unbiased.
    shift = np.array([0.5, -0.2, 0.0])
    real = rng.normal(size=(2000, 3))
    fake = rng.normal(size=(2000, 3)) + shift
    result = metrics.kernel_inception_distance(
        real, fake, subsets=30, subset_size=200, degree=1, gamma=1.0
    )
    sampling_error = 0.06
    assert result.mean == pytest.approx(np.square(shift).sum(), abs=sampling_error)


def test_equal_distributions_are_at_no_distance_on_average(rng):
    real, fake = rng.normal(size=(2, 4000, 8))
    disjoint = [(part, part) for part in np.arange(4000).reshape(40, 100)]
    result = metrics.kernel_inception_distance(real, fake, subset_indices=disjoint)
    assert abs(result.mean) < 4 * result.standard_error
    far = metrics.kernel_inception_distance(real, fake + 0.5, subset_indices=disjoint)
    assert far.mean > 20 * far.standard_error


def test_a_small_distance_of_single_precision_features_keeps_its_digits(rng):
    # The kernel's means are near 10^4 and their difference near 10^-2.
    real = (rng.normal(size=(30, 64)) * 0.05 + 4.5).astype(np.float32)
    fake = (rng.normal(size=(30, 64)) * 0.05 + 4.5).astype(np.float32)
    result = metrics.kernel_inception_distance(real, fake, subsets=1, subset_size=30)
    exact = pairwise_estimate(real.astype(np.float64), fake.astype(np.float64))
    assert result.mean == pytest.approx(exact, rel=1e-8)


def test_the_seed_is_the_draw(rng):
    real, fake = rng.normal(size=(2, 60, 4))
    first, again, other = (
        metrics.kernel_inception_distance(real, fake, subsets=5, subset_size=20, seed=seed)
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first.mean != other.mean


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subset_size": 31}, "subset_size 31 is more than the 30 fake samples: .*=30 or less"),
        ({"subset_size": 1}, "subset_size must be an integer of at least 2, not 1"),
        ({"subsets": 0}, "subsets must be an integer of at least 1, not 0"),
        ({"degree": 0}, "degree must be an integer of at least 1, not 0"),
        ({"degree": 2.5}, "degree must be an integer of at least 1, not 2.5"),
        ({"subset_indices": []}, "at least one pair"),
        ({"subset_indices": [([0, 1], [0, 30])]}, r"fake samples must be in 0\.\.29"),
        ({"subset_indices": [([0, -1], [0, 1])]}, r"real samples must be in 0\.\.39"),
        ({"subset_indices": [([0, 0], [0, 1])]}, "real samples must be 2 different ones"),
        ({"subset_indices": [([0, 1], [0])]}, "fake samples must be 2 different ones"),
        ({"subset_indices": [([0.5, 1.5], [0, 1])]}, "must be integers"),
    ],
)
def test_impossible_subsets_are_refused(rng, options, message):
    real, fake = rng.normal(size=(40, 3)), rng.normal(size=(30, 3))
    with pytest.raises(ValueError, match=message):
        metrics.kernel_inception_distance(real, fake, **{"subset_size": 10, **options})


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        (np.ones((5, 4)), "real features have 3 dimensions and fake features 4"),
        (np.full((5, 3), np.inf), "fake features must be finite"),
        (np.ones((1, 3)), "fake features must hold at least 2 samples, not 1"),
    ],
)
def test_features_that_do_not_fit_are_refused(fake, message):
    with pytest.raises(ValueError, match=message):
        metrics.kernel_inception_distance(np.ones((5, 3)), fake, subset_size=3)
