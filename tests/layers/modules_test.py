"""The modules around the pure functions: parameters, dtypes, embedding, dropout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import layers


@pytest.mark.parametrize(
    ("module", "kernel_shape", "size"),
    [(layers.Conv, (4, 4, 3, 8), 3), (layers.ConvTranspose, (4, 4, 8, 3), 12)],
)
def test_parameters_and_output(module, kernel_shape, size):
    x = jnp.ones((2, 6, 6, 3))
    convolution = module(8, dtype=jnp.bfloat16)
    variables = convolution.init(jax.random.key(0), x)
    shapes = jax.tree.map(jnp.shape, variables["params"])
    assert shapes == {"kernel": kernel_shape, "bias": (8,)}
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    y = convolution.apply(variables, x)
    assert y.shape == (2, size, size, 8)
    assert y.dtype == jnp.bfloat16


def test_bias_is_added_and_kernel_drawn_with_deviation_0_02():
    x = jnp.zeros((1, 4, 4, 64))
    variables = layers.Conv(64).init(jax.random.key(0), x)
    assert abs(float(variables["params"]["kernel"].std()) - 0.02) < 1e-3
    biased = {"params": {**variables["params"], "bias": jnp.arange(64.0)}}
    np.testing.assert_array_equal(layers.Conv(64).apply(biased, x)[0, 0, 0], np.arange(64.0))
    assert "bias" not in layers.Conv(2, use_bias=False).init(jax.random.key(0), x)["params"]


def test_embedding_looks_rows_up():
    labels = jnp.array([2, 0, 2])
    embedding = layers.LabelEmbedding(3, 5)
    variables = embedding.init(jax.random.key(0), labels)
    table = variables["params"]["embedding"]
    np.testing.assert_array_equal(embedding.apply(variables, labels), table[labels])
    outside = embedding.apply(variables, jnp.array([3, -1, 1]))
    assert np.isnan(outside[:2]).all()
    assert np.isfinite(outside[2]).all()


def test_dropout_keeps_the_expectation_and_the_share():
    x = jnp.ones((64, 64, 30))
    y = layers.Dropout(0.3, deterministic=False).apply({}, x, rngs={"dropout": jax.random.key(0)})
    share = 77 / 256
    # Four standard deviations of the mean of 122,880 draws.
    assert abs(float((y == 0).mean()) - share) < 4 * np.sqrt(share * (1 - share) / x.size)
    np.testing.assert_allclose(np.unique(y), [0, 256 / (256 - 77)], rtol=1e-6)
    # Neighbors share a word of random bits and must be independent all the same.
    dropped = np.asarray(y == 0, np.float64)
    correlation = np.corrcoef(dropped[..., 0].ravel(), dropped[..., 1].ravel())[0, 1]
    assert abs(correlation) < 4 / np.sqrt(64 * 64)


def test_dropout_is_the_identity_when_off():
    x = jnp.ones((2, 3))
    for rate, deterministic in [(0.5, True), (0.0, False)]:
        dropout = layers.Dropout(rate, deterministic=deterministic)
        np.testing.assert_array_equal(dropout.apply({}, x), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 0.9999])
def test_dropout_rate_out_of_range(rate):
    with pytest.raises(ValueError, match="dropout rate"):
        layers.Dropout(rate, deterministic=True).apply({}, jnp.ones((2, 3)))
