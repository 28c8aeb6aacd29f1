"""The step against updates worked out by hand."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import core

X = np.array([[[1.0], [3.0]]], np.float32)  # one slice, two examples, mean 2


def scalar_networks(memory=None, variables=None):
    def init(key):
        del key
        params = {"disc": {"w": jnp.float32(2.0)}, "gen": {"w": jnp.float32(3.0)}}
        return core.Networks(params, variables or {}, memory or {})

    return init


def disc_loss(params, context):
    """Gradient by disc: gen + mean(x)."""
    return params["disc"]["w"] * (params["gen"]["w"] + jnp.mean(context.batch["x"])), core.Aux()


def gen_loss(params, context):
    """Gradient by gen: disc."""
    del context
    return params["disc"]["w"] * params["gen"]["w"], core.Aux()


def scalar_game(*, disc=None, gen=None, memory=None, variables=None, **options):
    """Two numbers, plain gradient descent: 0.1 for disc, 0.5 for gen."""
    players = (
        core.Player("disc", ("disc",), "disc", **{"objective": disc_loss, **(disc or {})}),
        core.Player("gen", ("gen",), "gen", **{"objective": gen_loss, **(gen or {})}),
    )
    optimizers = {"disc": optax.sgd(0.1), "gen": optax.sgd(0.5)}
    return core.Gan(scalar_networks(memory, variables), optimizers, players, **options)


def play(gan, batches):
    """The states and metrics after each step, one eager step after the other."""
    step, state, history = core.make_step(gan), core.init_state(gan, 0), []
    for batch in batches:
        state, metrics = step(state, batch)
        history.append((state, metrics))
    return history


def weights(state):
    return float(state.params["disc"]["w"]), float(state.params["gen"]["w"])


def test_players_train_one_after_the_other():
    (first, metrics), (second, _) = play(scalar_game(), [{"x": X}] * 2)
    # disc: 2 - 0.1 (3 + 2) = 1.5. gen sees the trained disc: 3 - 0.5 * 1.5 = 2.25, not 3 - 0.5 * 2.
    np.testing.assert_allclose(weights(first), (1.5, 2.25), rtol=1e-6)
    # The losses are those before the player's own update: 2 (3 + 2) and 1.5 * 3.
    assert float(metrics["disc"]["loss"]) == pytest.approx(10.0)
    assert float(metrics["gen"]["loss"]) == pytest.approx(4.5)
    # 1.5 - 0.1 (2.25 + 2) = 1.075; 2.25 - 0.5 * 1.075 = 1.7125
    np.testing.assert_allclose(weights(second), (1.075, 1.7125), rtol=1e-6)
    assert (int(first.step), int(second.step)) == (1, 2)
    assert first.step.dtype == jnp.int32


def test_the_order_of_players_is_the_order_of_updates():
    gan = scalar_game()
    gan = core.Gan(gan.init_networks, gan.optimizers, gan.players[::-1])
    ((state, _),) = play(gan, [{"x": X}])
    # gen first: 3 - 0.5 * 2 = 2; then disc: 2 - 0.1 (2 + 2) = 1.6
    np.testing.assert_allclose(weights(state), (1.6, 2.0), rtol=1e-6)


def test_updates_take_one_slice_each():
    slices = np.array([[[1.0], [3.0]], [[4.0], [4.0]], [[9.0], [11.0]]], np.float32)  # 2, 4, 10
    gan = scalar_game(disc={"updates": 3})
    ((state, metrics),) = play(gan, [{"x": slices}])
    # disc: 2 - 0.1 (5 + 7 + 13) = -0.5; gen trains once: 3 + 0.25.
    np.testing.assert_allclose(weights(state), (-0.5, 3.25), rtol=1e-6)
    # Losses 2 * 5, 1.5 * 7 and 0.8 * 13, and their mean.
    assert float(metrics["disc"]["loss"]) == pytest.approx((10.0 + 10.5 + 10.4) / 3)


def test_a_player_of_fewer_updates_takes_the_first_slices():
    slices = np.array([[[1.0]], [[2.0]], [[100.0]]], np.float32)
    seen = {
        "objective": lambda p, c: (
            p["gen"]["w"] * jnp.mean(c.batch["x"]),
            core.Aux({"x": jnp.mean(c.batch["x"])}),
        )
    }
    gan = scalar_game(disc={"updates": 3}, gen={"updates": 2, **seen})
    ((_, metrics),) = play(gan, [{"x": slices}])
    assert float(metrics["gen"]["x"]) == 1.5
    gan = scalar_game(disc={"updates": 3}, gen=seen)
    ((_, metrics),) = play(gan, [{"x": slices}])
    assert float(metrics["gen"]["x"]) == 1.0


def test_a_lazy_player_trains_at_its_steps_only():
    gan = scalar_game(gen={"every": 3})
    history = play(gan, [{"x": X}] * 5)
    values = [state.params["gen"]["w"] for state, _ in history]
    assert values[0] != 3.0
    assert values[0] == values[1] == values[2]
    assert values[2] != values[3]
    assert values[3] == values[4]
    losses = [float(metrics["gen"]["loss"]) for _, metrics in history]
    assert losses[1] == losses[2] == losses[4] == 0.0
    assert losses[0] != 0.0
    assert losses[3] != 0.0


def test_an_idle_player_leaves_its_optimizer_alone():
    gan = scalar_game(gen={"every": 2})
    gan = core.Gan(
        gan.init_networks, {"disc": optax.adam(0.1), "gen": optax.adam(0.1)}, gan.players
    )
    counts = [
        (int(state.opt_state["disc"][0].count), int(state.opt_state["gen"][0].count))
        for state, _ in play(gan, [{"x": X}] * 3)
    ]
    assert counts == [(1, 1), (2, 1), (3, 2)]


def test_players_may_share_an_optimizer():
    regularizer = core.Player(
        "reg", ("disc",), "disc", lambda p, c: (p["disc"]["w"] ** 2, core.Aux())
    )
    gan = scalar_game()
    gan = core.Gan(
        gan.init_networks,
        {"disc": optax.adam(0.1), "gen": optax.sgd(0.5)},
        (*gan.players, regularizer),
    )
    ((state, _),) = play(gan, [{"x": X}])
    assert int(state.opt_state["disc"][0].count) == 2


def test_a_player_may_have_slices_of_its_own():
    slices = np.array([[[1.0]], [[2.0]], [[10.0]], [[20.0]]], np.float32)
    report = {
        "objective": lambda p, c: (
            p["gen"]["w"] * jnp.mean(c.batch["x"]),
            core.Aux({"x": jnp.mean(c.batch["x"])}),
        )
    }
    for updates, expected in ((1, 10.0), (2, 15.0)):
        gan = scalar_game(disc={"updates": 2}, gen={"updates": updates, "first_slice": 2, **report})
        ((state, metrics),) = play(gan, [{"x": slices[: 2 + updates]}])
        assert float(metrics["gen"]["x"]) == expected
        # disc has the first two: 2 - 0.1 (4 + 5).
        assert weights(state)[0] == pytest.approx(1.1)


def test_a_shared_schedule_follows_the_steps_of_the_game():
    """A lazy regularizer updates with the rate of its step, and runs the schedule of none ahead."""
    rate = core.Schedule("linear", 1.0, steps=4)
    unit = {"objective": lambda p, c: (p["disc"]["w"], core.Aux())}
    regularizer = core.Player("reg", ("disc",), "disc", **unit, every=2)
    gan = scalar_game(disc={"updates": 2, **unit})
    gan = core.Gan(
        gan.init_networks,
        {**gan.optimizers, "disc": core.make_optimizer("sgd", rate, b1=0.0)},
        (*gan.players, regularizer),
    )
    history = play(gan, [{"x": np.ones((2, 2, 1), np.float32)}] * 4)
    # Every update of a step has the rate of that step, 1, 0.75, 0.5 and 0.25: two updates of disc,
    # and one of the regularizer at steps 0 and 2.
    expected = 2.0 - np.cumsum([3 * 1.0, 2 * 0.75, 3 * 0.5, 2 * 0.25])
    np.testing.assert_allclose([weights(state)[0] for state, _ in history], expected, rtol=1e-6)


def total(params, context):
    del context
    return {"total": params["disc"]["w"] + params["gen"]["w"]}


def test_a_monitor_is_computed_after_all_updates_and_trains_nothing():
    gan = scalar_game(monitors=(core.Monitor("after", total),))
    (first, metrics), (second, later) = play(gan, [{"x": X}] * 2)
    plain = [state for state, _ in play(scalar_game(), [{"x": X}] * 2)]
    assert [weights(first), weights(second)] == [weights(state) for state in plain]
    assert set(metrics["after"]) == {"total"}  # It has no loss.
    assert float(metrics["after"]["total"]) == 1.5 + 2.25
    assert float(later["after"]["total"]) == pytest.approx(1.075 + 1.7125)
    assert set(first.opt_state) == {"disc", "gen"}


def test_a_lazy_monitor_is_computed_at_the_end_of_its_steps():
    gan = scalar_game(monitors=(core.Monitor("after", total, every=3),))
    history = play(gan, [{"x": X}] * 7)
    totals = [float(metrics["after"]["total"]) for _, metrics in history]
    expected = [sum(weights(state)) if step in (3, 6) else 0.0 for step, (state, _) in at(history)]
    np.testing.assert_allclose(totals, expected, rtol=1e-6)


def at(history):
    """Numbered from 1: the number of finished steps."""
    return enumerate(history, start=1)


def test_a_monitor_sees_what_the_step_has_made_of_everything():
    def change(params, context):
        changed = {"disc": {"stats": context.variables["disc"]["stats"] + 1.0}}
        return params["disc"]["w"], core.Aux(
            variables=changed, memory={"sum": context.memory["sum"] + 10.0}
        )

    def see(params, context):
        del params
        return {
            "stats": context.variables["disc"]["stats"],
            "sum": context.memory["sum"],
            "step": context.step,
            "x": jnp.mean(context.batch["x"]),
        }

    gan = scalar_game(
        disc={"objective": change, "updates": 2},
        memory={"sum": jnp.float32(0.0)},
        variables={"disc": {"stats": jnp.float32(0.0)}},
        monitors=(core.Monitor("see", see),),
    )
    slices = np.array([[[1.0]], [[2.0]]], np.float32)
    _, (_, metrics) = play(gan, [{"x": slices}] * 2)
    assert metrics["see"] == {"stats": 4.0, "sum": 40.0, "step": 1.0, "x": 1.0}
    assert {value.dtype for value in metrics["see"].values()} == {jnp.dtype("float32")}


def test_monitors_change_no_random_number_and_have_their_own():
    """Neither the training's nor each other's: a monitor's noise would else be that of a loss."""

    def draw(network):
        return lambda p, c: (p[network]["w"], core.Aux({"u": jax.random.uniform(c.key)}))

    def uniform(params, context):
        del params
        return {"u": jax.random.uniform(context.key)}

    def game(monitors):
        return scalar_game(
            disc={"objective": draw("disc")},
            gen={"objective": draw("gen")},
            draw_noise=lambda key, batch: {"z": jnp.full((1, 1), jax.random.uniform(key))},
            monitors=tuple(core.Monitor(f"monitor_{i}", uniform) for i in range(monitors)),
        )

    def drawn(gan):
        def prepare(key, inputs, resident):
            del resident
            return {**inputs, "prepared": jnp.full((1, 1), jax.random.uniform(key))}

        def see(params, context):
            del params
            return {name: context.batch[name][0] for name in ("z", "prepared")}

        gan = dataclasses.replace(gan, monitors=(*gan.monitors, core.Monitor("batch", see)))
        step = core.make_step(gan, prepare=prepare)
        _, metrics = step(core.init_state(gan, 0), {"x": X})
        return {
            f"{player}/{name}": float(value)
            for player, own in metrics.items()
            for name, value in own.items()
            if name != "loss"
        }

    without, several = drawn(game(0)), drawn(game(4))
    assert set(without) == {"disc/u", "gen/u", "batch/z", "batch/prepared"}
    assert {name: several[name] for name in without} == without
    assert len(several) == len(without) + 4
    assert len(set(several.values())) == len(several)


