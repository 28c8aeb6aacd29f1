"""Hand counts against closed forms, and against the count of the whole step."""

import dataclasses
import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import common
from gan_jax import core
from gan_jax.core import arithmetic
from gan_jax.layers import platform
from gan_jax.modes.plan import assumed, hand_count
from gan_jax.modes.plan.updates import count_update
from gan_jax.runs.setup import chunk_function
from tests.toys import config as toys

CONFIGS = sorted(path.stem for path in Path(common.__file__).parent.glob("*_*.py"))
CONFIGS = [name for name in CONFIGS if not name.startswith("_")]
BATCH, INPUT, HIDDEN = 6, 5, 7


def shape(*dimensions):
    return jax.ShapeDtypeStruct(dimensions, jnp.float32)


def perceptron(every=1, updates=1):
    """A game of one player: a network of one hidden layer that is to be small."""

    def objective(params, context):
        hidden = jnp.tanh(context.batch["x"] @ params["net"]["first"])
        return jnp.sum(hidden @ params["net"]["second"]), core.Aux()

    return core.Gan(
        init_networks=lambda key: core.Networks(
            {"net": {"first": jnp.ones((INPUT, HIDDEN)), "second": jnp.ones((HIDDEN, 1))}},
            {"net": {}},
        ),
        optimizers={"net": optax.adam(1e-3)},
        players=(core.Player("net", ("net",), "net", objective, updates=updates, every=every),),
    )


def test_an_update_by_hand():
    gan = perceptron()
    state = jax.eval_shape(lambda: core.init_state(gan, 0))
    found = count_update(gan.players[0], state, {"x": shape(BATCH, INPUT)})
    first, second = 2 * BATCH * INPUT * HIDDEN, 2 * BATCH * HIDDEN
    # The first layer's input needs no gradient.
    assert arithmetic.total(found.products) == 2 * first + 3 * second
    # tanh's derivative, and the hidden values for the second layer's gradient: the batch and the
    # parameters are there anyway.
    assert found.activation_bytes == 2 * 4 * BATCH * HIDDEN


def small(network="mlp", **model):
    config = common.base("test")
    config.model.network, config.batch_size = network, 8
    config.model.width, config.model.latent_dim = 0.0625, 4
    for key, value in model.items():
        setattr(config.model, key, value)
    return config


def test_a_step_is_the_sum_of_its_players_and_of_the_whole():
    config = small()
    config.model.discriminator.steps = 3
    setup = assumed.assume(config)
    (phase,) = setup.sampled.phases
    found = hand_count.count_step(setup, phase, devices=1)
    state, inputs = hand_count.state_of(phase), hand_count.inputs_of(setup, phase, 1)
    resident = hand_count.shapes_of(setup.feed(phase).resident_data())
    assert resident["image"].shape == (50_000, 32 * 32 * 3)
    with platform.compiling_for("tpu"):
        whole = arithmetic.count(chunk_function(setup, phase), state, inputs, resident)
    assert found["flops"] == whole == sum(found["precisions"].values())
    assert whole == sum(one["updates"] * one["flops"] for one in found["players"])
    assert [one["updates"] for one in found["players"]] == [3, 1]
    assert found["bytes"] == found["product_bytes"] + found["update_bytes"]
    sizes = found["memory"]
    assert sizes["resident data"] == 50_000 * (32 * 32 * 3 + 4)
    # Images, labels and noise of three updates.
    assert 1 < sizes["batch"] / (4 * 3 * 8 * 32 * 32 * 3) < 1.01
    rows = hand_count.networks(state)
    assert sum(row["bytes"] for row in rows if row["collection"] == "params") == sizes["parameters"]
    # A device's half of the batch: half of the arithmetic and of what depends on the batch.
    half = hand_count.count_step(setup, phase, devices=2)
    assert half["batch_size"] == 4
    assert half["flops"] == whole / 2
    assert half["memory"]["batch"] == sizes["batch"] / 2
    assert half["memory"]["optimizers"] == sizes["optimizers"]


def test_a_player_that_trains_now_and_then_counts_as_often(monkeypatch):
    setup = assumed.assume(small())
    (phase,) = setup.sampled.phases

    def count(gan):
        return hand_count.count_step(setup, dataclasses.replace(phase, gan=gan), devices=1)

    always = count(phase.gan)
    lazy, other = phase.gan.players
    players = (dataclasses.replace(lazy, every=4), other)
    rare = count(dataclasses.replace(phase.gan, players=players))
    own = always["players"][0]["flops"]
    np.testing.assert_allclose(rare["flops"], always["flops"] - own * 3 / 4, rtol=1e-12)
    assert rare["players"][0] == {**always["players"][0], "every": 4}
    assert rare["update_bytes"] < always["update_bytes"]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_is_counted_without_its_data(name, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    config = importlib.import_module(f"configs.{name}").get_config("full")
    setup = assumed.assume(config)
    (phase,) = setup.sampled.phases
    found = hand_count.count_step(setup, phase, devices=1)
    assert found["batch_size"] == config.batch_size
    assert found["memory"]["activations"] > found["memory"]["batch"] > 0
    assert found["flops"] > 1e8
    assert not list(tmp_path.iterdir())


def test_phases_and_domains_are_counted():
    growing = assumed.assume(toys.get_config("growing"))
    counts = [
        hand_count.count_step(growing, phase, devices=1) for phase in growing.sampled.phases[:2]
    ]
    assert counts[0]["batch_size"] > counts[1]["batch_size"]
    config = toys.get_config("cyclegan")
    config.data.domains.a.name = config.data.domains.b.name = "folder:nowhere"
    setup = assumed.assume(config, num_images=30)
    assert {name: len(one) for name, one in setup.streams.items()} == {"a": 30, "b": 30}
    (phase,) = setup.sampled.phases
    found = hand_count.count_step(setup, phase, devices=1)
    assert found["memory"]["memory of the game"] > 0


def test_data_of_unknown_size_is_asked_for():
    config = small(conditional=True)
    config.data.name = "folder:nowhere"
    with pytest.raises(ValueError, match=r"size is known here .* give --num_images") as error:
        assumed.assume(config)
    assert "\n" not in str(error.value)
    setup = assumed.assume(config, num_images=9, num_classes=3)
    assert setup.streams["data"].specs["label"].num_classes == 3
    with pytest.raises(ValueError, match="label"):
        assumed.assume(config, num_images=9, num_classes=0)
