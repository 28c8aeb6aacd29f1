"""Smaller images by averaging."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.images import shrink


def make_images(height, width, channels=2):
    pixels = np.random.default_rng(0).uniform(-1, 1, (3, height, width, channels))
    return jnp.asarray(pixels, jnp.float32)


@pytest.mark.parametrize(("rows", "columns"), [(4, 6), (2, 6), (4, 1), (1, 3)])
def test_each_pixel_is_the_mean_of_its_block(rows, columns):
    images = make_images(4, 6)
    found = shrink(images, (rows, columns))
    assert found.shape == (3, rows, columns, 2)
    high, wide = 4 // rows, 6 // columns
    for y in range(rows):
        for x in range(columns):
            block = images[:, y * high : (y + 1) * high, x * wide : (x + 1) * wide]
            np.testing.assert_allclose(found[:, y, x], block.mean((1, 2)), atol=1e-6)


def test_the_own_size_is_the_identity():
    images = make_images(4, 6)
    assert shrink(images, (4, 6)) is images


def test_twice_is_once():
    images = make_images(8, 8)
    np.testing.assert_allclose(
        shrink(shrink(images, (4, 4)), (2, 2)), shrink(images, (2, 2)), atol=1e-6
    )


def test_sizes_that_do_not_divide_keep_range_mean_and_position():
    constant = shrink(jnp.full((1, 7, 9, 1), 0.25), (3, 4))
    np.testing.assert_allclose(constant, 0.25, atol=1e-6)
    noise = jnp.where(jax.random.bernoulli(jax.random.key(0), 0.5, (4, 33, 47, 3)), 1.0, -1.0)
    small = shrink(noise, (10, 10))
    # Antialiased: of independent pixels hardly anything is left.
    assert np.abs(small).max() < 0.9
    assert float(small.std()) < 0.4
    ramp = jnp.broadcast_to(jnp.linspace(-1, 1, 9)[None, None, :, None], (1, 5, 9, 1))
    found = shrink(ramp, (2, 4))[0, 0, :, 0]
    # Pixel i covers the stretch from 9i/4 to 9(i + 1)/4.
    np.testing.assert_allclose(found[1:3], (9 * (np.arange(4) + 0.5) / 4 - 4.5)[1:3] / 4, atol=0.01)


@pytest.mark.parametrize("size", [(5, 6), (4, 7), (0, 6), (4, -1)])
def test_other_sizes_are_rejected(size):
    with pytest.raises(ValueError, match="4x6 images cannot be made smaller to"):
        shrink(make_images(4, 6), size)
