"""Self-attention: the identity at first, and its formula in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import layers

X = np.random.default_rng(0).standard_normal((2, 4, 6, 16)).astype(np.float32)


def count(channels, **fields):
    module, x = layers.SelfAttention(**fields), jnp.zeros((1, 4, 4, channels))
    params = jax.eval_shape(lambda: module.init(jax.random.key(0), x))["params"]
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@pytest.fixture(scope="module")
def variables():
    return layers.SelfAttention().init(jax.random.key(0), X)


def with_gamma(variables, gamma):
    return {"params": {**variables["params"], "gamma": jnp.float32(gamma)}}


def expected(params, x):
    """The sum that is added for gamma = 1, by the formulas, and the weights [B, N, N / 4]."""
    kernels = {
        name: np.asarray(tree["kernel"], np.float64)[0, 0]
        for name, tree in params.items()
        if name != "gamma"
    }
    batch, height, width, channels = x.shape

    def pooled(name):
        y = x @ kernels[name]
        y = np.maximum(y[:, ::2], y[:, 1::2])
        y = np.maximum(y[:, :, ::2], y[:, :, 1::2])
        return y.reshape(batch, height * width // 4, -1)

    query = (x @ kernels["query"]).reshape(batch, height * width, -1)
    weights = np.exp(query @ pooled("key").swapaxes(1, 2))
    weights /= weights.sum(-1, keepdims=True)
    added = (weights @ pooled("value")) @ kernels["output"]
    return added.reshape(batch, height, width, channels)


def test_the_authors_numbers_of_parameters():
    assert count(256) == 81_921
    assert count(128) == 20_481


def test_it_begins_as_the_identity_to_the_bit(variables):
    np.testing.assert_array_equal(layers.SelfAttention().apply(variables, X), X)


def test_it_is_the_formula_in_float64(variables):
    found = layers.SelfAttention().apply(with_gamma(variables, 0.5), X)
    x = X.astype(np.float64)
    added = expected(variables["params"], x)
    np.testing.assert_allclose(found, x + 0.5 * added, atol=1e-5)
    assert np.abs(added).mean() > 0.1


def test_only_whole_squares_of_pixels_may_change_places(variables):
    """Keys and values are pooled by squares, so that a pixel has no place of its own."""
    module, changed = layers.SelfAttention(), with_gamma(variables, 1.0)
    squares = X.reshape(2, 2, 2, 3, 2, 16)
    order = np.roll(squares, 1, axis=3).reshape(X.shape)
    found = module.apply(changed, order).reshape(squares.shape)
    by_squares = np.roll(module.apply(changed, X).reshape(squares.shape), 1, axis=3)
    np.testing.assert_allclose(found, by_squares, atol=1e-5)
    pixels = np.roll(module.apply(changed, X), 1, axis=2)
    assert np.abs(module.apply(changed, np.roll(X, 1, axis=2)) - pixels).max() > 1e-2


def test_every_kernel_may_be_normalized_and_odd_sizes_are_refused():
    module = layers.SelfAttention(spectral_norm=layers.SpectralNorm(update=True))
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), X))
    lengths = {name: tree["u"].size for name, tree in shapes["spectral"].items()}
    assert lengths == {"query": 2, "key": 2, "value": 8, "output": 16}
    with pytest.raises(ValueError, match="must be even, not 4x3"):
        module.init(jax.random.key(0), X[:, :, :3])
