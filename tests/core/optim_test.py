"""Optimizers against values worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import core


def updated(optimizer, params, *gradients):
    params = jnp.asarray(params, jnp.float32)
    state = optimizer.init(params)
    for gradient in gradients:
        update, state = optimizer.update(jnp.asarray(gradient, jnp.float32), state, params)
        params = optax.apply_updates(params, update)
    return params


def test_adam_and_its_betas():
    # The first update of Adam is the learning rate times the gradient's sign.
    once = updated(core.make_optimizer("adam", 0.1, b1=0.5, b2=0.9), [1.0], [3.0])
    np.testing.assert_allclose(once, [0.9], rtol=1e-6)
    # m = 0.5 * 1.5 + 0.5 * -1 = 0.25, over 1 - 0.25; v = 0.9 * 0.9 + 0.1 * 1 = 0.91, over 1 - 0.81
    twice = updated(core.make_optimizer("adam", 0.1, b1=0.5, b2=0.9), [1.0], [3.0], [-1.0])
    expected = 0.9 - 0.1 * (0.25 / 0.75) / np.sqrt(0.91 / 0.19)
    np.testing.assert_allclose(twice, [expected], rtol=1e-6)


def test_adamw_decays_weights():
    new = updated(core.make_optimizer("adamw", 0.1, weight_decay=0.5), [2.0], [1.0])
    np.testing.assert_allclose(new, [2.0 - 0.1 * (1.0 + 0.5 * 2.0)], rtol=1e-6)


def test_rmsprop():
    new = updated(core.make_optimizer("rmsprop", 0.1, b2=0.9), [1.0], [2.0])
    np.testing.assert_allclose(new, [1.0 - 0.1 * 2.0 / np.sqrt(0.1 * 4.0)], rtol=1e-5)


def test_rmsprop_does_not_damp_small_gradients():
    # Gradients of a WGAN's generator; the update depends on their size no more than a large one's.
    new = updated(core.make_optimizer("rmsprop", 0.1, b2=0.9), [1.0], [1e-5])
    np.testing.assert_allclose(new, [1.0 - 0.1 / np.sqrt(0.1)], rtol=5e-3)


def test_sgd_and_its_momentum():
    plain = updated(core.make_optimizer("sgd", 0.1, b1=0.0), [1.0], [2.0], [2.0])
    np.testing.assert_allclose(plain, [0.6], rtol=1e-6)
    heavy = updated(core.make_optimizer("sgd", 0.1, b1=0.5), [1.0], [2.0], [2.0])
    np.testing.assert_allclose(heavy, [1.0 - 0.2 - 0.3], rtol=1e-6)


def test_gradient_clip_is_of_the_global_norm():
    optimizer = core.make_optimizer("sgd", 1.0, b1=0.0, gradient_clip=1.0)
    np.testing.assert_allclose(updated(optimizer, [0.0, 0.0], [3.0, 4.0]), [-0.6, -0.8], rtol=1e-6)
    np.testing.assert_allclose(updated(optimizer, [0.0, 0.0], [0.3, 0.4]), [-0.3, -0.4], rtol=1e-6)


def test_weight_clip_bounds_the_updated_weights():
    optimizer = core.make_optimizer("sgd", 1.0, b1=0.0, weight_clip=0.01)
    new = updated(optimizer, [0.009, -0.009, 0.005, 0.5], [-1.0, 1.0, 0.001, 0.0])
    np.testing.assert_allclose(new, [0.01, -0.01, 0.004, 0.01], rtol=1e-5)


def updated_at(optimizer, params, *steps):
    """Gradients of one, an update at each of these steps of a game."""
    params = jnp.asarray(params, jnp.float32)
    state = optimizer(0).init(params)
    for step in steps:
        update, state = optimizer(step).update(jnp.ones_like(params), state, params)
        params = optax.apply_updates(params, update)
    return params


def test_a_schedule_drives_an_optimizer():
    rate = core.Schedule("linear", 1.0, steps=4)
    optimizer = core.make_optimizer("sgd", rate, b1=0.0)
    updates = updated_at(optimizer, [0.0], 0, 1, 2, 3, 4)
    np.testing.assert_allclose(updates, [-(1.0 + 0.75 + 0.5 + 0.25)], rtol=1e-6)


def test_a_schedule_counts_the_steps_of_the_game_and_not_the_updates():
    rate = core.Schedule("linear", 1.0, steps=4)
    optimizer = core.make_optimizer("sgd", rate, b1=0.0)
    updates = updated_at(optimizer, [0.0], 0, 0, 0, 2, 2)
    np.testing.assert_allclose(updates, [-(1.0 + 1.0 + 1.0 + 0.5 + 0.5)], rtol=1e-6)


def test_a_schedule_may_drive_the_second_moment():
    decay = core.Schedule("linear", 0.5, to=1.0, steps=2)
    optimizer = core.make_optimizer("rmsprop", 0.1, b2=decay)
    # The mean square is 0.5 after step 0, and 0.75 * 0.5 + 0.25 = 0.625 after step 1.
    expected = -0.1 / np.sqrt(0.5) - 0.1 / np.sqrt(0.625)
    np.testing.assert_allclose(updated_at(optimizer, [0.0], 0, 1), [expected], rtol=1e-5)


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_a_schedule_changes_the_numbers_alone(name):
    rate = core.Schedule("linear", 0.1, to=0.05, steps=10)
    options = {"gradient_clip": 0.5, "weight_clip": 1.0}
    at, fixed = (
        core.make_optimizer(name, rate, **options),
        core.make_optimizer(name, 0.1, **options),
    )
    params = {"w": jnp.float32(0.2)}
    assert jax.tree.structure(at(0).init(params)) == jax.tree.structure(fixed.init(params))
    np.testing.assert_array_equal(updated_at(at, [0.2], 0), updated(fixed, [0.2], [1.0]))


def test_what_is_constant_is_an_optimizer_and_no_function():
    rate = core.Schedule("constant", 0.1)
    assert isinstance(core.make_optimizer("adam", rate), optax.GradientTransformation)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: core.make_optimizer("adma", 0.1),
            "unknown optimizer 'adma': did you mean 'adam'.* There are adam, adamw, rmsprop, sgd",
        ),
        (
            lambda: core.make_optimizer("sgd", 0.1, weight_clip=-0.01),
            "the optimizer's weight_clip must be at least 0, not -0.01",
        ),
        (
            lambda: core.make_optimizer("sgd", 0.1, gradient_clip=-1.0),
            "gradient_clip must be at least 0",
        ),
        (
            lambda: core.make_optimizer("adamw", 0.1, weight_decay=-1.0),
            "weight_decay must be at least 0",
        ),
        (lambda: core.make_optimizer("adam", 0.0), "learning_rate must be above 0, not 0"),
        (
            lambda: core.make_optimizer("adam", core.Schedule("linear", -0.1)),
            "learning_rate must be above 0, not -0.1",
        ),
        (lambda: core.make_optimizer("adam", float("nan")), "must be above 0, not nan"),
        (lambda: core.clip_weights(0.0), "the bound on weights must be above 0, not 0"),
        (
            lambda: core.clip_weights(1.0).update(jnp.ones(2), optax.EmptyState()),
            "clip_weights needs the parameters",
        ),
    ],
)
def test_optimizer_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()
