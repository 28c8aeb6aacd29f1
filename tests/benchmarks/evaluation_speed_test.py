"""The benchmark's own float64 statistics, against the package's."""

import numpy as np
import pytest

from gan_jax import metrics
from tests.benchmarks.scripts import importable

with importable():
    import evaluation_speed


def test_its_float64_statistics_are_those_of_the_package(monkeypatch):
    monkeypatch.setattr(evaluation_speed, "_ROWS", 70)
    real, fake = (
        np.concatenate(list(evaluation_speed.make_features(200, seed, shift, dimensions=16)))
        for seed, shift in ((1, 0.0), (2, 0.3))
    )
    exact = evaluation_speed.float64_scores(real, fake)
    found = {
        "fid": metrics.frechet_inception_distance(real, fake),
        "kid": metrics.kernel_inception_distance(real, fake, subset_size=100).mean,
        **metrics.manifold_scores(real, fake)._asdict(),
    }
    assert max(evaluation_speed.differences(found, exact).values()) < 1e-6
    assert 0.1 < exact["coverage"] < 1.0


def test_features_are_those_of_their_seed():
    first, again, other = (
        np.concatenate(list(evaluation_speed.make_features(50, seed, dimensions=8)))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape == (50, 8)
    assert first.dtype == np.float32
    assert first.min() == 0.0
    assert np.abs(first - other).max() > 0
    assert evaluation_speed.differences({"a": 2.0}, {"a": 4.0}) == pytest.approx({"a": 0.5})
