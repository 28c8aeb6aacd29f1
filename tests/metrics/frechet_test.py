import numpy as np
import pytest

from gan_jax import metrics


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def random_rotation(rng, dim):
    return np.linalg.qr(rng.normal(size=(dim, dim)))[0]


def nuclear_distance(first, second):
    """The same distance without a covariance: from the centered feature matrices themselves."""
    a = (first - first.mean(0)) / np.sqrt(len(first) - 1)
    b = (second - second.mean(0)) / np.sqrt(len(second) - 1)
    overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    shift = np.square(first.mean(0) - second.mean(0)).sum()
    return shift + np.square(a).sum() + np.square(b).sum() - 2 * overlap


def test_in_one_dimension_it_is_known():
    # (m1 - m2)^2 + (s1 - s2)^2
    result = metrics.frechet_distance([1.0], [[9.0]], [-1.0], [[0.25]])
    assert result == pytest.approx(4.0 + 6.25, rel=1e-14)


def test_covariances_that_commute(rng):
    # |m1 - m2|^2 + sum (sqrt(l1) - sqrt(l2))^2 over common axes
    axes = random_rotation(rng, 12)
    variances1, variances2 = rng.uniform(0, 4, size=(2, 12))
    mean1, mean2 = rng.normal(size=(2, 12))
    result = metrics.frechet_distance(
        mean1, axes * variances1 @ axes.T, mean2, axes * variances2 @ axes.T
    )
    expected = np.square(mean1 - mean2).sum()
    expected += np.square(np.sqrt(variances1) - np.sqrt(variances2)).sum()
    assert result == pytest.approx(expected, rel=1e-12)


def test_covariances_that_do_not_commute_in_two_dimensions(rng):
    # tr sqrt(M) = sqrt(tr M + 2 sqrt(det M)) for 2 x 2; M = C1 C2.
    covariance1 = np.array([[2.0, 0.7], [0.7, 1.0]])
    covariance2 = np.array([[0.5, -0.3], [-0.3, 3.0]])
    product = covariance1 @ covariance2
    overlap = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(covariance1) + np.trace(covariance2) - 2 * overlap
    result = metrics.frechet_distance(np.zeros(2), covariance1, np.zeros(2), covariance2)
    assert result == pytest.approx(expected, rel=1e-12)


def test_a_known_gaussian_is_found_from_its_samples(rng):
    mean = np.array([1.0, 0.0, -2.0])
    deviations = np.array([1.0, 2.0, 0.5])
    real = rng.normal(size=(200_000, 3))
    fake = mean + rng.normal(size=(200_000, 3)) * deviations
    expected = np.square(mean).sum() + np.square(deviations - 1).sum()
    assert metrics.frechet_inception_distance(real, fake) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("count", "dim"), [(40, 200), (150, 200), (200, 200), (201, 200)])
def test_singular_covariances_are_exact(rng, count, dim):
    first = rng.normal(size=(count, dim)) * np.geomspace(1, 1e-3, dim)
    second = (1.1 * rng.normal(size=(count + 7, dim)) + 0.01) * np.geomspace(1, 1e-3, dim)
    result = metrics.frechet_inception_distance(first, second)
    assert result == pytest.approx(nuclear_distance(first, second), rel=1e-9)


@pytest.mark.parametrize("decay", [1e-2, 1e-5, 1e-8])
def test_nearly_singular_covariances_are_exact_where_the_distance_is_small(rng, decay):
    scale = np.geomspace(1, decay, 120)
    first = rng.normal(size=(500, 120)) * scale
    second = first * 1.02 + 1e-3 * rng.normal(size=first.shape) * scale
    result = metrics.frechet_inception_distance(first, second)
    assert result == pytest.approx(nuclear_distance(first, second), rel=1e-7)


def test_features_that_never_fire_are_no_trouble(rng):
    first, second = rng.normal(size=(2, 50, 10))
    silent = np.zeros((50, 6))
    alone = metrics.frechet_inception_distance(first, second)
    together = metrics.frechet_inception_distance(
        np.hstack([silent, first]), np.hstack([silent, second])
    )
    assert together == pytest.approx(alone, rel=1e-11)


