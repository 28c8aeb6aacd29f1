import numpy as np
import pytest

from gan_jax import metrics
from gan_jax.metrics import distances


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks that divide neither set evenly."""
    monkeypatch.setattr(distances, "_ROWS", 7)
    monkeypatch.setattr(distances, "_COLUMNS", 5)


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
    np.testing.assert_allclose(
        distances.neighbor_distances(features, 3), expected[:, 3], rtol=1e-14
    )
    assert distances.neighbor_distances(features, 1)[2] == 0.0


@pytest.mark.usefixtures("small_blocks")
def test_blocks_cover_the_matrix_once(rng):
    rows, columns = rng.normal(size=(16, 3)), rng.normal(size=(11, 3)) + 50.0
    squared = np.full((16, 11), np.nan)
    for row_slice, column_slice, block in distances.squared_distance_blocks(rows, columns):
        assert np.isnan(squared[row_slice, column_slice]).all()
        assert block.size <= 35
        squared[row_slice, column_slice] = block
    np.testing.assert_allclose(squared, all_distances(rows, columns) ** 2, rtol=1e-12)


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
