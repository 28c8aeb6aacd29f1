"""Moving averages of parameters and of the collections that go with them."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core


def trees(value):
    """Parameters and collections of two networks, filled with a number."""
    value = jnp.float32(value)
    params = {"gen": {"w": value}, "disc": {"w": value}}
    variables = {
        "gen": {
            "batch_stats": {"mean": value, "count": jnp.int32(value)},
            "spectral": {"u": value},
        },
        "disc": {},
    }
    return params, variables


def test_batch_statistics_are_averaged_with_the_parameters_of_their_network():
    ema = core.Ema(0.75, ("gen",), warmup=False)
    average = ema.of(*trees(1.0))
    assert average == {"gen": {"params": {"w": 1.0}, "batch_stats": {"mean": 1.0, "count": 1}}}
    average = ema.update(average, ema.of(*trees(9.0)), jnp.int32(0))
    # 0.75 * 1 + 0.25 * 9; a whole number has no mean: the last one.
    assert average == {"gen": {"params": {"w": 3.0}, "batch_stats": {"mean": 3.0, "count": 9}}}
    assert average["gen"]["batch_stats"]["count"].dtype == jnp.int32


def test_the_collections_that_are_averaged_may_be_chosen():
    _, variables = trees(1.0)
    ema = core.Ema(0.5, ("gen", "disc"), collections=("spectral",))
    assert ema.of(*trees(1.0)) == {
        "gen": {"params": {"w": 1.0}, "spectral": variables["gen"]["spectral"]},
        "disc": {"params": {"w": 1.0}},
    }
    assert core.Ema(0.5, ("gen",), collections=()).of(*trees(1.0)) == {
        "gen": {"params": {"w": 1.0}}
    }


def test_a_network_without_collections_is_averaged_all_the_same():
    params, _ = trees(1.0)
    assert core.Ema(0.5, ("gen",)).of(params, {}) == {"gen": {"params": {"w": 1.0}}}


@pytest.mark.parametrize("warmup", [True, False])
def test_the_decay_may_be_a_function_of_the_step(warmup):
    schedule = core.Schedule("linear", 0.05, to=0.9, steps=10)
    ema = core.Ema(lambda step: core.schedule(schedule, step), ("gen",), warmup=warmup)
    for step in (0, 5, 10, 100):
        decay = 0.05 + 0.85 * min(step / 10, 1.0)
        decay = min(decay, (1 + step) / (10 + step)) if warmup else decay
        average = ema.update(ema.of(*trees(0.0)), ema.of(*trees(1.0)), jnp.int32(step))
        np.testing.assert_allclose(average["gen"]["params"]["w"], 1.0 - decay, rtol=1e-5)


def test_the_average_is_a_copy_until_its_start():
    """As in BigGAN's code: with a start of 1,000, after iteration 999 it is the live network."""
    ema = core.Ema(0.75, ("gen",), warmup=False, start=1000)
    old, new = ema.of(*trees(0.0)), ema.of(*trees(1.0))
    # Steps are counted from 0 here: 998 is iteration 999.
    assert ema.update(old, new, jnp.int32(998)) == new
    assert ema.update(old, new, jnp.int32(999))["gen"]["params"]["w"] == 0.25
    with pytest.raises(ValueError, match="the EMA's start must be at least 0, not -1"):
        core.Ema(0.75, ("gen",), start=-1)


@pytest.mark.parametrize("decay", [1.0, -0.1, float("nan")])
def test_errors(decay):
    with pytest.raises(ValueError, match=f"decay must be at least 0 and below 1, not {decay:g}"):
        core.Ema(decay, ("gen",))
