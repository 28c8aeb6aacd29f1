"""AC-GAN: the auxiliary classifier as a setting of the family adversarial, against PyTorch.

`acgan_golden.json` holds digests of parameters and the losses of two steps of an independent
PyTorch version in float64; `benchmarks/torch_acgan.py` writes it. Do not write it anew to make a
failing test pass.
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core, gans
from tests.benchmarks.scripts import importable
from tests.gans.digests import check_digests

with importable():
    import compare_steps
    import step_inputs
    from step_inputs import ACGAN

GOLDEN = json.loads(pathlib.Path(__file__).with_name("acgan_golden.json").read_text())
ARRAYS = {"image": core.ArraySpec((4, 4, 1)), "label": core.ArraySpec((), ACGAN["classes"])}
SGD = {"name": "sgd", "learning_rate": ACGAN["rate"], "b1": 0.0}


def game(precision="float32", **discriminator):
    model = {
        "network": "mlp",
        "width": 0.01,
        "latent_dim": ACGAN["latent_dim"],
        "conditional": True,
        "generator": {"labels": "uniform"},
        "discriminator": {
            "conditioning": "none",
            "auxiliary_classifier": ACGAN["weight"],
            "dropout": 0.0,
            **discriminator,
        },
        "generator_optimizer": SGD,
        "discriminator_optimizer": SGD,
    }
    run = gans.Run(steps=2, batch_size=ACGAN["batch"], precision=precision)
    return gans.build("adversarial", model, ARRAYS, run).phases[0].gan


def batches():
    lead = (ACGAN["steps"], 1)
    found = [step_inputs.acgan_batch(step) for step in range(ACGAN["steps"])]
    found = jax.tree.map(lambda *arrays: np.stack(arrays)[:, None], *found)
    return {**found, "alpha": np.zeros((*lead, ACGAN["batch"]), np.float32)}


def test_steps_are_those_of_pytorch():
    gan = game()
    chunk = jax.jit(core.make_chunk(core.make_step(gan)))
    state, metrics = chunk(compare_steps.start_state(gan), batches(), None)
    losses = np.stack([metrics[name]["loss"] for name in compare_steps.PLAYERS], axis=1)
    np.testing.assert_allclose(losses.ravel(), GOLDEN["losses"], rtol=1e-5)
    check_digests(compare_steps.leaves_of(state), GOLDEN, tolerance=2e-6)


def test_the_classifier_is_one_of_the_discriminators_and_keeps_its_vectors():
    gan = game(normalization="spectral")
    assert gan.players[0].networks == ("discriminator", "classifier")
    assert gan.players[1].networks == ("generator",)
    state = core.init_state(gan, 0)
    batch = {name: array[0, 0] for name, array in batches().items()}
    before = state.variables["classifier"]["spectral"]["Dense_0"]["u"]
    for number, player in enumerate(gan.players):
        key = jax.random.key(number)
        context = core.Context(state.variables, batch, key, {}, jnp.int32(0))
        _, aux = player.objective(state.params, context)
        after = aux.variables["classifier"]["spectral"]["Dense_0"]["u"]
        assert np.abs(np.asarray(after) - before).max() > 0


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"discriminator": {"auxiliary_classifier": 1.0}}, "set config.model.conditional=True"),
        (
            {"conditional": True, "discriminator": {"auxiliary_classifier": 1.0}},
            "conditioning=none, or projection",
        ),
        ({"discriminator": {"conditioning": "none"}}, "no effect"),
        ({"discriminator": {"auxiliary_classifier": -1.0}}, "at least 0"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(model, message):
    with pytest.raises(ValueError, match=message) as error:
        gans.build("adversarial", model, ARRAYS, gans.Run(steps=2, batch_size=4))
    assert "\n" not in str(error.value)
