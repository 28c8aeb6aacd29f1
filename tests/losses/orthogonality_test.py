"""Orthogonal regularization: the gradient of BigGAN's code, and what is not punished."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses

RNG = np.random.default_rng(0)


def test_its_gradient_is_that_of_the_authors_code():
    """There 2 ((W W^T) o (1 - I)) W is added to the gradient, with W [O, N]."""
    kernel = RNG.normal(size=(3, 3, 4, 5)).astype(np.float32)
    gradient = jax.grad(lambda kernel: losses.orthogonal_penalty([kernel]))(kernel)
    matrix = kernel.reshape(-1, 5).T.astype(np.float64)
    products = matrix @ matrix.T
    expected = 2.0 * (products * (1.0 - np.eye(5))) @ matrix
    np.testing.assert_allclose(gradient, expected.T.reshape(kernel.shape), rtol=1e-4, atol=1e-4)


def test_lengths_are_free_and_kernels_are_summed():
    orthogonal = np.linalg.qr(RNG.normal(size=(6, 4)))[0] * np.array([1.0, 2.0, 3.0, 4.0])
    assert losses.orthogonal_penalty([jnp.array(orthogonal, jnp.float32)]) < 1e-10
    pair = jnp.array([[1.0, 2.0], [0.0, 3.0]])
    assert losses.orthogonal_penalty([pair, pair]) == pytest.approx(8.0)
    assert losses.orthogonal_penalty([]) == 0.0
