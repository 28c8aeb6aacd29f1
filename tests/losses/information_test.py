"""Cross-entropy of categories and likelihood of numbers: by hand, at the edges, and refused."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses

cross_entropy = losses.categorical_cross_entropy
likelihood = losses.gaussian_negative_log_likelihood


def test_cross_entropy_is_that_of_the_formula():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(3, 4, 5)), rng.integers(0, 5, (3, 4))
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.log(np.take_along_axis(shares, labels[..., None], -1)).mean()
    assert cross_entropy(jnp.float32(logits), jnp.int32(labels)) == pytest.approx(expected, 1e-6)


def test_nothing_is_known_where_all_logits_are_alike():
    found = cross_entropy(jnp.zeros((6, 10)), jnp.arange(6))
    assert found == pytest.approx(math.log(10), 1e-6)


def test_cross_entropy_and_its_gradient_are_finite_for_large_logits():
    logits, labels = jnp.array([[1e4, -1e4], [1e4, -1e4]]), jnp.array([0, 1])
    value, gradient = jax.value_and_grad(cross_entropy)(logits, labels)
    assert value == pytest.approx(1e4)
    np.testing.assert_allclose(gradient, [[0, 0], [0.5, -0.5]], atol=1e-7)


def test_a_label_that_there_is_not_is_no_number():
    assert np.isnan(cross_entropy(jnp.zeros((1, 3)), jnp.array([3])))


def test_uniform_codes_that_are_not_guessed_cost_what_the_recipe_says():
    # The entropy that InfoGAN's code gives two codes of U(-1, 1): 2 (log(2 pi) / 2 + 1/6).
    codes = np.linspace(-1, 1, 20_001, dtype=np.float32)
    found = likelihood(jnp.stack([codes, codes], -1), jnp.zeros((len(codes), 2)))
    assert found == pytest.approx(2.1712, abs=1e-4)
    perfect = likelihood(jnp.stack([codes, codes], -1), jnp.stack([codes, codes], -1))
    assert found - perfect == pytest.approx(1 / 3, abs=1e-4)


def test_a_predicted_deviation_is_that_of_the_density():
    rng = np.random.default_rng(1)
    targets, mean, log_std = rng.normal(size=(3, 7, 2)).astype(np.float32)
    density = np.exp(-0.5 * ((targets - mean) / np.exp(log_std)) ** 2)
    density /= np.exp(log_std) * math.sqrt(2 * math.pi)
    expected = -np.log(density.astype(np.float64)).sum(-1).mean()
    assert likelihood(targets, mean, log_std=log_std) == pytest.approx(expected, 1e-5)
    fixed = likelihood(targets, mean, log_std=np.zeros_like(mean))
    assert fixed == pytest.approx(float(likelihood(targets, mean)), 1e-6)


def test_products_are_float32_for_bfloat16():
    found = likelihood(jnp.ones((256, 1), jnp.bfloat16), jnp.zeros((256, 1), jnp.bfloat16))
    assert found.dtype == jnp.float32
    assert (
        cross_entropy(jnp.zeros((4, 2), jnp.bfloat16), jnp.zeros(4, jnp.int32)).dtype == "float32"
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cross_entropy(jnp.zeros((2, 3)), jnp.zeros(3, jnp.int32)), r"\(2, 3\) and \(3,\)"),
        (lambda: cross_entropy(jnp.zeros((2, 3)), jnp.zeros(2)), "labels must be integers"),
        (lambda: cross_entropy(jnp.zeros((2, 3), int), jnp.zeros(2, int)), "logits must be float"),
        (
            lambda: likelihood(jnp.zeros((2, 1)), jnp.zeros(2)),
            "targets and mean must have the same",
        ),
        (lambda: likelihood(jnp.zeros(()), jnp.zeros(())), "have no axes"),
        (
            lambda: likelihood(jnp.zeros((2, 1)), jnp.zeros((2, 1)), log_std=jnp.zeros(2)),
            "mean and log_std must have the same",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