def test_a_point_and_a_gaussian():
    result = metrics.frechet_distance(
        [1.0, 2.0], np.zeros((2, 2)), np.zeros(2), np.diag([2.0, 3.0])
    )
    assert result == pytest.approx(5.0 + 5.0, rel=1e-14)


@pytest.mark.parametrize("count", [20, 60, 2000])
def test_a_set_is_at_no_distance_of_itself(rng, count):
    features = rng.normal(size=(count, 60)) * 30.0
    distance = metrics.frechet_inception_distance(features, features[::-1])
    trace = np.trace(np.cov(features, rowvar=False))
    assert 0.0 <= distance <= 1e-12 * trace


def test_it_is_symmetric_and_never_negative(rng):
    for _ in range(20):
        first = rng.normal(size=(9, 30))
        second = first + 1e-9 * rng.normal(size=(9, 30))
        there = metrics.frechet_inception_distance(first, second)
        back = metrics.frechet_inception_distance(second, first)
        assert min(there, back) >= 0.0
        assert there == pytest.approx(back, abs=1e-11)


def test_a_rotation_of_the_space_changes_nothing(rng):
    first, second = rng.normal(size=(2, 80, 16))
    second *= 2.0
    turn = random_rotation(rng, 16)
    assert metrics.frechet_inception_distance(first @ turn, second @ turn) == pytest.approx(
        metrics.frechet_inception_distance(first, second), rel=1e-11
    )


def test_moments_and_features_are_taken_alike(rng):
    first, second = rng.normal(size=(2, 30, 5))
    expected = metrics.frechet_inception_distance(first, second)
    mixed = metrics.frechet_inception_distance(metrics.moments(first), second)
    assert mixed == pytest.approx(expected, rel=1e-12)


def test_covariances_of_single_precision_are_taken(rng):
    # Rounding makes them indefinite: a few eigenvalues of a rank of 30 in 90 turn negative.
    first = rng.normal(size=(31, 90))
    second = rng.normal(size=(31, 90)) * 1.5
    covariances = [np.cov(x, rowvar=False).astype(np.float32) for x in (first, second)]
    assert min(np.linalg.eigvalsh(covariances[0].astype(float))) < -1e-9
    result = metrics.frechet_distance(first.mean(0), covariances[0], second.mean(0), covariances[1])
    assert result == pytest.approx(nuclear_distance(first, second), rel=1e-4)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.eye(0), r"mean1 must be .* not \[2\] and \[0, 0\]"),
        (np.eye(3), r"mean1 must be \[D\] and covariance1 \[D, D\], not \[2\] and \[3, 3\]"),
        ([[1.0, 0.5], [0.0, 1.0]], "covariance1 must be symmetric"),
        ([[0.0, 1.0], [1.0, 0.0]], "covariance1 must be positive semidefinite"),
        (-np.eye(2), "must be positive semidefinite, but has the eigenvalue -1"),
        (np.full((2, 2), np.nan), "must be finite"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance, message):
    with pytest.raises(ValueError, match=message):
        metrics.frechet_distance(np.zeros(2), covariance, np.zeros(2), np.eye(2))


def test_means_of_different_dimensions_are_refused():
    with pytest.raises(ValueError, match="mean1 has 2 dimensions and mean2 3"):
        metrics.frechet_distance(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (np.ones((1, 3)), np.ones((5, 3)), "real features must hold at least 2 samples, not 1"),
        (np.ones((5, 3)), np.ones((5, 4)), "real features have 3 dimensions and fake features 4"),
        (np.ones((5, 3)), np.full((5, 3), np.nan), "fake features must be finite: 5 of 5 rows"),
        (np.ones((5, 3)), metrics.empty_moments(3), "fake features must hold at least 2 .* not 0"),
    ],
)
def test_what_has_no_distance_is_refused(real, fake, message):
    with pytest.raises(ValueError, match=message):
        metrics.frechet_inception_distance(real, fake)
