"""Feature matching against its closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses


def test_value_is_the_squared_distance_of_means():
    random = np.random.RandomState(0)
    real, fake = random.normal(size=(5, 3, 2)), random.normal(size=(7, 3, 2)) + 1
    expected = ((real.mean(0) - fake.mean(0)) ** 2).sum()
    value = losses.feature_matching_loss(jnp.float32(real), jnp.float32(fake))
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_gradient_is_that_of_the_closed_form():
    random = np.random.RandomState(1)
    real, fake = random.normal(size=(4, 3)), random.normal(size=(6, 3))
    gradient = jax.grad(lambda f: losses.feature_matching_loss(jnp.float32(real), f))
    expected = np.tile(2 * (fake.mean(0) - real.mean(0)) / 6, (6, 1))
    np.testing.assert_allclose(gradient(jnp.float32(fake)), expected, rtol=1e-5)


def test_bfloat16_features_give_float32():
    real, fake = jnp.ones((4, 2), jnp.bfloat16), jnp.zeros((4, 2), jnp.bfloat16)
    value = losses.feature_matching_loss(real, fake)
    assert value.dtype == jnp.float32
    assert float(value) == 2.0


@pytest.mark.parametrize("shapes", [((4, 2), (4, 3)), ((4,), (4,))])
def test_other_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="alike beyond the first"):
        losses.feature_matching_loss(*(jnp.ones(shape) for shape in shapes))
