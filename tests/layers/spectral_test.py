"""Spectral normalization: the largest singular value, its gradient, and when u moves on."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import layers

KERNEL = np.random.RandomState(0).standard_normal((3, 3, 5, 7)).astype(np.float32)
U = np.random.RandomState(1).standard_normal(7).astype(np.float32)
EPSILON = 1e-12


def expected(kernel, u):
    """One power iteration as the authors' code has it, W being [O, N], in float64."""
    matrix = np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1]).T
    v = u @ matrix
    v /= np.linalg.norm(v) + EPSILON
    u = v @ matrix.T
    u /= np.linalg.norm(u) + EPSILON
    return u @ matrix @ v, u, v


def test_one_iteration_is_that_of_the_authors():
    normalized, u = layers.spectral_normalize(KERNEL, U)
    sigma, expected_u, _ = expected(KERNEL, U)
    np.testing.assert_allclose(u, expected_u, rtol=1e-5)
    np.testing.assert_allclose(normalized, KERNEL / sigma, rtol=1e-5)


def test_iterations_converge_to_the_largest_singular_value():
    iterate = jax.jit(layers.spectral_normalize)
    u = U
    for _ in range(50):
        normalized, u = iterate(KERNEL, u)
    largest = np.linalg.svd(KERNEL.reshape(-1, 7), compute_uv=False)[0]
    np.testing.assert_allclose(KERNEL / np.asarray(normalized), largest, rtol=1e-4)
    of_normalized = np.linalg.svd(np.asarray(normalized).reshape(-1, 7), compute_uv=False)[0]
    assert of_normalized == pytest.approx(1.0, abs=1e-4)


def test_the_gradient_goes_through_the_kernel_alone():
    """d(sum(G * W / sigma)) with u and v as constants: (G - (G . W / sigma) u v^T) / sigma."""
    weights = np.random.RandomState(2).standard_normal(KERNEL.shape).astype(np.float32)

    def loss(kernel, u):
        return jnp.sum(weights * layers.spectral_normalize(kernel, u)[0])

    by_kernel, by_u = jax.jit(jax.grad(loss, argnums=(0, 1)))(KERNEL, U)
    sigma, u, v = expected(KERNEL, U)
    outer = np.outer(v, u).reshape(KERNEL.shape)
    analytic = (weights - np.sum(weights * KERNEL) / sigma * outer) / sigma
    np.testing.assert_allclose(by_kernel, analytic, atol=1e-5)
    np.testing.assert_array_equal(by_u, np.zeros(7))


class Twice(nn.Module):
    """Two layers of one kind, one normalized."""

    update: bool

    @nn.compact
    def __call__(self, x):
        norm = layers.SpectralNorm(update=self.update)
        x = layers.Dense(4, spectral_norm=norm)(x)
        return layers.Dense(3)(x)


@pytest.mark.parametrize(
    "module",
    [
        layers.Dense(4, spectral_norm=layers.SpectralNorm(update=True)),
        layers.Conv(4, spectral_norm=layers.SpectralNorm(update=True)),
        layers.UpsampleConv(4, spectral_norm=layers.SpectralNorm(update=True)),
        layers.ConvPool(4, spectral_norm=layers.SpectralNorm(update=True)),
    ],
    ids=lambda module: type(module).__name__,
)
def test_a_layer_uses_the_normalized_kernel_and_keeps_u(module):
    x = jnp.asarray(np.random.RandomState(3).standard_normal((2, 4, 4, 6)), jnp.float32)
    variables = module.init(jax.random.key(0), x)
    params, u = variables["params"], variables["spectral"]["u"]
    assert u.shape == (4,)
    out, changed = module.apply(variables, x, mutable=["spectral"])
    kernel, new = layers.spectral_normalize(params["kernel"], u)
    np.testing.assert_allclose(changed["spectral"]["u"], new, rtol=1e-6)
    plain = module.clone(spectral_norm=None)
    np.testing.assert_allclose(
        out, plain.apply({"params": {**params, "kernel": kernel}}, x), atol=1e-6
    )


def test_u_is_drawn_and_moves_on_in_training_alone():
    x = jnp.ones((2, 5))
    variables = Twice(update=True).init(jax.random.key(0), x)
    assert set(variables["spectral"]) == {"Dense_0"}
    u = variables["spectral"]["Dense_0"]["u"]
    # Drawn from N(0, 1) and not yet of length 1.
    assert abs(float(jnp.linalg.norm(u)) - 1.0) > 1e-2
    trained, changed = Twice(update=True).apply(variables, x, mutable=["spectral"])
    sampled, same = Twice(update=False).apply(variables, x, mutable=["spectral"])
    assert same == {} or np.array_equal(same["spectral"]["Dense_0"]["u"], u)
    assert not np.array_equal(changed["spectral"]["Dense_0"]["u"], u)
    np.testing.assert_allclose(trained, sampled, rtol=1e-6)


def test_u_is_of_n_0_1():
    x = jnp.ones((1, 2))
    layer = layers.Dense(20_000, spectral_norm=layers.SpectralNorm(update=True))
    u = np.asarray(layer.init(jax.random.key(0), x)["spectral"]["u"])
    assert abs(u.mean()) < 0.03
    assert abs(u.std() - 1.0) < 0.03
