import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import metrics


@pytest.fixture
def features(rng):
    return rng.normal(size=(1000, 7)) * np.arange(1, 8) + 100.0


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def merged(batches, dim):
    total = metrics.empty_moments(dim)
    for batch in batches:
        total = metrics.merge_moments(total, metrics.moments(batch))
    return total


def assert_close(actual, expected, tolerance):
    assert actual.count == expected.count
    np.testing.assert_allclose(actual.mean, expected.mean, rtol=tolerance)
    np.testing.assert_allclose(
        actual.scatter, expected.scatter, rtol=0, atol=tolerance * np.abs(expected.scatter).max()
    )


def test_moments_are_those_of_numpy(features):
    result = metrics.moments(features)
    assert result.count == 1000
    np.testing.assert_allclose(result.mean, features.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(result.covariance, np.cov(features, rowvar=False), rtol=1e-9)


@pytest.mark.parametrize("size", [1, 3, 64, 999, 1000])
def test_any_batching_gives_the_moments_of_the_whole(features, size):
    batches = [features[i : i + size] for i in range(0, 1000, size)]
    assert_close(merged(batches, 7), metrics.moments(features), 1e-12)


def test_a_set_of_several_blocks_is_summed_whole(rng):
    features = rng.normal(size=(10_000, 3))
    np.testing.assert_allclose(
        metrics.moments(features).covariance, np.cov(features, rowvar=False), rtol=1e-11
    )


def test_merging_is_commutative_and_associative(rng):
    sizes, offsets = (5, 300, 41), (0.0, 50.0, -3.0)
    a, b, c = (
        metrics.moments(rng.normal(size=(n, 6)) + offset)
        for n, offset in zip(sizes, offsets, strict=True)
    )
    merge = metrics.merge_moments
    assert_close(merge(merge(a, b), c), merge(a, merge(b, c)), 1e-10)
    assert_close(merge(a, b), merge(b, a), 1e-14)


def test_a_large_mean_does_not_cancel_the_variance(rng):
    # E[x^2] - E[x]^2 would have no digit left of these variances.
    noise = rng.normal(size=(2000, 3))
    far = 1e8 + noise
    result = merged(np.split(far, 20), 3)
    np.testing.assert_allclose(result.covariance, np.cov(far - 1e8, rowvar=False), rtol=1e-6)


def test_no_samples_change_nothing(features):
    total = metrics.moments(features)
    empty = metrics.moments(np.zeros((0, 7)))
    assert empty.count == 0
    assert metrics.merge_moments(total, empty) is total
    assert metrics.merge_moments(empty, total) is total


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16, jnp.uint8])
def test_features_of_any_precision_are_summed_in_double(rng, dtype):
    features = jnp.asarray(rng.uniform(0, 200, size=(50, 4)), dtype)
    result = metrics.moments(features)
    assert result.mean.dtype == result.scatter.dtype == np.float64
    exact = np.asarray(features).astype(np.float64)
    np.testing.assert_allclose(result.covariance, np.cov(exact, rowvar=False), rtol=1e-12)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros(5), r"must be a matrix \[N, D\] .* not \[5\]"),
        (np.zeros((5, 0)), r"not \[5, 0\]"),
        ([[0.0, np.nan], [1.0, 2.0]], "1 of 2 rows hold NaN or infinity"),
        ([[0.0, np.inf], [np.nan, 2.0]], "2 of 2 rows"),
        (np.zeros((2, 2), complex), "must be real numbers, not complex128"),
        ([["a", "b"]], "must be real numbers"),
    ],
)
def test_what_is_no_feature_matrix_is_refused(features, message):
    with pytest.raises(ValueError, match=message):
        metrics.moments(features)


def test_moments_of_different_dimensions_do_not_merge():
    with pytest.raises(ValueError, match="have 3 dimensions and the second 4"):
        metrics.merge_moments(metrics.empty_moments(3), metrics.empty_moments(4))


def test_one_sample_has_no_covariance():
    with pytest.raises(ValueError, match="at least 2 samples, not 1"):
        _ = metrics.moments(np.ones((1, 3))).covariance


def test_a_space_has_dimensions():
    with pytest.raises(ValueError, match="dim must be an integer of at least 1, not 0"):
        metrics.empty_moments(0)
