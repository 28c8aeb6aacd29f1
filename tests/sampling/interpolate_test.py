"""Great circles between normal inputs."""

import numpy as np
import pytest

from gan_jax import sampling


def test_interpolation_between_orthogonal_points_is_a_quarter_of_a_circle():
    start, stop = np.array([[3.0, 0.0, 0.0]]), np.array([[0.0, 3.0, 0.0]])
    path = np.asarray(sampling.great_circle(start, stop, 5))[0]
    angles = np.linspace(0, np.pi / 2, 5)
    expected = 3 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=-1)
    np.testing.assert_allclose(path, expected, atol=1e-6)


def test_interpolation_ends_where_it_should_and_moves_by_equal_angles():
    start, stop = np.random.default_rng(1).normal(size=(2, 6, 16))
    path = np.asarray(sampling.great_circle(start, stop, 7))
    assert path.shape == (6, 7, 16)
    np.testing.assert_allclose(path[:, 0], start, atol=1e-5)
    np.testing.assert_allclose(path[:, -1], stop, atol=1e-5)
    # Every step covers the same angle of the plane through both, whatever their lengths.
    a, b = np.asarray(start, np.float64), np.asarray(stop, np.float64)
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    omega = np.arccos(cosine)[:, None]
    t = np.linspace(0, 1, 7)
    weights = np.sin((1 - t) * omega) / np.sin(omega), np.sin(t * omega) / np.sin(omega)
    expected = weights[0][..., None] * a[:, None] + weights[1][..., None] * b[:, None]
    np.testing.assert_allclose(path, expected, atol=1e-5)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_interpolation_where_there_is_no_circle_is_a_line(factor):
    start = np.array([[1.0, 2.0]])
    path = sampling.great_circle(start, factor * start, 3)
    np.testing.assert_allclose(path[0, 1], (1 + factor) / 2 * start[0], atol=1e-3)
    np.testing.assert_allclose(path[0, ::2], np.concatenate([start, factor * start]), atol=1e-6)
    with pytest.raises(ValueError, match="at least 2 steps, not 1"):
        sampling.great_circle(start, start, 1)
