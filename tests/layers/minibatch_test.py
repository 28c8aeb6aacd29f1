"""Minibatch discrimination against its definition in loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import layers


def by_hand(features, tensor, kernels, kernel_dim):
    matrices = (features @ tensor).reshape(len(features), kernels, kernel_dim)
    closeness = np.zeros((len(features), kernels))
    for i in range(len(features)):
        for j in range(len(features)):
            if i != j:
                closeness[i] += np.exp(-np.abs(matrices[i] - matrices[j]).sum(-1))
    return np.concatenate([features, closeness], axis=1)


def test_values_are_those_of_the_definition():
    features = np.random.RandomState(0).normal(size=(5, 7)).astype(np.float32)
    module = layers.MinibatchDiscrimination(kernels=3, kernel_dim=2)
    tensor = np.random.RandomState(1).normal(size=(7, 6)).astype(np.float32)
    out = module.apply({"params": {"tensor": tensor}}, features)
    np.testing.assert_allclose(out, by_hand(features, tensor, 3, 2), rtol=1e-5, atol=1e-6)


def test_devices_see_the_whole_batch_under_pmap():
    features = np.random.RandomState(0).normal(size=(8, 7)).astype(np.float32)
    whole = layers.MinibatchDiscrimination(kernels=3)
    variables = whole.init(jax.random.key(0), features)
    shared = layers.MinibatchDiscrimination(kernels=3, axis_name="devices")
    mapped = jax.pmap(shared.apply, axis_name="devices", in_axes=(None, 0))
    out = mapped(variables, features.reshape(4, 2, 7)).reshape(8, -1)
    np.testing.assert_allclose(out, whole.apply(variables, features), rtol=1e-5, atol=1e-6)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"features \[B, F\]"):
        layers.MinibatchDiscrimination(kernels=3).init(jax.random.key(0), jnp.ones((2, 3, 4)))
