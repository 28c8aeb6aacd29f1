"""Batch normalization against float64, whole and divided over devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import layers


def _normalize(x, weights, axis_name=None):
    """Returns normalized values, the batch's own variance, and a gradient for x."""
    norm = layers.batch_norm(train=True, axis_name=axis_name)
    start = {
        "params": {"scale": jnp.ones(x.shape[-1]), "bias": jnp.zeros(x.shape[-1])},
        "batch_stats": {"mean": jnp.zeros(x.shape[-1]), "var": jnp.zeros(x.shape[-1])},
    }

    def loss(x):
        y, changed = norm.apply(start, x, mutable=["batch_stats"])
        return jnp.sum(weights * y), (y, changed["batch_stats"]["var"] / 0.1)

    gradient, (y, variance) = jax.grad(loss, has_aux=True)(x)
    return y, variance, gradient


def _normalize_on_devices(x, weights):
    def divided(array):
        return array.reshape(4, -1, *array.shape[1:])

    mapped = jax.pmap(lambda x, w: _normalize(x, w, "devices"), axis_name="devices")
    y, variance, gradient = mapped(divided(x), divided(weights))
    return y.reshape(x.shape), variance[0], gradient.reshape(x.shape)


def _expected(x, weights):
    """The same in float64 by the formulas of Ioffe and Szegedy, section 3."""
    x, weights = x.astype(np.float64), weights.astype(np.float64)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    scale = 1 / np.sqrt(variance + 1e-5)
    y = (x - mean) * scale
    gradient = scale * (weights - weights.mean((0, 1, 2)) - y * (weights * y).mean((0, 1, 2)))
    return y, variance, gradient


@pytest.mark.parametrize("normalize", [_normalize, _normalize_on_devices])
@pytest.mark.parametrize(("mean", "tolerance"), [(0.3, 1e-6), (300.0, 3e-4)])
def test_batch_statistics_are_exact_however_large_the_mean(normalize, mean, tolerance):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(16, 4, 4, 8)) + mean).astype(np.float32)
    weights = rng.normal(size=x.shape).astype(np.float32)
    y, variance, gradient = normalize(x, weights)
    expected = _expected(x, weights)
    np.testing.assert_allclose(variance, expected[1], rtol=1e-6)
    # The sum of the inputs is rounded to about 1e-6 of the mean, which the mean's deviations show.
    np.testing.assert_allclose(y, expected[0], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(gradient, expected[2], rtol=tolerance, atol=tolerance)
