"""Every objective on four devices under pmap against the whole batch on one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses

DEVICES, AXIS = 4, "devices"
RANDOM = np.random.default_rng(0)
REAL = RANDOM.normal(size=(12, 3)).astype(np.float32)
FAKE = (RANDOM.normal(size=(12, 3)) + 1).astype(np.float32)
NOISE = RANDOM.uniform(size=(12, 3)).astype(np.float32)
ALPHA = RANDOM.uniform(size=12).astype(np.float32)
PARAMS = {
    "generator": RANDOM.normal(size=(3, 3)).astype(np.float32),
    "features": RANDOM.normal(size=(3, 5)).astype(np.float32),
    "logits": RANDOM.normal(size=5).astype(np.float32),
}


def _features(params, images):
    return jnp.tanh(images @ params["features"])


def _logits(params, images):
    return _features(params, images) @ params["logits"]


def _adversarial(name, player):
    def objective(params, batch, axis_name):
        loss = losses.adversarial_loss(name, axis_name=axis_name)
        fake = batch["fake"] @ params["generator"]
        return getattr(loss, player)(_logits(params, batch["real"]), _logits(params, fake))

    return objective


def _feature_matching(params, batch, axis_name):
    fake = _features(params, batch["fake"] @ params["generator"])
    real = _features(params, batch["real"])
    return losses.feature_matching_loss(real, fake, axis_name=axis_name)


def _dragan(params, batch, axis_name):
    return losses.dragan_penalty(
        lambda images: _logits(params, images),
        batch["real"],
        noise=batch["noise"],
        alpha=batch["alpha"],
        axis_name=axis_name,
    )


OBJECTIVES = {
    "feature_matching": _feature_matching,
    "dragan": _dragan,
    **{
        f"{name}/{player}": _adversarial(name, player)
        for name in losses.ADVERSARIAL_LOSS_NAMES
        for player in ("discriminator", "generator")
    },
}


def _values_and_gradients(params, batch, axis_name=None):
    return {
        name: jax.value_and_grad(objective)(params, batch, axis_name)
        for name, objective in OBJECTIVES.items()
    }


@pytest.fixture(scope="module")
def on_one_device_and_on_four():
    batch = {"real": REAL, "fake": FAKE, "noise": NOISE, "alpha": ALPHA}
    shares = {name: x.reshape(DEVICES, -1, *x.shape[1:]) for name, x in batch.items()}

    def mean_over_devices(params, share):
        return jax.lax.pmean(_values_and_gradients(params, share, AXIS), AXIS)

    mapped = jax.pmap(mean_over_devices, axis_name=AXIS, in_axes=(None, 0), out_axes=None)
    return jax.jit(_values_and_gradients)(PARAMS, batch), mapped(PARAMS, shares)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_value_and_gradient_do_not_depend_on_the_number_of_devices(on_one_device_and_on_four, name):
    whole, divided = (results[name] for results in on_one_device_and_on_four)
    for expected, found in zip(jax.tree.leaves(whole), jax.tree.leaves(divided), strict=True):
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(found, expected, atol=3e-6 * scale)


@pytest.mark.parametrize("name", ["feature_matching", "dragan", "relativistic_average/generator"])
def test_shares_of_the_batch_alone_would_not_do(name):
    batch = {"real": REAL, "fake": FAKE, "noise": NOISE, "alpha": ALPHA}
    objective = OBJECTIVES[name]
    shares = [{key: x[n::DEVICES] for key, x in batch.items()} for n in range(DEVICES)]
    apart = np.mean([objective(PARAMS, share, None) for share in shares])
    assert abs(apart - objective(PARAMS, batch, None)) > 1e-3