def test_changed_collections_and_memory_reach_the_next_player():
    def change(params, context):
        stats = context.variables["disc"]["stats"] + 1.0
        return params["disc"]["w"], core.Aux(
            variables={"disc": {"stats": stats}}, memory={"sum": context.memory["sum"] + 10.0}
        )

    def look(params, context):
        return params["gen"]["w"], core.Aux(
            {"stats": context.variables["disc"]["stats"], "sum": context.memory["sum"]}
        )

    gan = scalar_game(
        disc={"objective": change},
        gen={"objective": look},
        memory={"sum": jnp.float32(0.0), "kept": jnp.float32(7.0)},
        variables={
            "disc": {"stats": jnp.float32(0.0), "spectral": jnp.float32(5.0)},
            "gen": {"stats": jnp.float32(6.0)},
        },
    )
    _, (state, metrics) = play(gan, [{"x": X}] * 2)
    assert float(metrics["gen"]["stats"]) == 2.0
    assert float(metrics["gen"]["sum"]) == 20.0
    # What an objective does not return stays: the other collection, network and memory.
    assert state.variables == {"disc": {"stats": 2.0, "spectral": 5.0}, "gen": {"stats": 6.0}}
    assert state.memory == {"sum": 20.0, "kept": 7.0}


def test_noise_is_shared_by_players_and_given_way_to_the_batch():
    def report(network):
        return lambda p, c: (p[network]["w"], core.Aux({"z": c.batch["z"][0, 0]}))

    gan = scalar_game(
        disc={"objective": report("disc")},
        gen={"objective": report("gen")},
        draw_noise=lambda key, batch: {"z": jax.random.normal(key, batch["x"].shape)},
    )
    (_, first), (_, second) = play(gan, [{"x": X}] * 2)
    assert first["disc"]["z"] == first["gen"]["z"]
    assert first["gen"]["z"] != second["gen"]["z"]
    ((_, given),) = play(gan, [{"x": X, "z": np.full_like(X, 0.25)}])
    assert float(given["gen"]["z"]) == 0.25


