import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.metrics import _balls, _points


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture(params=["float64", "products"])
def small_blocks(request, monkeypatch):
    """Blocks that divide neither set evenly, and either way to compute them."""
    monkeypatch.setattr(_points, "BLOCK", 16)
    monkeypatch.setattr(_points, "MULTIPLE", 16)
    if request.param == "products":
        monkeypatch.setattr(_points, "SMALL", 0)


@pytest.fixture(params=["float64", "products"])
def either_way(request, monkeypatch):
    if request.param == "products":
        monkeypatch.setattr(_points, "SMALL", 0)


def balls(features, k):
    within = np.linalg.norm(features[:, None] - features[None], axis=-1)
    return np.sort(within, axis=1)[:, k]


def brute_force(real, fake, k):
    """Precision, recall, density, coverage by their definitions, a pair at a time."""
    real_balls, fake_balls = balls(real, k), balls(fake, k)

    def distance(j, i):
        return np.linalg.norm(fake[j] - real[i])

    n, m = range(len(real)), range(len(fake))
    return (
        np.mean([any(distance(j, i) <= real_balls[i] for i in n) for j in m]),
        np.mean([any(distance(j, i) <= fake_balls[j] for j in m) for i in n]),
        sum(distance(j, i) < real_balls[i] for i in n for j in m) / (k * len(fake)),
        np.mean([any(distance(j, i) < real_balls[i] for j in m) for i in n]),
    )


@pytest.mark.parametrize("neighbors", [1, 3, 5])
@pytest.mark.usefixtures("small_blocks")
def test_all_four_are_what_their_definitions_say(rng, neighbors):
    real, fake = rng.normal(size=(40, 3)), 1.2 * rng.normal(size=(33, 3)) + 1.2
    result = (
        *metrics.precision_recall(real, fake, neighbors=neighbors),
        *metrics.density_coverage(real, fake, neighbors=neighbors),
    )
    expected = brute_force(real, fake, neighbors)
    assert all(0 < value < 1 for value in (*expected[:2], expected[3]))
    assert result == pytest.approx(expected, rel=1e-14)
    together = metrics.manifold_scores(
        real, fake, precision_neighbors=neighbors, density_neighbors=neighbors
    )
    assert together == result


@pytest.mark.usefixtures("small_blocks")
def test_all_four_in_one_pass_with_known_distances(rng):
    real, fake = rng.normal(size=(40, 3)), 1.2 * rng.normal(size=(33, 3)) + 0.3
    known = metrics.neighbor_distances(real, 7)
    result = metrics.manifold_scores(real, fake, real_distances=known)
    assert result == (
        *metrics.precision_recall(real, fake, real_distances=known),
        *metrics.density_coverage(real, fake, real_distances=known),
    )
    assert result == (*metrics.precision_recall(real, fake), *metrics.density_coverage(real, fake))
    # They are used, not computed again.
    assert metrics.manifold_scores(real, fake, real_distances=0.0 * known).density == 0.0


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.usefixtures("small_blocks")
def test_pairs_too_close_to_call_are_computed_in_float64(rng, monkeypatch, share):
    # Radii are near 1 and differ, as the distances to the balls' surfaces do, by 1e-6.
    monkeypatch.setattr(_balls, "_DOUBTFUL_SHARE", share)
    lattice = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1)
    real, fake = lattice[:4].reshape(-1, 2), lattice[2:].reshape(-1, 2)
    real = real + 1e-6 * rng.normal(size=real.shape)
    fake = fake + 1e-6 * rng.normal(size=fake.shape)
    expected = brute_force(real, fake, 2)
    result = metrics.manifold_scores(real, fake, precision_neighbors=2, density_neighbors=2)
    assert result == pytest.approx(expected, rel=1e-14)


def test_balls_on_a_line():
    # Real balls reach 1 to either side of 0, 1, 2 and 8 from 10. Of the fakes 2.5 is in the balls
    # of 2 and 10, 3 on the surface of that of 2 and in that of 10, and -5 in none.
    real = np.array([[0.0], [1.0], [2.0], [10.0]])
    fake = np.array([[2.5], [3.0], [-5.0]])
    density = metrics.density_coverage(real, fake, neighbors=1)
    assert density == pytest.approx((3 / 3, 2 / 4))
    # Fake balls reach 0.5, 0.5 and 7.5: the last one takes in 0, 1 and 2, the first also 2.
    assert metrics.precision_recall(real, fake, neighbors=1) == pytest.approx((2 / 3, 3 / 4))


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.usefixtures("either_way")
def test_a_set_against_itself(rng, offset):
    # Each ball holds its own sample and k - 1 others; the k-th lies on its surface.
    features = (rng.normal(size=(300, 20)) + offset).astype(np.float32)
    assert metrics.precision_recall(features, features) == (1.0, 1.0)
    assert metrics.density_coverage(features, features, neighbors=5) == (1.0, 1.0)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.usefixtures("either_way")
