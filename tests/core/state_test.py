"""The start of a game."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import core


def game(ema=("gen",), networks=("gen",)):
    def init(key):
        gen_key, disc_key = jax.random.split(key)
        return core.Networks(
            params={
                "gen": {"w": jax.random.normal(gen_key, (3,))},
                "disc": {"w": jax.random.normal(disc_key, (3,))},
            },
            variables={"gen": {"batch_stats": {"mean": jnp.zeros(3)}}},
            memory={"pool": jnp.zeros((4, 3))},
        )

    player = core.Player("gen", networks, "gen", lambda p, c: (jnp.sum(p["gen"]["w"]), core.Aux()))
    return core.Gan(
        init, {"gen": optax.adam(0.1)}, (player,), ema=core.Ema(0.5, ema) if ema else None
    )


def test_a_state_holds_the_start_of_everything():
    state = core.init_state(game(), 0)
    assert int(state.step) == 0
    assert state.step.dtype == jnp.int32
    assert set(state.params) == {"gen", "disc"}
    assert set(state.variables) == {"gen"}
    assert set(state.memory) == {"pool"}
    assert set(state.ema) == {"gen"}
    assert state.opt_state["gen"][0].mu["gen"]["w"].tolist() == [0.0, 0.0, 0.0]
    assert jnp.issubdtype(state.key.dtype, jax.dtypes.prng_key)
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.step = 1


def test_the_seed_decides():
    def start(seed):
        state = core.init_state(game(), seed)
        return state.params["gen"]["w"].tolist(), jax.random.key_data(state.key).tolist()

    assert start(3) == start(3) == start(jax.random.key(3)) == start(np.int64(3))
    assert start(3)[0] != start(4)[0]
    assert start(3)[1] != start(4)[1]


def test_the_average_is_a_copy():
    state = core.init_state(game(), 0)
    assert state.ema["gen"]["w"].tolist() == state.params["gen"]["w"].tolist()
    own, average = state.params["gen"]["w"], state.ema["gen"]["w"]
    assert own.unsafe_buffer_pointer() != average.unsafe_buffer_pointer()
    step = core.make_step(game())
    state, _ = jax.jit(step, donate_argnums=0)(state, {"x": np.ones((1, 2))})
    assert own.is_deleted()
    assert average.is_deleted()


def test_no_average_is_an_empty_one():
    assert core.init_state(game(ema=()), 0).ema == {}


def test_sampling_params_prefer_the_average():
    state = core.init_state(game(), 0).replace(ema={"gen": {"w": jnp.ones(3)}})
    averaged, raw = core.sampling_params(state), core.sampling_params(state, ema=False)
    assert averaged["gen"]["w"].tolist() == [1.0, 1.0, 1.0]
    assert raw["gen"]["w"] is state.params["gen"]["w"]
    assert averaged["disc"]["w"] is raw["disc"]["w"] is state.params["disc"]["w"]


def test_init_optimizers_starts_afresh():
    gan = game()
    state = core.init_state(gan, 0)
    moved, _ = core.make_step(gan)(state, {"x": np.ones((1, 2))})
    assert int(moved.opt_state["gen"][0].count) == 1
    fresh = core.init_optimizers(gan, moved.params)
    assert int(fresh["gen"][0].count) == 0
    assert jax.tree.structure(fresh) == jax.tree.structure(moved.opt_state)


@pytest.mark.parametrize("gan", [game(networks=("generator",)), game(ema=("generator",))])
def test_an_unknown_network_is_named(gan):
    message = r"unknown networks \['generator'\], the game has \['disc', 'gen'\]"
    with pytest.raises(ValueError, match=message):
        core.init_state(gan, 0)


def test_a_compiled_start_is_the_plain_one():
    plain, compiled = core.init_state(game(), 3), core.start(game(), 3)
    assert jax.tree.structure(plain) == jax.tree.structure(compiled)
    for left, right in zip(
        jax.tree.leaves(plain.params), jax.tree.leaves(compiled.params), strict=True
    ):
        np.testing.assert_allclose(left, right, rtol=1e-6)
