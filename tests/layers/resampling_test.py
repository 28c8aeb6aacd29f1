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


@pytest.mark.parametrize("operation", [layers.upsample_conv, layers.conv_pool])
def test_what_is_no_batch_of_images_is_refused(operation):
    kernel = jnp.zeros((3, 3, 2, 2))
    with pytest.raises(ValueError, match=r"images must be \[B, H, W, C\]"):
        operation(jnp.zeros((4, 4, 2)), kernel)
    with pytest.raises(ValueError, match="the kernel must be"):
        operation(jnp.zeros((1, 4, 4, 2)), kernel[0])


def test_an_odd_size_has_no_squares():
    with pytest.raises(ValueError, match="average_pool: height and width must be even, not 4x5"):
        layers.average_pool(X[:, :, :5])


def _upsample(x):
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


def _draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _conv(x, kernel):
    return layers.conv(x, kernel, padding="SAME", implementation="lax")


PAIRS = {
    "upsample_conv": (layers.upsample_conv, lambda x, kernel: _conv(_upsample(x), kernel)),
    "conv_pool": (layers.conv_pool, lambda x, kernel: layers.average_pool(_conv(x, kernel))),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("window", [(3, 3), (1, 1), (1, 3), (2, 4)])
def test_equals_both_in_turn_with_gradients(name, window):
    x, kernel = _draw(0, 2, 6, 8, 3), _draw(1, *window, 3, 4)

    def everything(function):
        def value(x, kernel):
            return jnp.sum(jnp.sin(function(x, kernel)))

        return jax.jit(lambda x, k: (function(x, k), *jax.grad(value, argnums=(0, 1))(x, k)))(
            x, kernel
        )

    for ours, theirs in zip(*map(everything, PAIRS[name]), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("form", ["matmul", "winograd", "lax"])
def test_every_form_serves(form):
    x, kernel = _draw(0, 2, 4, 4, 3), _draw(1, 3, 3, 3, 4)
    for fused, separate in PAIRS.values():
        found = fused(x, kernel, implementation=form)
        np.testing.assert_allclose(found, separate(x, kernel), rtol=1e-4, atol=1e-4)


def test_bfloat16_stays_bfloat16():
    x, kernel = _draw(0, 2, 4, 4, 3).astype(jnp.bfloat16), jnp.ones((3, 3, 3, 4), jnp.bfloat16)
    for fused, separate in PAIRS.values():
        found, expected = fused(x, kernel), separate(x, kernel)
        assert found.dtype == jnp.bfloat16
        np.testing.assert_allclose(
            found.astype(np.float32), expected.astype(np.float32), rtol=0.05, atol=0.05
        )


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
