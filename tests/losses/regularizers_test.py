"""LeCam, consistency and top-k against numbers worked out by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses


def test_lecam_and_its_gradients():
    # (2 - 0.5)^2 and 0 of the real ones, 0 and (1 - -1)^2 of the generated ones, halved.
    real, fake = jnp.array([2.0, 0.25]), jnp.array([1.5, -1.0])

    def lecam(real, fake, real_mean, fake_mean):
        return losses.lecam_regularizer(real, fake, real_mean=real_mean, fake_mean=fake_mean)

    means = jnp.float32(1.0), jnp.float32(0.5)
    value, gradients = jax.value_and_grad(lecam, argnums=(0, 1, 2, 3))(real, fake, *means)
    assert value == (2.25 + 4.0) / 2
    np.testing.assert_array_equal(gradients[0], [1.5, 0.0])
    np.testing.assert_array_equal(gradients[1], [0.0, -2.0])
    assert gradients[2] == gradients[3] == 0.0


def test_consistency_and_its_gradients_on_both_sides():
    first, second = jnp.array([[1.0], [4.0]]), jnp.array([[0.0], [6.0]])
    value, gradients = jax.value_and_grad(losses.consistency_loss, argnums=(0, 1))(first, second)
    assert value == 2.5
    np.testing.assert_array_equal(gradients[0], [[1.0], [-2.0]])
    np.testing.assert_array_equal(gradients[1], [[-1.0], [2.0]])


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, 25.0), (0.5, 25.0), (0.25, 30.0), (0.75, 70 / 3), (0.01, 30.0)]
)
def test_top_k_is_the_mean_of_the_highest_alone(share, expected):
    # Of equal logits the first counts.
    values, logits = jnp.array([20.0, 30.0, 20.0, 30.0]), jnp.array([1.0, 2.0, 1.0, -1.0])
    np.testing.assert_allclose(losses.top_k_mean(values, logits, share), expected)


def test_top_k_gives_the_rest_no_gradient_and_may_change_while_training():
    logits = jnp.array([1.0, 2.0, 3.0, -1.0])
    gradient = jax.jit(jax.grad(lambda x, share: losses.top_k_mean(-x, x, share)))
    np.testing.assert_array_equal(gradient(logits, jnp.float32(0.5)), [0.0, -0.5, -0.5, 0.0])
    np.testing.assert_array_equal(gradient(logits, jnp.float32(0.25)), [0.0, 0.0, -1.0, 0.0])


def test_top_k_is_of_the_whole_batch_on_several_devices():
    logits = jnp.array([5.0, 4.0, 3.0, -1.0, 0.0, 1.0, -2.0, 2.0])
    on_device = functools.partial(losses.top_k_mean, share=0.375, axis_name="devices")
    found = jax.pmap(on_device, axis_name="devices", devices=jax.devices()[:4])(
        logits.reshape(4, 2), logits.reshape(4, 2)
    )
    np.testing.assert_allclose(found.mean(), losses.top_k_mean(logits, logits, 0.375))
    np.testing.assert_allclose(found.mean(), 4.0)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="must have the same shape"):
        losses.consistency_loss(jnp.zeros(3), jnp.zeros(2))
    with pytest.raises(ValueError, match=r"must be \[B\]"):
        losses.top_k_mean(jnp.zeros((3, 1)), jnp.zeros((3, 1)), 0.5)
    with pytest.raises(ValueError, match="share must be in"):
        losses.top_k_mean(jnp.zeros(3), jnp.zeros(3), 1.5)
    with pytest.raises(ValueError, match="real_mean must be a scalar"):
        losses.lecam_regularizer(jnp.zeros(3), jnp.zeros(3), real_mean=jnp.zeros(3), fake_mean=0.0)