def test_randomness_is_a_function_of_seed_and_step():
    def draw(network):
        return lambda p, c: (p[network]["w"], core.Aux({"u": jax.random.uniform(c.key)}))

    gan = scalar_game(
        disc={"objective": draw("disc"), "updates": 2}, gen={"objective": draw("gen")}
    )
    batch = {"x": np.ones((2, 2, 1), np.float32)}
    history = play(gan, [batch] * 3)
    drawn = [float(m[player]["u"]) for _, m in history for player in ("disc", "gen")]
    assert len(set(drawn)) == len(drawn)
    start = core.init_state(gan, 0)
    for state, _ in history:
        assert jax.random.key_data(state.key).tolist() == jax.random.key_data(start.key).tolist()
    # Step 2 draws the same numbers in a run that never took steps 0 and 1.
    _, metrics = core.make_step(gan)(start.replace(step=jnp.int32(2)), batch)
    assert [float(metrics[player]["u"]) for player in ("disc", "gen")] == drawn[4:]
    _, other = core.make_step(gan)(core.init_state(gan, 1), batch)
    assert float(other["gen"]["u"]) != drawn[1]


def test_every_update_has_its_own_key():
    def draw(params, context):
        drawn = context.memory["drawn"]
        index = context.memory["count"]
        drawn = drawn.at[index].set(jax.random.uniform(context.key))
        return params["disc"]["w"], core.Aux(memory={"drawn": drawn, "count": index + 1})

    gan = scalar_game(
        disc={"objective": draw, "updates": 3},
        memory={"drawn": jnp.zeros(3), "count": jnp.int32(0)},
    )
    ((state, _),) = play(gan, [{"x": np.ones((3, 2, 1), np.float32)}])
    assert len(set(np.asarray(state.memory["drawn"]).tolist())) == 3


