import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.metrics import _points, distances


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture(params=["float64", "products"])
def small_blocks(request, monkeypatch):
    """Blocks that divide neither set evenly, and either way to compute them."""
    monkeypatch.setattr(distances, "_ROWS", 7)
    monkeypatch.setattr(distances, "_COLUMNS", 5)
    monkeypatch.setattr(_points, "BLOCK", 16)
    monkeypatch.setattr(_points, "MULTIPLE", 16)
    if request.param == "products":
        monkeypatch.setattr(_points, "SMALL", 0)


def all_distances(first, second):
    return np.linalg.norm(first[:, None].astype(float) - second[None].astype(float), axis=-1)


@pytest.mark.parametrize("k", [1, 4, 6, 31])
@pytest.mark.usefixtures("small_blocks")
def test_the_nearest_are_found_over_blocks(rng, k):
    queries, bank = rng.normal(size=(20, 3)), rng.normal(size=(31, 3))
    found, indices = metrics.nearest_neighbors(queries, bank, k)
    expected = all_distances(queries, bank)
    np.testing.assert_array_equal(indices, np.argsort(expected, axis=1)[:, :k])
    np.testing.assert_allclose(found, np.sort(expected, axis=1)[:, :k], rtol=1e-14)


@pytest.mark.usefixtures("small_blocks")
def test_an_equal_sample_is_at_no_distance(rng):
    # Far from the origin, where |x|^2 + |y|^2 - 2 x.y keeps no digit of such distances.
    bank = (1e4 + rng.normal(size=(30, 8))).astype(np.float32)
    queries = bank[[5, 29]].copy()
    queries[1, 0] += 0.125
    found, indices = metrics.nearest_neighbors(queries, bank, 1)
    assert indices.ravel().tolist() == [5, 29]
    assert found.ravel().tolist() == [0.0, 0.125]


def test_equal_samples_come_in_their_order():
    bank = np.array([[3.0], [1.0], [1.0], [1.0], [7.0]])
    found, indices = metrics.nearest_neighbors([[1.0]], bank, 4)
    assert indices.tolist() == [[1, 2, 3, 0]]
    assert found.tolist() == [[0.0, 0.0, 0.0, 2.0]]


@pytest.mark.usefixtures("small_blocks")
def test_a_sample_is_not_its_own_neighbor_but_its_double_is(rng):
    features = rng.normal(size=(23, 4))
    features[17] = features[2]
    expected = np.sort(all_distances(features, features), axis=1)
    found = metrics.neighbor_distances(features, 3)
    np.testing.assert_allclose(found, expected[:, 1:4], rtol=1e-14)
    assert metrics.neighbor_distances(features, 1)[2] == 0.0


@pytest.mark.usefixtures("small_blocks")
def test_samples_closer_than_float32_can_tell_are_told_apart(rng, monkeypatch):
    # Two clusters far apart, whose samples differ by less than the error of a product.
    features = 1e-5 * rng.normal(size=(40, 6))
    features[20:] += 1.0
    searched = []
    exactly = distances._smallest_exactly

    def counting(queries, bank, chosen, k):
        searched.append(len(chosen))
        return exactly(queries, bank, chosen, k)

    monkeypatch.setattr(distances, "_smallest_exactly", counting)
    found = metrics.neighbor_distances(features, 2)
    assert searched == [40]
    expected = np.sort(all_distances(features, features), axis=1)[:, 1:3]
    np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize("magnitude", [1e-30, 1.0, 1e30])
@pytest.mark.usefixtures("small_blocks")
def test_distances_of_any_magnitude(rng, magnitude):
    features = magnitude * rng.normal(size=(40, 6))
    expected = np.sort(all_distances(features, features), axis=1)[:, 1:3]
    np.testing.assert_allclose(metrics.neighbor_distances(features, 2), expected, rtol=1e-13)


def test_the_smallest_of_a_row_lie_in_the_groups_of_the_smallest_minima(rng):
    values = rng.normal(size=(5, 64)).astype(np.float32)
    values[0, 17:20] = -9.0, -8.0, -9.0
    found, columns = distances._smallest(jnp.asarray(values), 3)
    np.testing.assert_array_equal(found, np.sort(values, axis=1)[:, :3])
    np.testing.assert_array_equal(np.take_along_axis(values, np.asarray(columns), 1), found)


@pytest.mark.parametrize(
    ("queries", "k", "message"),
    [
        (np.ones((2, 3)), 6, "k must be at most the 5 samples of the bank, not 6"),
        (np.ones((2, 3)), 0, "k must be an integer of at least 1, not 0"),
        (np.ones((2, 4)), 1, "queries have 4 dimensions and the bank's features 3"),
        (np.full((2, 3), np.nan), 1, "queries must be finite"),
        (np.ones(3), 1, r"queries must be a matrix .* not \[3\]"),
    ],
)
def test_impossible_questions_are_refused(queries, k, message):
    with pytest.raises(ValueError, match=message):
        metrics.nearest_neighbors(queries, np.ones((5, 3)), k)


def test_a_set_has_fewer_neighbors_than_samples():
    with pytest.raises(ValueError, match="k must be less than the 5 samples, not 5"):
        metrics.neighbor_distances(np.ones((5, 3)), 5)
