"""The path of ADA's p, up and down."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.augmentations import adjust_probability, record_signs, start_feedback


def follow(memory, logits, updates, *, target=0.6, change=0.25, every=4):
    path = []
    for _ in range(updates):
        memory, _ = record_signs(memory, jnp.asarray(logits, jnp.float32))
        memory = adjust_probability(memory, target=target, change=change, every=every)
        path.append(float(memory["probability"]))
    return memory, path


def test_p_rises_by_a_step_after_every_fourth_update_beyond_1_and_falls_to_0():
    memory, path = follow(start_feedback(), [3.0, 0.1], 20)
    assert path == [0.0] * 3 + [0.25] * 4 + [0.5] * 4 + [0.75] * 4 + [1.0] * 4 + [1.25]
    _, path = follow(memory, [3.0, -0.1], 28)
    assert path[3::4] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0]


def test_the_mean_is_of_all_updates_since_the_last_adjustment():
    memory = start_feedback(probability=0.5)
    # Signs 1, 1, 1 and then -1 have the mean 0.5: below the target.
    for logits in ([1.0], [1.0], [1.0], [-1.0]):
        memory, _ = record_signs(memory, jnp.array(logits))
    assert adjust_probability(memory, target=0.6, change=0.25, every=4)["probability"] == 0.25
    assert adjust_probability(memory, target=0.4, change=0.25, every=4)["probability"] == 0.75
    # On target it stays, and so the memory begins anew.
    same = adjust_probability(memory, target=0.5, change=0.25, every=4)
    assert (float(same["probability"]), float(same["signs"]), int(same["updates"])) == (0.5, 0, 0)


def test_the_sign_of_0_is_0_and_logits_of_any_shape_count():
    logits = jnp.array([[[0.0], [2.0]], [[-1e-6], [1e4]]], jnp.bfloat16)
    _, sign = record_signs(start_feedback(), logits)
    assert sign.dtype == jnp.float32
    np.testing.assert_allclose(sign, 0.25)


def test_from_0_to_1_in_500_thousand_images():
    change = 64 * 4 / (1000 * 500)
    assert change == pytest.approx(5.12e-4)
    assert int(np.floor(1 / change)) == 1953
