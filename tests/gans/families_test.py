"""Every config: it builds at full size, trains a step, and is the same game on any devices."""

import importlib
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import common
from gan_jax import core, gans
from gan_jax.runs.setup import experiment_of

CONFIGS = sorted(
    path.stem
    for path in (pathlib.Path(__file__).parents[2] / "configs").glob("*_*.py")
    if path.stem != "__init__"
)
# One config per system, and the second recipe; LSGAN and hinge have the first one's networks.
# SNGAN takes long to compile and is in sngan_test.py.
PLAYED = (
    "vanilla_mnist",
    "dcgan_cifar10",
    "dcgan_smoothed_cifar10",
    "cgan_cifar10",
    "acgan_cifar10",
    "lsgan_cifar10",
    "hinge_cifar10",
    "wgan_cifar10",
    "wgan_gp_cifar10",
    "cwgan_gp_cifar10",
)
CIFAR10 = {"image": core.ArraySpec((32, 32, 3)), "label": core.ArraySpec((), 10)}
# A layer less to compile.
SMALL = CIFAR10 | {"image": core.ArraySpec((16, 16, 3))}


def load(name, variant="smoke"):
    return importlib.import_module(f"configs.{name}").get_config(variant)


@pytest.mark.parametrize(("width", "small"), [(1.0, 0.125), (64, 64)])
def test_the_smoke_variant_shrinks_a_factor_and_no_number_of_channels(width, small):
    config = common.base("test")
    config.model = ConfigDict({"width": width})
    assert common.smoke(config).model.width == small


def tiny(name, **changes):
    config = load(name)
    config.model.width = 0.0625
    config.model.latent_dim = 4
    config.batch_size = 8
    config.model.discriminator.dropout = 0.0
    # Adam's first steps are the gradients' signs, and the sign of rounding noise is no number to
    # compare; under plain descent parameters differ as gradients do.
    # A critic that is not shrunk at the start has gradients ten times as large, and more.
    rate = 0.01 if config.model.discriminator.initializer == "he" else 0.1
    config.model.generator_optimizer.update(name="sgd", learning_rate=rate, b1=0.0, b2=0.999)
    config.model.discriminator_optimizer.update(name="sgd", learning_rate=rate, b1=0.0, b2=0.999)
    config.model.update(changes)
    return config


def game_of(config, data=SMALL):
    return experiment_of(config, data).phases[0].gan


def inputs(gan, batch_size=8, latent_dim=4, steps=1, shape=(16, 16, 3)):
    """A batch that carries its noise, so that nothing is left to the devices' own keys."""
    rng = np.random.default_rng(0)
    lead = (steps, gan.updates, batch_size)
    return {
        "image": rng.uniform(-1, 1, (*lead, *shape)).astype(np.float32),
        "label": rng.integers(0, 10, lead).astype(np.int32),
        "fake_label": rng.integers(0, 10, lead).astype(np.int32),
        "generator_label": rng.integers(0, 10, lead).astype(np.int32),
        "latent": rng.normal(size=(*lead, latent_dim)).astype(np.float32),
        "generator_latent": rng.normal(size=(*lead, latent_dim)).astype(np.float32),
        "alpha": rng.uniform(size=lead).astype(np.float32),
    }


def play(gan, batch, *, mode="jit", devices=1, start=None):
    """One step: (state before, after, metrics); `start` is a state in the place of a fresh one."""
    chunk = core.make_chunk(core.make_step(gan, axis_name=core.axis_name_of(mode)))
    compiled = core.compile_chunk(chunk, mode=mode, devices=jax.devices()[:devices])
    start = core.start(gan, 0) if start is None else start
    before = jax.tree.map(np.asarray, start.replace(key=None))
    # Copied, because the step donates what it is given.
    state = compiled.put_state(before.replace(key=jax.random.clone(start.key)))
    placed = compiled.put_inputs(batch)
    # Compiling is most of what a step costs here.
    run = compiled.lower(state, placed, None).compile(
        compiler_options={"xla_backend_optimization_level": 0}
    )
    after, metrics = run(state, placed, None)
    jax.block_until_ready(after)
    return before, jax.tree.map(np.asarray, after.replace(key=None)), metrics


def largest_difference(left, right):
    return max(
        jax.tree.leaves(jax.tree.map(lambda a, b: float(np.max(np.abs(a - b))), left, right))
    )


def test_there_is_a_config_for_every_family():
    assert {load(name).family for name in CONFIGS} == set(gans.FAMILIES)