def test_prepare_gathers_from_resident_data_inside_the_step():
    def prepare(key, inputs, resident):
        noise = jax.random.uniform(key)
        x = resident[inputs["index"]].astype(jnp.float32)
        return {"x": x[..., None], "noise": jnp.full(x.shape, noise)}

    gan = scalar_game()
    step = core.make_step(gan, prepare=prepare)
    state, _ = step(
        core.init_state(gan, 0), {"index": np.array([[3, 1]])}, np.array([9, 1, 9, 3], np.uint8)
    )
    np.testing.assert_allclose(weights(state), (1.5, 2.25), rtol=1e-6)


@pytest.mark.parametrize("warmup", [True, False])
def test_ema_formula(warmup):
    gan = scalar_game(ema=core.Ema(0.15, ("gen",), warmup=warmup))
    history = play(gan, [{"x": X}] * 3)
    average = 3.0
    for t, (state, _) in enumerate(history):
        # (1 + t) / (10 + t) is 0.1 and then 0.18, above the decay.
        decay = min(0.15, (1 + t) / (10 + t)) if warmup else 0.15
        average = decay * average + (1 - decay) * weights(state)[1]
        assert set(state.ema) == {"gen"}
        assert float(state.ema["gen"]["params"]["w"]) == pytest.approx(average, rel=1e-6)


