"""Upsampling, pooling, and residual blocks against their plain definitions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import layers

X = np.random.RandomState(0).standard_normal((2, 4, 6, 3)).astype(np.float32)
KERNEL = np.random.RandomState(1).standard_normal((3, 3, 3, 5)).astype(np.float32)


def repeat(x):
    return np.asarray(x).repeat(2, axis=1).repeat(2, axis=2)


def means(x):
    x = np.asarray(x)
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def convolve(x, kernel, bias=0.0):
    return np.asarray(layers.conv(x, kernel, implementation="lax")) + bias


def test_upsampling_repeats_and_pooling_averages():
    np.testing.assert_array_equal(layers.upsample_nearest(X), repeat(X))
    np.testing.assert_allclose(layers.average_pool(X), means(X), atol=1e-6)
    np.testing.assert_allclose(layers.average_pool(layers.upsample_nearest(X)), X, atol=1e-6)


def test_an_odd_size_has_no_squares():
    with pytest.raises(ValueError, match="average_pool: height and width must be even, not 4x5"):
        layers.average_pool(X[:, :, :5])


@pytest.mark.parametrize("size", [1, 3])
def test_convolutions_next_to_them_are_the_two_one_after_the_other(size):
    kernel = KERNEL[:size, :size]
    np.testing.assert_allclose(
        layers.upsample_conv(X, kernel), convolve(repeat(X), kernel), atol=1e-5
    )
    np.testing.assert_allclose(layers.conv_pool(X, kernel), means(convolve(X, kernel)), atol=1e-5)


def relu(x):
    return np.maximum(x, 0.0)


def init(block, x):
    """A block's parameters, its biases other than zero."""
    params = block.init(jax.random.key(0), x)["params"]
    return jax.tree.map(lambda leaf: leaf + 0.1 if leaf.ndim == 1 else leaf, params)


def weights(params, name):
    return params[name]["kernel"], np.asarray(params[name]["bias"])


def test_a_generators_block():
    norm = functools.partial(layers.batch_norm, train=True)
    block = layers.UpBlock(5, norm)
    params = init(block, X)
    out, _ = block.apply({"params": params}, X, mutable=["batch_stats"])

    def normalize(x, name):
        x = np.asarray(x, np.float64)
        x = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
        scale, bias = (np.asarray(params[name][key]) for key in ("scale", "bias"))
        return np.asarray(x * scale + bias, np.float32)

    main = convolve(repeat(relu(normalize(X, "BatchNorm_0"))), *weights(params, "UpsampleConv_0"))
    main = convolve(relu(normalize(main, "BatchNorm_1")), *weights(params, "Conv_1"))
    expected = main + convolve(repeat(X), *weights(params, "Conv_0"))
    assert out.shape == (2, 8, 12, 5)
    np.testing.assert_allclose(out, expected, atol=1e-4)


@pytest.mark.parametrize("activated", [True, False])
def test_a_discriminators_block_that_halves_the_size(activated):
    block = layers.DownBlock(5, activate_input=activated)
    params = init(block, X)
    # The hidden channels are those of the input, where nothing else is said.
    assert params["Conv_1"]["kernel"].shape == (3, 3, 3, 3)
    main = convolve(relu(X) if activated else X, *weights(params, "Conv_1"))
    main = means(convolve(relu(main), *weights(params, "ConvPool_0")))
    expected = main + means(convolve(X, *weights(params, "Conv_0")))
    np.testing.assert_allclose(block.apply({"params": params}, X), expected, atol=1e-5)


def test_a_discriminators_block_that_keeps_the_size_adds_its_input_as_it_is():
    block = layers.DownBlock(3, downsample=False)
    params = init(block, X)
    assert set(params) == {"Conv_0", "Conv_1"}
    main = convolve(relu(X), *weights(params, "Conv_0"))
    expected = X + convolve(relu(main), *weights(params, "Conv_1"))
    np.testing.assert_allclose(block.apply({"params": params}, X), expected, atol=1e-5)


def test_the_initial_kernels_of_a_block_have_glorots_deviation():
    x = jnp.zeros((1, 4, 4, 64))
    params = layers.DownBlock(64).init(jax.random.key(0), x)["params"]
    for name, gain, fan in (("Conv_1", 2**0.5, 9 * 64), ("ConvPool_0", 2**0.5, 9 * 64)):
        assert float(params[name]["kernel"].std()) == pytest.approx(gain * fan**-0.5, rel=0.02)
    kernel = params["Conv_0"]["kernel"]
    assert float(kernel.std()) == pytest.approx(64**-0.5, rel=0.05)
    # Uniform, not normal.
    assert float(jnp.abs(kernel).max()) <= (3 / 64) ** 0.5