def test_surfaces_belong_to_precision_and_recall_but_not_to_density_and_coverage(offset):
    # Points of a square lattice, so that every ball has a radius of 1. Rows 0 to 3 are real and 2
    # to 5 fake: rows 2 and 3 are shared, row 4 is on the surface of row 3's balls, row 5 in none.
    lattice = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1) + offset
    real, fake = lattice[:4].reshape(-1, 2), lattice[2:].reshape(-1, 2)
    assert metrics.precision_recall(real, fake, neighbors=2) == (3 / 4, 3 / 4)
    # Inside a real ball of the shared rows lies its own center alone.
    assert metrics.density_coverage(real, fake, neighbors=2) == (12 / (2 * 24), 12 / 24)


def test_sets_apart_share_nothing(rng):
    real, fake = rng.normal(size=(2, 50, 4))
    assert metrics.precision_recall(real, fake + 100.0) == (0.0, 0.0)
    assert metrics.density_coverage(real, fake + 100.0) == (0.0, 0.0)


def test_one_mode_of_two_is_precise_and_recalls_half(rng):
    modes = rng.normal(size=(2, 400, 2))
    modes[1] += 1000.0
    fake = rng.normal(size=(400, 2))
    precision, recall = metrics.precision_recall(modes.reshape(800, 2), fake)
    density, coverage = metrics.density_coverage(modes.reshape(800, 2), fake)
    assert precision > 0.9
    assert 0.45 < recall <= 0.5
    assert density == pytest.approx(1.0, abs=0.1)
    assert 0.45 < coverage <= 0.5


@pytest.mark.parametrize(("count", "fakes", "neighbors"), [(1500, 1500, 5), (1500, 500, 2)])
def test_equal_distributions_have_the_coverage_that_is_expected(rng, count, fakes, neighbors):
    # Naeem et al., lemma 2; the density's expectation is 1.
    real, fake = rng.normal(size=(count, 2)), rng.normal(size=(fakes, 2))
    numbers = np.arange(1, neighbors + 1)
    expected = 1 - np.prod((count - numbers) / (fakes + count - numbers))
    density, coverage = metrics.density_coverage(real, fake, neighbors=neighbors)
    assert coverage == pytest.approx(expected, abs=0.02)
    assert density == pytest.approx(1.0, abs=0.05)


@pytest.mark.usefixtures("either_way")
def test_a_collapsed_generator_recalls_nothing(rng):
    real = rng.normal(size=(60, 5))
    fake = np.tile(real[:1] + 1e-3, (60, 1))
    precision, recall = metrics.precision_recall(real, fake)
    assert (precision, recall) == (1.0, 0.0)
    assert metrics.density_coverage(real, fake).coverage < 0.5


@pytest.mark.parametrize("measure", [metrics.precision_recall, metrics.density_coverage])
@pytest.mark.parametrize(
    ("real", "fake", "options", "message"),
    [
        (4, 9, {"neighbors": 4}, "neighbors must be less than the 4 real samples, not 4"),
        (9, 9, {"neighbors": 0}, "neighbors must be an integer of at least 1, not 0"),
        (0, 9, {}, "real features must hold at least 1 samples, not 0"),
    ],
)
def test_neighbors_that_are_not_there_are_refused(measure, real, fake, options, message):
    with pytest.raises(ValueError, match=message):
        measure(np.ones((real, 2)), np.ones((fake, 2)), **options)


@pytest.mark.parametrize("measure", [metrics.precision_recall, metrics.density_coverage])
@pytest.mark.parametrize(
    ("fake", "message"),
    [
        (np.ones((9, 3)), "real features have 2 dimensions and fake features 3"),
        (np.full((9, 2), np.nan), "fake features must be finite"),
    ],
)
def test_features_that_do_not_fit_are_refused(measure, fake, message):
    with pytest.raises(ValueError, match=message):
        measure(np.ones((9, 2)), fake)


def test_recall_needs_neighbors_among_the_generated_too():
    with pytest.raises(ValueError, match="less than the 3 fake samples, not 3"):
        metrics.precision_recall(np.ones((9, 2)), np.ones((3, 2)))


@pytest.mark.parametrize("shape", [(9,), (9, 4), (8, 5)])
def test_distances_of_other_samples_are_refused(shape):
    with pytest.raises(ValueError, match=r"real_distances must be \[9, 5 or more\]"):
        metrics.manifold_scores(np.ones((9, 2)), np.ones((9, 2)), real_distances=np.ones(shape))
