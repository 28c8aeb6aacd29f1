"""Convolutions in one with doubling or halving, against both in turn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import layers


def _upsample(x):
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)


def _draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _conv(x, kernel):
    return layers.conv(x, kernel, padding="SAME", implementation="lax")


PAIRS = {
    "upsample_conv": (layers.upsample_conv, lambda x, kernel: _conv(_upsample(x), kernel)),
    "conv_pool": (layers.conv_pool, lambda x, kernel: layers.mean_pool(_conv(x, kernel))),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("window", [(3, 3), (1, 1), (5, 3), (1, 3)])
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


@pytest.mark.parametrize(
    ("function", "shape", "kernel", "message"),
    [
        (layers.conv_pool, (1, 5, 4, 2), (3, 3, 2, 2), "must be even"),
        (layers.conv_pool, (1, 4, 4, 2), (4, 4, 2, 2), "must be odd"),
        (layers.upsample_conv, (1, 4, 4, 2), (2, 2, 2, 2), "must be odd"),
        (layers.upsample_conv, (1, 4, 4, 3), (3, 3, 2, 2), "3 channels"),
    ],
)
def test_wrong_sizes_are_named(function, shape, kernel, message):
    with pytest.raises(ValueError, match=message):
        function(jnp.zeros(shape), jnp.zeros(kernel))
