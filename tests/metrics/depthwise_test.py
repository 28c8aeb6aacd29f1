"""Both forms of the depthwise convolution against a loop over the outputs, and each other."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.metrics.depthwise import depthwise_conv

# (height, width), window, stride: the network's own, odd sizes, an image smaller than its window.
CASES = [
    ((8, 8), 3, 1),
    ((8, 8), 5, 2),
    ((7, 6), 3, 2),
    ((5, 9), 5, 2),
    ((2, 1), 5, 2),
    ((9, 7), 3, 4),
]


def _draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _naive(x, kernel, stride):
    """TensorFlow's rule for "SAME", from the number of outputs it promises."""
    outputs = [-(-size // stride) for size in x.shape[1:3]]
    totals = [
        max((count - 1) * stride + window - size, 0)
        for count, window, size in zip(outputs, kernel.shape[:2], x.shape[1:3], strict=True)
    ]
    pads = [(total // 2, total - total // 2) for total in totals]
    x = np.pad(x.astype(np.float64), ((0, 0), *pads, (0, 0)))
    result = np.zeros((x.shape[0], *outputs, x.shape[3]))
    for i in range(outputs[0]):
        for j in range(outputs[1]):
            top, left = i * stride, j * stride
            patch = x[:, top : top + kernel.shape[0], left : left + kernel.shape[1]]
            result[:, i, j] = np.sum(patch * kernel[:, :, 0], axis=(1, 2))
    return result


@pytest.mark.parametrize("implementation", ["shifts", "lax"])
@pytest.mark.parametrize(("size", "window", "stride"), CASES)
def test_each_form_is_the_sum_over_the_window(size, window, stride, implementation):
    x, kernel = _draw(0, 2, *size, 3), _draw(1, window, window, 1, 3)
    convolve = functools.partial(depthwise_conv, stride=stride, implementation=implementation)
    y = jax.jit(convolve)(x, kernel)
    np.testing.assert_allclose(y, _naive(x, kernel, stride), rtol=1e-5, atol=1e-5)


def test_both_forms_have_the_same_derivatives():
    x, kernel = _draw(0, 2, 6, 5, 3), _draw(1, 3, 3, 1, 3)

    def loss(x, kernel, implementation):
        y = depthwise_conv(x, kernel, stride=2, implementation=implementation)
        return jnp.sum(jnp.sin(y))

    gradient = jax.jit(jax.grad(loss, (0, 1)), static_argnums=2)
    shifts, lax = (gradient(x, kernel, name) for name in ("shifts", "lax"))
    for ours, theirs in zip(shifts, lax, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_on_cpu_the_images_are_shifted():
    jaxpr = str(jax.make_jaxpr(depthwise_conv)(_draw(0, 1, 4, 4, 2), _draw(1, 3, 3, 1, 2)))
    assert "conv_general_dilated" not in jaxpr


@pytest.mark.parametrize(
    ("kernel", "arguments", "message"),
    [
        ((3, 3, 2, 2), {}, r"not \(1, 4, 4, 2\) and \(3, 3, 2, 2\)"),
        ((3, 3, 1, 3), {}, "the kernel"),
        ((3, 3, 1, 2), {"stride": 0}, "at least 1, not 0"),
        ((3, 3, 1, 2), {"implementation": "matmul"}, "not 'matmul'"),
    ],
)
def test_a_mistake_is_named(kernel, arguments, message):
    with pytest.raises(ValueError, match=message):
        depthwise_conv(_draw(0, 1, 4, 4, 2), _draw(1, *kernel), **arguments)
