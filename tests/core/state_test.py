"""The start of a game, and what of its state a sampler needs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import core


def game(ema=("gen",), networks=("gen",), optimizer=None):
    def init(key):
        gen_key, disc_key = jax.random.split(key)
        return core.Networks(
            params={
                "gen": {"w": jax.random.normal(gen_key, (3,))},
                "disc": {"w": jax.random.normal(disc_key, (3,))},
            },
            variables={"gen": {"batch_stats": {"mean": jnp.zeros(3)}, "spectral": jnp.ones(2)}},
            memory={"pool": jnp.zeros((4, 3)), "w_mean": jnp.ones(3)},
        )

    player = core.Player("gen", networks, "gen", lambda p, c: (jnp.sum(p["gen"]["w"]), core.Aux()))
    return core.Gan(
        init,
        {"gen": optimizer or optax.adam(0.1)},
        (player,),
        ema=core.Ema(0.5, ema) if ema else None,
    )


def test_a_state_holds_the_start_of_everything():
    state = core.init_state(game(), 0)
    assert int(state.step) == 0
    assert state.step.dtype == jnp.int32
    assert set(state.params) == {"gen", "disc"}
    assert set(state.variables) == {"gen"}
    assert set(state.memory) == {"pool", "w_mean"}
    assert set(state.ema) == {"gen"}
    assert set(state.ema["gen"]) == {"params", "batch_stats"}
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
    start(2**32 - 1)


def test_the_average_is_a_copy():
    state = core.init_state(game(), 0)
    own = [state.params["gen"]["w"], state.variables["gen"]["batch_stats"]["mean"]]
    average = [state.ema["gen"]["params"]["w"], state.ema["gen"]["batch_stats"]["mean"]]
    for one, other in zip(own, average, strict=True):
        assert one.tolist() == other.tolist()
        assert one.unsafe_buffer_pointer() != other.unsafe_buffer_pointer()
    step = core.make_step(game())
    state, _ = jax.jit(step, donate_argnums=0)(state, {"x": np.ones((1, 2))})
    assert own[0].is_deleted()
    assert average[0].is_deleted()


def test_no_average_is_an_empty_one():
    assert core.init_state(game(ema=()), 0).ema == {}


def test_init_optimizers_starts_afresh():
    gan = game()
    state = core.init_state(gan, 0)
    trained, _ = core.make_step(gan)(state, {"x": np.ones((1, 2))})
    assert int(trained.opt_state["gen"][0].count) == 1
    fresh = core.init_optimizers(gan, trained.params)
    assert int(fresh["gen"][0].count) == 0
    assert jax.tree.structure(fresh) == jax.tree.structure(trained.opt_state)


def test_the_state_of_an_optimizer_that_is_a_function_of_the_step():
    rate = core.Schedule("linear", 0.1, steps=10)
    scheduled = core.init_state(game(optimizer=core.make_optimizer("adam", rate)), 0)
    fixed = core.init_state(game(), 0)
    # Nothing in it knows the step: training alone counts.
    assert jax.tree.structure(scheduled) == jax.tree.structure(fixed)


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


def sampler(*networks, memory=()):
    return core.Sampler({"z": core.Normal((3,))}, None, networks, memory=memory)


@pytest.fixture
def trained():
    """A state whose averages are no copies any more."""
    average = {"gen": {"params": {"w": jnp.full(3, 2.0)}, "batch_stats": {"mean": jnp.ones(3)}}}
    return core.init_state(game(), 0).replace(ema=average, step=jnp.int32(7))


def test_sampling_weights_prefer_the_average_of_parameters_and_statistics(trained):
    averaged = core.sampling_weights(trained, sampler("gen", "disc"))
    assert averaged.params["gen"] is trained.ema["gen"]["params"]
    assert averaged.variables["gen"]["batch_stats"] is trained.ema["gen"]["batch_stats"]
    # What has no average is as the last step left it.
    assert averaged.variables["gen"]["spectral"] is trained.variables["gen"]["spectral"]
    assert averaged.params["disc"] is trained.params["disc"]
    assert averaged.variables["disc"] == {}


def test_sampling_weights_without_the_average(trained):
    raw = core.sampling_weights(trained, sampler("gen", "disc"), ema=False)
    assert raw.params["gen"] is trained.params["gen"]
    assert raw.variables["gen"]["batch_stats"] is trained.variables["gen"]["batch_stats"]
    assert raw.variables["gen"]["spectral"] is trained.variables["gen"]["spectral"]


def test_sampling_weights_hold_what_the_sampler_reads_and_no_more(trained):
    weights = core.sampling_weights(trained, sampler("disc", memory=("w_mean",)))
    assert set(weights.params) == set(weights.variables) == {"disc"}
    assert set(weights.memory) == {"w_mean"}
    assert core.sampling_weights(trained, sampler("gen")).memory == {}


def shapes(tree):
    return sorted(leaf.shape for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("ema", [True, False])
def test_the_part_of_a_state_that_sampling_restores(trained, ema):
    chosen = sampler("gen", memory=("w_mean",))
    part = core.sampling_part(trained, chosen, ema=ema)
    # The weights [3], their statistics [3], the other collection [2] and the memory [3]: of the
    # optimizer, the other network, the other memory and the other kind of weights nothing.
    assert shapes(part) == [(2,), (3,), (3,), (3,)]
    whole = core.sampling_weights(trained, chosen, ema=ema)
    again = core.sampling_weights(part, chosen, ema=ema)
    assert jax.tree.structure(again) == jax.tree.structure(whole)
    for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(whole), strict=True):
        assert one is other


def test_the_part_may_be_asked_of_shapes_alone():
    gan, chosen = game(), sampler("gen", "disc")
    template = core.sampling_part(jax.eval_shape(lambda: core.init_state(gan, 0)), chosen)
    real = core.sampling_part(core.init_state(gan, 0), chosen)
    assert jax.tree.structure(template) == jax.tree.structure(real)
    assert shapes(template) == shapes(real)