def test_the_first_eight_systems_are_configs_of_one_family():
    names = {load(name).name for name in CONFIGS if load(name).family == "adversarial"}
    assert {"vanilla", "dcgan", "cgan", "lsgan", "hinge", "wgan", "wgan_gp", "cwgan_gp"} <= names


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_builds_at_full_size(name):
    config = load(name, "full")
    shape = (32, 32, 1) if config.data.name in ("digits", "mnist") else (32, 32, 3)
    experiment = experiment_of(config, CIFAR10 | {"image": core.ArraySpec(shape)})
    (phase,) = experiment.phases
    state = jax.eval_shape(lambda: core.init_state(phase.gan, 0))
    batch = {
        "image": jax.ShapeDtypeStruct((phase.gan.updates, 8, *shape), jnp.float32),
        "label": jax.ShapeDtypeStruct((phase.gan.updates, 8), jnp.int32),
    }
    after, _ = jax.eval_shape(core.make_step(phase.gan), state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert experiment.steps == config.steps
    assert "Paper:" in importlib.import_module(f"configs.{name}").__doc__


@pytest.mark.parametrize("name", PLAYED)
def test_a_family_plays_alike_on_one_device_on_a_mesh_and_under_pmap(name):
    config = tiny(name)
    gan = game_of(config)
    batch = inputs(gan)
    start = core.start(gan, 0)
    before, one, metrics = play(gan, batch, start=start)
    for player in metrics.values():
        assert all(np.isfinite(value).all() for value in player.values())
    assert largest_difference(before.params["generator"], one.params["generator"]) > 0
    assert largest_difference(before.params["discriminator"], one.params["discriminator"]) > 0
    # Running statistics must have been written back by whoever changed them.
    for network, variables in before.variables.items():
        for stats, changed in zip(
            jax.tree.leaves(variables), jax.tree.leaves(one.variables[network]), strict=True
        ):
            assert np.abs(stats - changed).max() > 0, network

    _, four, _ = play(gan, batch, devices=4, start=start)
    assert largest_difference(one, four) < 1e-5

    config.parallel = "pmap"
    _, mapped, _ = play(game_of(config), batch, mode="pmap", devices=4, start=start)
    assert largest_difference(one, mapped) < 1e-5


def test_objectives_that_need_the_whole_batch_have_it_under_pmap():
    # Means over the batch: their gradient is no mean of what the devices have by themselves.
    config = tiny("dcgan_smoothed_cifar10", feature_matching=1.0, loss="relativistic_average")
    # Discriminators without batch statistics, which would hide a small difference.
    config.model.discriminator.update(normalization="none", initializer="he")
    config.model.update(real_label=1.0, fake_label=0.0)
    gan = game_of(config)
    batch, start = inputs(gan), core.start(gan, 0)
    _, one, _ = play(gan, batch, start=start)
    config.parallel = "pmap"
    _, mapped, _ = play(game_of(config), batch, mode="pmap", devices=4, start=start)
    assert largest_difference(one, mapped) < 1e-5


def test_second_recipe_with_feature_matching_and_minibatch_discrimination():
    config = tiny("dcgan_smoothed_cifar10", feature_matching=1.0)
    config.model.discriminator.minibatch_discrimination = 5
    gan = game_of(config)
    before, after, metrics = play(gan, inputs(gan))
    assert before.params["discriminator"]["MinibatchDiscrimination_0"]["tensor"].shape[1] == 25
    loss, matching = metrics["generator"]["loss"], metrics["generator"]["feature_matching"]
    plain = tiny("dcgan_smoothed_cifar10")
    plain.model.discriminator.minibatch_discrimination = 5
    _, _, without = play(game_of(plain), inputs(gan))
    np.testing.assert_allclose(loss, without["generator"]["loss"] + matching, rtol=1e-5)
    assert largest_difference(before.params["generator"], after.params["generator"]) > 0


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("dcgan_cifar10", {"family": "adversrial"}, "did you mean 'adversarial'"),
        ("dcgan_cifar10", {"model": {"loss": "hing"}}, "did you mean 'hinge'"),
        ("dcgan_cifar10", {"model": {"network": "dcgan_9x9"}}, "dcgan_8x8"),
        ("hinge_cifar10", {"model": {"real_label": 0.9}}, "no effect with .*loss=hinge"),
        ("dcgan_cifar10", {"model": {"penalty": {"weight": 5.0}}}, "no effect with penalty.name=n"),
        ("dcgan_cifar10", {"precision": "float16"}, "bfloat16"),
        ("dcgan_cifar10", {"batch_size": 0}, "batch_size must be at least 1"),
        ("wgan_gp_cifar10", {"model": {"penalty": {"weight": 0.0}}}, "weight must be above 0"),
        ("wgan_gp_cifar10", {"model": {"penalty": {"name": "r1+r1"}}}, "names one twice"),
        (
            "wgan_gp_cifar10",
            {"model": {"discriminator": {"normalization": "batch"}}},
            "normalization=none",
        ),
        (
            "wgan_gp_cifar10",
            {"model": {"discriminator": {"minibatch_discrimination": 5}}},
            "minibatch_discrimination=0",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(name, changes, message):
    config = load(name)
    config.update(changes)
    with pytest.raises(ValueError, match=message) as error:
        experiment_of(config, CIFAR10)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": core.ArraySpec((32, 32, 3))}, "conditional=True needs labels"),
        (dict.fromkeys(("left", "right"), core.ArraySpec((32, 32, 3))), "this data has left, rig"),
        (CIFAR10 | {"image": core.ArraySpec((32, 64, 3))}, "image_size=32"),
    ],
)
def test_data_that_does_not_fit_is_refused_in_one_line(arrays, message):
    with pytest.raises(ValueError, match=message) as error:
        experiment_of(load("cgan_cifar10"), arrays)
    assert "\n" not in str(error.value)


def test_several_penalties_are_added_up():
    config = tiny("wgan_gp_cifar10", penalty={"name": "gradient_penalty+r1", "weight": 2.0})
    config.model.discriminator.steps = 1
    gan = game_of(config)
    _, _, both = play(gan, inputs(gan))
    config.model.penalty.name = "gradient_penalty"
    _, _, one = play(game_of(config), inputs(gan))
    extra = both["discriminator"]["penalty/r1"]
    assert extra > 0
    np.testing.assert_allclose(
        both["discriminator"]["loss"], one["discriminator"]["loss"] + 2.0 * extra, rtol=1e-5
    )
