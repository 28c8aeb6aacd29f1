"""Optimizers and schedules against values worked out by hand."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import core


def rates(schedule, counts):
    return [float(schedule(jnp.int32(count))) for count in counts]


def test_constant_schedule():
    schedule = core.make_schedule("constant", 0.2, decay_start=0, decay_steps=1)
    assert rates(schedule, [0, 1, 1000]) == pytest.approx([0.2] * 3)


def test_linear_schedule_decays_to_zero():
    schedule = core.make_schedule("linear", 0.2, decay_start=10, decay_steps=4)
    expected = [0.2, 0.2, 0.15, 0.1, 0.0, 0.0]
    assert rates(schedule, [0, 10, 11, 12, 14, 99]) == pytest.approx(expected)


def test_cosine_schedule_decays_to_zero():
    schedule = core.make_schedule("cosine", 0.2, decay_start=10, decay_steps=4)
    quarter = 0.1 * (1 + np.cos(np.pi / 4))
    expected = [0.2, 0.2, quarter, 0.1, 0.0, 0.0]
    assert rates(schedule, [0, 10, 11, 12, 14, 99]) == pytest.approx(expected, abs=1e-8)


def test_a_schedule_may_decay_from_the_first_update():
    for name in ("linear", "cosine"):
        schedule = core.make_schedule(name, 0.2, decay_start=0, decay_steps=2)
        assert rates(schedule, [0, 1, 2]) == pytest.approx([0.2, 0.1, 0.0], abs=1e-8)


def test_warmup_comes_first():
    schedule = core.make_schedule("linear", 0.2, decay_start=4, decay_steps=4, warmup_steps=4)
    expected = [0.0, 0.05, 0.15, 0.2, 0.15, 0.0]
    assert rates(schedule, [0, 1, 3, 4, 5, 8]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "cosin"}, "unknown schedule 'cosin': did you mean 'cosine'"),
        ({"learning_rate": 0.0}, "learning rate must be positive, not 0.0"),
        ({"decay_steps": 0}, "not 0, 0 and 0"),
        ({"decay_start": -1}, "not 1, -1 and 0"),
        ({"warmup_steps": -2}, "not 1, 0 and -2"),
    ],
)
def test_schedule_errors(options, message):
    options = {
        "name": "linear",
        "learning_rate": 0.1,
        "decay_start": 0,
        "decay_steps": 1,
        **options,
    }
    with pytest.raises(ValueError, match=message):
        core.make_schedule(options.pop("name"), options.pop("learning_rate"), **options)


def updated(optimizer, params, *gradients):
    params = jnp.asarray(params, jnp.float32)
    state = optimizer.init(params)
    for gradient in gradients:
        update, state = optimizer.update(jnp.asarray(gradient, jnp.float32), state, params)
        params = optax.apply_updates(params, update)
    return params


def test_adam_and_its_betas():
    # The first move of Adam is the learning rate times the gradient's sign.
    once = updated(core.make_optimizer("adam", 0.1, b1=0.5, b2=0.9), [1.0], [3.0])
    np.testing.assert_allclose(once, [0.9], rtol=1e-6)
    # m = 0.5 * 1.5 + 0.5 * -1 = 0.25, over 1 - 0.25; v = 0.9 * 0.9 + 0.1 * 1 = 0.91, over 1 - 0.81
    twice = updated(core.make_optimizer("adam", 0.1, b1=0.5, b2=0.9), [1.0], [3.0], [-1.0])
    expected = 0.9 - 0.1 * (0.25 / 0.75) / np.sqrt(0.91 / 0.19)
    np.testing.assert_allclose(twice, [expected], rtol=1e-6)


def test_adamw_decays_weights():
    moved = updated(core.make_optimizer("adamw", 0.1, weight_decay=0.5), [2.0], [1.0])
    np.testing.assert_allclose(moved, [2.0 - 0.1 * (1.0 + 0.5 * 2.0)], rtol=1e-6)


def test_rmsprop():
    moved = updated(core.make_optimizer("rmsprop", 0.1, b2=0.9), [1.0], [2.0])
    np.testing.assert_allclose(moved, [1.0 - 0.1 * 2.0 / np.sqrt(0.1 * 4.0)], rtol=1e-5)


def test_rmsprop_does_not_damp_small_gradients():
    # Gradients of a WGAN's generator; the move depends on their size no more than a large one's.
    moved = updated(core.make_optimizer("rmsprop", 0.1, b2=0.9), [1.0], [1e-5])
    np.testing.assert_allclose(moved, [1.0 - 0.1 / np.sqrt(0.1)], rtol=5e-3)


def test_sgd_and_its_momentum():
    plain = updated(core.make_optimizer("sgd", 0.1, b1=0.0), [1.0], [2.0], [2.0])
    np.testing.assert_allclose(plain, [0.6], rtol=1e-6)
    heavy = updated(core.make_optimizer("sgd", 0.1, b1=0.5), [1.0], [2.0], [2.0])
    np.testing.assert_allclose(heavy, [1.0 - 0.2 - 0.3], rtol=1e-6)


def test_gradient_clip_is_of_the_global_norm():
    optimizer = core.make_optimizer("sgd", 1.0, b1=0.0, gradient_clip=1.0)
    np.testing.assert_allclose(updated(optimizer, [0.0, 0.0], [3.0, 4.0]), [-0.6, -0.8], rtol=1e-6)
    np.testing.assert_allclose(updated(optimizer, [0.0, 0.0], [0.3, 0.4]), [-0.3, -0.4], rtol=1e-6)


def test_weight_clip_bounds_the_moved_weights():
    optimizer = core.make_optimizer("sgd", 1.0, b1=0.0, weight_clip=0.01)
    moved = updated(optimizer, [0.009, -0.009, 0.005, 0.5], [-1.0, 1.0, 0.001, 0.0])
    np.testing.assert_allclose(moved, [0.01, -0.01, 0.004, 0.01], rtol=1e-5)


def test_a_schedule_drives_an_optimizer():
    schedule = core.make_schedule("linear", 1.0, decay_start=0, decay_steps=4)
    moved = updated(core.make_optimizer("sgd", schedule, b1=0.0), [0.0], *[[1.0]] * 5)
    np.testing.assert_allclose(moved, [-(1.0 + 0.75 + 0.5 + 0.25)], rtol=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: core.make_optimizer("adma", 0.1),
            "unknown optimizer 'adma': did you mean 'adam'.* There are adam, adamw, rmsprop, sgd",
        ),
        (
            lambda: core.make_optimizer("sgd", 0.1, weight_clip=-0.01),
            "the optimizer's weight_clip must not be negative, as -0.01 is",
        ),
        (lambda: core.make_optimizer("sgd", 0.1, gradient_clip=-1.0), "gradient_clip must not"),
        (lambda: core.make_optimizer("adamw", 0.1, weight_decay=-1.0), "weight_decay must not"),
        (lambda: core.clip_weights(0.0), "clipped to a positive bound, not 0.0"),
        (
            lambda: core.clip_weights(1.0).update(jnp.ones(2), optax.EmptyState()),
            "clip_weights needs the parameters",
        ),
    ],
)
def test_optimizer_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()
