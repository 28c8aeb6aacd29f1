"""Augmentation in the game of two: who sees augmented images, and what is refused."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core, gans, losses
from gan_jax.gans import adversarial
from gan_jax.gans.augmentation import Augmentation, Feedback, make_augmentation
from gan_jax.gans.pair_game import make_pair_game
from gan_jax.gans.pair_objectives import Penalty
from gan_jax.gans.pair_settings import make_pair

IMAGES = {"image": core.ArraySpec((8, 8, 1))}
RUN = gans.Run(steps=10, batch_size=4)
FAST = {"xla_backend_optimization_level": 0}


def batch(size=4):
    rng = np.random.default_rng(0)
    return {
        "image": jnp.asarray(rng.uniform(-1, 1, (size, 8, 8, 1)), jnp.float32),
        "latent": jnp.asarray(rng.normal(size=(size, 4)), jnp.float32),
        "generator_latent": jnp.asarray(rng.normal(size=(size, 4)), jnp.float32),
        "alpha": jnp.asarray(rng.uniform(size=size), jnp.float32),
    }


def build(run=RUN, **model):
    small = {"network": "mlp", "width": 0.03, "latent_dim": 4, **model}
    return gans.build("adversarial", small, IMAGES, run).phases[0].gan


def context(state, step=0):
    return core.Context(state.variables, batch(), jax.random.key(1), state.memory, jnp.int32(step))


def test_whatever_the_discriminator_sees_of_either_player_is_augmented():
    # Where augmentation leaves nothing of an image, nothing of it can matter.
    settings = adversarial.Settings(network="mlp", width=0.03, latent_dim=4)
    game = make_pair_game(
        make_pair(settings, (8, 8, 1), 0, RUN),
        loss_name="relativistic",
        loss=losses.adversarial_loss("relativistic"),
        generator_optimizer=core.make_optimizer("sgd", 0.1),
        discriminator_optimizer=core.make_optimizer("sgd", 0.1),
        penalties=(Penalty("r1", 1.0),),
        feature_matching=1.0,
        augmentation=Augmentation(lambda key, images, p: 0.0 * images),
    )
    state = core.init_state(game, 0)

    def metrics(params, player):
        loss, aux = player.objective(params, context(state))
        return loss, aux.metrics

    differentiate = jax.jit(
        jax.value_and_grad(metrics, has_aux=True), static_argnums=1, compiler_options=FAST
    )
    for player in game.players:
        (loss, found), gradients = differentiate(state.params, player)
        assert all((leaf == 0).all() for leaf in jax.tree.leaves(gradients["generator"]))
        np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)
        for name in ("penalty", "feature_matching"):
            assert found.get(name, 0.0) == 0.0
    (monitor,) = game.monitors
    (value,) = monitor.metrics(state.params, context(state)).values()
    logits = state.params["discriminator"]["Dense_2"]["bias"]
    np.testing.assert_allclose(value, logits[0], atol=1e-6)


def test_diffaugment_draws_anew_for_every_update():
    game = build(augment={"name": "diffaugment", "policy": "cutout,color"})
    state, objective = core.init_state(game, 0), game.players[0].objective

    @jax.jit
    def loss(key):
        return objective(state.params, context(state)._replace(key=key))[0]

    assert len({float(loss(jax.random.key(seed))) for seed in (1, 2, 3)}) == 3


def test_the_game_remembers_p_and_shows_images_with_it():
    settings = adversarial.Settings(network="mlp", width=0.03, latent_dim=4)
    game = make_pair_game(
        make_pair(settings, (8, 8, 1), 0, RUN),
        loss_name="hinge",
        loss=losses.adversarial_loss("hinge"),
        generator_optimizer=core.make_optimizer("sgd", 0.1),
        discriminator_optimizer=core.make_optimizer("sgd", 0.1),
        # With p = 0 images stay, with p = 1 nothing is left of them.
        augmentation=Augmentation(
            lambda key, images, p: (1.0 - p) * images, 0.0, Feedback(-2.0, 1.0, 1)
        ),
    )
    state = core.init_state(game, 0)

    @jax.jit
    def update(memory):
        loss, aux = game.players[0].objective(state.params, context(state)._replace(memory=memory))
        return loss, aux.metrics, aux.memory

    bias = state.params["discriminator"]["Dense_2"]["bias"][0]
    assert bias == 0.0
    _, metrics, memory = update(state.memory)
    assert metrics["augment/probability"] == 0.0
    assert memory["augmentation"]["signs"] == metrics["augment/real_sign"] != 0.0
    loss, metrics, memory = update(memory)
    assert (loss, metrics["augment/probability"]) == (2.0, 1.0)
    assert memory["augmentation"]["updates"] == 1
    assert game.memory_is_mean


def test_p_is_the_same_on_any_number_of_devices():
    augmentation = Augmentation(lambda key, images, p: images, 0.5, Feedback(0.2, 0.25, 2))
    logits = jnp.array([3.0, 1.0, -1.0, 2.0, 2.0, 2.0, -1.0, -3.0])  # A mean sign of 0.25.

    def updates(logits, axis_name=None):
        memory = augmentation.start()
        for _ in range(3):
            memory = augmentation.before_update(memory)
            memory, metrics = augmentation.after_update(memory, logits, axis_name)
        return memory, metrics

    _, one = updates(logits)
    mapped = functools.partial(updates, axis_name="devices")
    _, four = jax.pmap(mapped, axis_name="devices", devices=jax.devices()[:4])(logits.reshape(4, 2))
    assert one == {"augment/probability": 0.75, "augment/real_sign": 0.25}
    for name, value in one.items():
        np.testing.assert_array_equal(four[name], [value] * 4)


def test_without_a_target_p_is_a_number_or_a_schedule():
    schedule = {"kind": "linear", "value": 0.0, "to": 0.5, "steps": 10}
    game = build(augment={"name": "ada", "target": None, "probability": schedule})
    assert core.init_state(game, 0).memory == {}
    settings = adversarial.AugmentSettings(
        name="ada", target=None, probability=core.Schedule("linear", 0.0, to=0.5, steps=10)
    )
    seen = dataclasses.replace(
        make_augmentation(settings, "wasserstein", RUN), augment=lambda key, images, p: p
    )
    assert seen(jax.random.key(0), jnp.zeros(1), {}, jnp.int32(5)) == 0.25


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ({"name": "diffaugmnt"}, "did you mean 'diffaugment'"),
        ({"policy": "color"}, "policy=color has no effect with augment.name=none|name=none"),
        ({"name": "diffaugment", "policy": "color,cutot"}, "did you mean 'cutout'"),
        ({"name": "diffaugment", "policy": "color,color"}, "names one twice"),
        ({"name": "diffaugment", "target": 0.5}, "target=0.5 has no effect with augment.name=diff"),
        ({"name": "ada", "policy": "bgcc"}, "did you mean 'bgc'"),
        ({"name": "ada", "target": None}, "augments nothing"),
        ({"name": "ada", "target": None, "every": 8}, "augments nothing|every=8 has no effect"),
        ({"name": "ada", "probability": {"value": 0.1}}, "follows the discriminator"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(augment, message):
    with pytest.raises(ValueError, match=message) as error:
        build(augment=augment)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("loss", ["wasserstein", "relativistic", "least_squares"])
def test_p_follows_no_sign_that_says_nothing(loss):
    with pytest.raises(ValueError, match=f"with config.model.loss={loss} the sign of a logit"):
        build(augment={"name": "ada"}, loss=loss)
