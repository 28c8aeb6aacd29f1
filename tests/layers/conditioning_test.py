"""Batch normalization by class, projection, and embeddings that are spectrally normalized."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import layers

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(8, 2, 2, 5)) + 0.5).astype(np.float32)
LABELS = np.array([0, 2, 1, 2, 0, 0, 2, 2])


def tables(**changes):
    return {"scale": {"embedding": jnp.ones((3, 5))}, "bias": {"embedding": jnp.zeros((3, 5))}} | {
        name: {"embedding": table} for name, table in changes.items()
    }


STATISTICS = {"BatchNorm_0": {"mean": jnp.zeros(5), "var": jnp.ones(5)}}


def normalize(params, x, labels, **fields):
    module = layers.ConditionalBatchNorm(3, train=True, **fields)
    variables = {"params": params, "batch_stats": STATISTICS}
    y, changed = module.apply(variables, x, labels, mutable=["batch_stats"])
    return y, changed["batch_stats"]["BatchNorm_0"]


def test_it_begins_as_batch_normalization():
    module = layers.ConditionalBatchNorm(3, train=True)
    start = module.init(jax.random.key(0), X, LABELS)
    jax.tree.map(np.testing.assert_array_equal, dict(start["params"]), tables())
    y, changed = normalize(start["params"], X, LABELS)
    plain = layers.batch_norm(train=True, affine=False)
    expected, statistics = plain.apply(
        {"batch_stats": STATISTICS["BatchNorm_0"]}, X, mutable=["batch_stats"]
    )
    np.testing.assert_array_equal(y, expected)
    jax.tree.map(np.testing.assert_array_equal, changed, statistics["batch_stats"])


def test_scales_and_biases_are_those_of_the_class_and_statistics_of_all_classes():
    scale, bias = RNG.normal(size=(2, 3, 5)).astype(np.float32)
    y, changed = normalize(tables(scale=scale, bias=bias), X, LABELS)
    x = X.astype(np.float64)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    normal = (x - mean) / np.sqrt(variance + 1e-5)
    rows = (slice(None), None, None)
    np.testing.assert_allclose(y, normal * scale[LABELS][rows] + bias[LABELS][rows], atol=1e-5)
    np.testing.assert_allclose(changed["mean"], 0.1 * mean, atol=1e-6)
    np.testing.assert_allclose(changed["var"], 0.9 + 0.1 * variance, atol=1e-6)


def test_without_momentum_statistics_are_those_of_the_last_batch():
    _, changed = normalize(tables(), X, LABELS, momentum=0.0)
    np.testing.assert_allclose(changed["mean"], X.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(changed["var"], X.var((0, 1, 2)), atol=1e-6)


def test_statistics_are_averaged_over_devices():
    params = tables()
    mapped = jax.pmap(
        lambda x, labels: normalize(params, x, labels, axis_name="devices"), axis_name="devices"
    )
    y, changed = mapped(X.reshape(4, 2, 2, 2, 5), LABELS.reshape(4, 2))
    expected, statistics = normalize(params, X, LABELS)
    np.testing.assert_allclose(y.reshape(X.shape), expected, atol=1e-5)
    np.testing.assert_allclose(changed["var"][0], statistics["var"], atol=1e-6)


def test_scales_may_begin_around_one():
    module = layers.ConditionalBatchNorm(50, train=True, deviation=0.02)
    params = module.init(jax.random.key(0), jnp.zeros((2, 64)), jnp.zeros(2, jnp.int32))["params"]
    for name, mean in (("scale", 1.0), ("bias", 0.0)):
        table = params[name]["embedding"]
        np.testing.assert_allclose([table.mean(), table.std()], [mean, 0.02], atol=2e-3)


def test_projection_is_the_product_with_the_normalized_embedding():
    table = RNG.normal(size=(3, 5)).astype(np.float32)
    u = RNG.normal(size=3).astype(np.float32)
    features = RNG.normal(size=(4, 5)).astype(np.float32)
    labels = np.array([2, 0, 1, 1])
    module = layers.Projection(3, spectral_norm=layers.SpectralNorm(update=True))
    variables = {
        "params": {"LabelEmbedding_0": {"embedding": table}},
        "spectral": {"LabelEmbedding_0": {"u": u}},
    }
    apply = jax.jit(lambda v: module.apply(v, features, labels, mutable=["spectral"]))
    for _ in range(50):
        found, changed = apply(variables)
        variables |= changed
    largest = np.linalg.svd(table, compute_uv=False)[0]
    expected = (features * table[labels]).sum(1) / largest
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # The vector has an entry for each class, as in the authors' code.
    assert variables["spectral"]["LabelEmbedding_0"]["u"].shape == (3,)