def test_the_average_takes_the_statistics_of_the_same_step():
    def change(params, context):
        stats = {"mean": context.variables["gen"]["batch_stats"]["mean"] + 1.0}
        return params["gen"]["w"], core.Aux(variables={"gen": {"batch_stats": stats}})

    gan = scalar_game(
        gen={"objective": change},
        variables={"gen": {"batch_stats": {"mean": jnp.float32(0.0)}}, "disc": {}},
        ema=core.Ema(0.5, ("gen",), warmup=False),
    )
    history = play(gan, [{"x": X}] * 3)
    averages = [float(state.ema["gen"]["batch_stats"]["mean"]) for state, _ in history]
    # Halfway from 0 to 1, from there to 2, from there to 3.
    assert averages == [0.5, 1.25, 2.125]


def test_low_precision_is_reported_in_float32():
    def low(params, context):
        del context
        return params["gen"]["w"].astype(jnp.bfloat16), core.Aux({"m": jnp.bfloat16(0.5), "n": 3})

    ((state, metrics),) = play(scalar_game(gen={"objective": low}), [{"x": X}])
    assert {k: v.dtype for k, v in metrics["gen"].items()} == dict.fromkeys(
        ("loss", "m", "n"), jnp.float32
    )
    assert state.params["gen"]["w"].dtype == jnp.float32


def test_a_chunk_is_its_steps_in_a_row():
    gan = scalar_game(
        gen={"every": 2},
        ema=core.Ema(0.9, ("gen",)),
        draw_noise=lambda key, batch: {"z": jax.random.normal(key, batch["x"].shape)},
    )
    xs = np.random.default_rng(0).normal(size=(4, 1, 2, 1)).astype(np.float32)
    history = play(gan, [{"x": x} for x in xs])
    chunk = jax.jit(core.make_chunk(core.make_step(gan)))
    state, metrics = chunk(core.init_state(gan, 0), {"x": xs})
    np.testing.assert_allclose(weights(state), weights(history[-1][0]), rtol=1e-6)
    averages = [float(state.ema["gen"]["params"]["w"]) for state in (state, history[-1][0])]
    assert averages[0] == pytest.approx(averages[1])
    np.testing.assert_allclose(
        metrics["gen"]["loss"], [m["gen"]["loss"] for _, m in history], rtol=1e-6
    )
    assert int(state.step) == 4


def returns(loss=0.0, **aux):
    return {"objective": lambda p, c: (p["gen"]["w"] + loss, core.Aux(**aux))}


@pytest.mark.parametrize(
    ("gan", "batch", "message"),
    [
        (
            scalar_game(),
            {"x": np.ones((3, 2, 1))},
            r"batch\['x'\] has shape \(3, 2, 1\), the game wants \[1, examples, ...\]",
        ),
        (scalar_game(), {"x": np.ones(1)}, r"batch\['x'\] has shape \(1,\)"),
        (
            scalar_game(draw_noise=lambda key, batch: {"z": jax.random.normal(key, (8, 2))}),
            {"x": X},
            r"batch\['z'\] has shape \(8, 2\)",
        ),
        (
            scalar_game(gen=returns(np.zeros(2, np.float32))),
            {"x": X},
            r"player 'gen': the loss must be a scalar, not of shape \(2,\)",
        ),
        (
            scalar_game(gen=returns(metrics={"logits": np.zeros(3)})),
            {"x": X},
            r"player 'gen': the metric 'logits' must be a scalar, not of shape \(3,\)",
        ),
        (
            scalar_game(gen=returns(metrics={"loss": 1.0})),
            {"x": X},
            "player 'gen': the metric 'loss' is the objective's own loss",
        ),
        (
            scalar_game(monitors=(core.Monitor("after", lambda p, c: {"logits": np.zeros(3)}),)),
            {"x": X},
            r"monitor 'after': the metric 'logits' must be a scalar, not of shape \(3,\)",
        ),
        (
            scalar_game(gen={"first_slice": 1}),
            {"x": X},
            r"batch\['x'\] has shape \(1, 2, 1\), the game wants \[2, examples, ...\]",
        ),
        (
            scalar_game(
                gen=returns(variables={"gen": {"spectral": 1.0}}),
                variables={"gen": {"stats": np.float32(0.0)}},
            ),
            {"x": X},
            r"player 'gen' returns variables \['gen/spectral'\], the state has \['gen/stats'\]",
        ),
        (
            scalar_game(gen=returns(memory={"pool": 1.0})),
            {"x": X},
            r"player 'gen' returns memory \['pool'\], the state has \[\]",
        ),
    ],
)
def test_what_an_objective_or_a_batch_gets_wrong(gan, batch, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(core.make_step(gan), core.init_state(gan, 0), batch)
