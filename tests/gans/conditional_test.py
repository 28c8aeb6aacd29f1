"""Class-conditional networks: SAGAN's steps against PyTorch's, and how labels are drawn.

`conditional_golden.json` holds digests of parameters, vectors and statistics after two steps of an
independent PyTorch version (`benchmarks/torch_conditional.py`) in float64.
`benchmarks/compare_conditional_steps.py --golden=...` writes it; do not write it anew to make a
failing test pass. Compiling takes long, so SNGAN projection and BigGAN are compared by that command
alone.
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import common
from gan_jax import core, gans
from gan_jax.runs.setup import experiment_of
from tests.benchmarks.scripts import importable
from tests.gans.digests import check_digests

with importable():
    import compare_conditional_steps
    import conditional_inputs

GOLDEN = json.loads(pathlib.Path(__file__).with_name("conditional_golden.json").read_text())
TOLERANCE = 5e-6
FAST = {"xla_backend_optimization_level": 0}
LABELED = {"image": core.ArraySpec((8, 8, 1)), "label": core.ArraySpec((), 3)}
RUN = gans.Run(steps=10, batch_size=4)


def test_sagans_steps_are_those_of_pytorch():
    case = conditional_inputs.SMALL
    gan = compare_conditional_steps.game(case)
    state = compare_conditional_steps.start_state(gan)
    batches = [conditional_inputs.batch(case, number) for number in range(case.steps)]
    step = jax.jit(core.make_step(gan), compiler_options=FAST)
    losses = []
    for batch in batches:
        state, metrics = step(state, batch)
        losses += [metrics[name]["loss"] for name in ("discriminator", "generator")]
    np.testing.assert_allclose(losses, GOLDEN["losses"], rtol=1e-4, atol=1e-5)
    leaves = compare_conditional_steps.leaves_of(state)
    check_digests(leaves, GOLDEN, tolerance=TOLERANCE)


def game(**model):
    config = common.base("test")
    config.model.update(network="mlp", width=0.03, latent_dim=4, loss="hinge", conditional=True)
    config.batch_size = 4
    for key, value in model.items():
        config.model[key].update(value)
    return experiment_of(config, LABELED).phases[0].gan


def drawn(gan, updates=2):
    batch = {"image": jnp.zeros((updates, 4, 8, 8, 1)), "label": jnp.zeros((updates, 4), int)}
    return gan.draw_noise(jax.random.key(0), batch)


def test_labels_of_generated_images_are_drawn_where_they_are_to_be_uniform():
    found = drawn(game(generator={"labels": "uniform", "batch": 16}), updates=30)
    assert found["fake_label"].shape == (30, 4)
    assert found["generator_label"].shape == (30, 64)
    assert found["generator_latent"].shape == (30, 64, 4)
    for name in ("fake_label", "generator_label"):
        shares = np.bincount(np.ravel(found[name]), minlength=3) / found[name].size
        np.testing.assert_allclose(shares, 1 / 3, atol=0.12)
    assert set(drawn(game())) == {"latent", "generator_latent", "alpha"}


@pytest.mark.parametrize("labels", ["data", "uniform"])
def test_the_generators_update_may_have_more_images_than_there_are_real_ones(labels):
    without_dropout = {"discriminator": {"dropout": 0.0}}
    gan, half = (
        game(generator={"labels": labels, "batch": 2}, **without_dropout),
        game(**without_dropout),
    )
    state = core.start(gan, 0)
    batch = {"image": jnp.zeros((1, 4, 8, 8, 1)), "label": jnp.array([[0, 1, 2, 0]])}
    batch |= gan.draw_noise(jax.random.key(1), batch)
    batch = {name: array[0] for name, array in batch.items()}

    def loss(gan, **changes):
        own = {**batch, **changes}
        context = core.Context(state.variables, own, jax.random.key(2), {}, jnp.int32(0))
        return jax.jit(gan.players[1].objective, compiler_options=FAST)(state.params, context)[0]

    drawn_labels = batch["generator_label"] if labels == "uniform" else jnp.tile(batch["label"], 2)
    # The loss is a mean over images, so it is the mean of those of both halves.
    halves = [
        loss(half, label=drawn_labels[part], generator_latent=batch["generator_latent"][part])
        for part in (slice(0, 4), slice(4, 8))
    ]
    np.testing.assert_allclose(loss(gan), np.mean(halves), rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"generator": {"labels": "uniform"}, "penalty": {"name": "gradient_penalty"}},
            "need one label: set config.model.generator.labels=data",
        ),
        (
            {"generator": {"batch": 2}, "loss": "relativistic"},
            "set config.model.generator.batch=1",
        ),
        (
            {"generator": {"labels": "uniform"}, "loss": "relativistic_average"},
            "set config.model.generator.labels=data",
        ),
        (
            {"generator": {"attention": 16}},
            "generator.attention=16: the generator of network=mlp has no such setting",
        ),
        (
            {"discriminator": {"attention": 8}},
            "discriminator.attention=8: the discriminator of network=mlp has no such setting",
        ),
        (
            {"discriminator": {"one_batch": True}},
            "discriminator.one_batch=True has no effect with .*normalization=none",
        ),
        (
            {"conditional": False, "discriminator": {"conditioning": "projection"}},
            "discriminator.conditioning=projection has no effect",
        ),
        ({"conditional": False, "generator": {"labels": "uniform"}}, "labels=uniform has no ef"),
        ({"ema_start": 5}, "ema_start=5 has no effect"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(model, message):
    model = {"network": "mlp", "conditional": True, **model}
    with pytest.raises(ValueError, match=message) as error:
        gans.build("adversarial", model, LABELED, RUN)
    assert "\n" not in str(error.value)


def test_orthogonal_regularization_is_added_to_the_loss_of_its_player():
    weights = {"generator": 0.5, "discriminator": 0.25}
    plain = game(discriminator={"dropout": 0.0})
    gan = game(
        generator={"orthogonality": 0.5}, discriminator={"orthogonality": 0.25, "dropout": 0.0}
    )
    state = core.start(gan, 0)
    batch = {"image": jnp.zeros((1, 4, 8, 8, 1)), "label": jnp.zeros((1, 4), int)}
    batch |= gan.draw_noise(jax.random.key(1), batch)
    batch = {name: array[0] for name, array in batch.items()}
    for player, without in zip(gan.players, plain.players, strict=True):
        context = core.Context(state.variables, batch, jax.random.key(2), {}, jnp.int32(0))
        loss, aux = jax.jit(player.objective, compiler_options=FAST)(state.params, context)
        context = context._replace(key=jax.random.key(2))
        less, _ = jax.jit(without.objective, compiler_options=FAST)(state.params, context)
        expected = 0.0
        for tree in state.params[player.name].values():
            if "kernel" in tree:
                kernel = np.asarray(tree["kernel"], np.float64)
                products = kernel.T @ kernel
                expected += 0.5 * (products**2).sum() - 0.5 * (np.diag(products) ** 2).sum()
        np.testing.assert_allclose(aux.metrics["orthogonality"], expected, rtol=1e-5)
        np.testing.assert_allclose(loss - less, weights[player.name] * expected, rtol=1e-4)
