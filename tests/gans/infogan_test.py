"""InfoGAN: its numbers, steps against PyTorch's, who trains what, and its codes.

`infogan_golden.json` holds digests of parameters and statistics after two steps of an independent
PyTorch version (`benchmarks/torch_infogan.py`) in float64, on weights, images, noise and codes that
depend on names alone. `benchmarks/compare_infogan.py --golden=...` writes it; do not write it anew
to make a failing test pass.
"""

import importlib
import json
import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core, gans
from gan_jax.gans import infogan
from gan_jax.runs.setup import experiment_of
from tests.benchmarks.scripts import importable
from tests.gans.digests import check_digests

with importable():
    import compare_infogan
    import compare_steps
    import step_inputs

CASE = step_inputs.INFOGAN_SMALL
GOLDEN = json.loads(pathlib.Path(__file__).with_name("infogan_golden.json").read_text())
TOLERANCE = 2e-6
IMAGE = {"image": core.ArraySpec((8, 8, 1))}


def small(axis_name=None, precision="float32", **model):
    run = gans.Run(steps=2, batch_size=8, axis_name=axis_name, precision=precision)
    model = {"width": 1 / 16, "latent_dim": 5, "categories": (3,), **model}
    return gans.build("infogan", model, IMAGE, run).phases[0].gan


def inputs():
    batches = [compare_infogan.inputs(CASE, step) for step in range(CASE.steps)]
    return jax.tree.map(lambda *arrays: np.stack(arrays), *batches)


def run(gan, *, mode="jit", devices=1, axis_name=None):
    """State before, leaves and metrics after the golden steps."""
    start = compare_steps.start_state(gan)
    before = compare_steps.leaves_of(start)
    chunk = core.make_chunk(core.make_step(gan, axis_name=axis_name))
    compiled = core.compile_chunk(chunk, mode=mode, devices=jax.devices()[:devices])
    state, batch = compiled.put_state(start), compiled.put_inputs(inputs())
    lowered = compiled.lower(state, batch, None)
    options = {"xla_backend_optimization_level": 0}
    state, metrics = lowered.compile(compiler_options=options)(state, batch, None)
    return before, compare_steps.leaves_of(state), jax.tree.map(np.asarray, metrics)


def check_golden(leaves, metrics, tolerance=TOLERANCE):
    losses = np.stack([metrics[name]["loss"] for name in compare_steps.PLAYERS], axis=1)
    np.testing.assert_allclose(losses.ravel(), GOLDEN["losses"], rtol=1e-5)
    check_digests(leaves, GOLDEN, tolerance=tolerance)


SGD = {"name": "sgd", "learning_rate": 0.01, "b1": 0.0}


@pytest.mark.parametrize(("mode", "devices"), [("jit", 1), ("jit", 4), ("pmap", 4)])
def test_steps_are_those_of_pytorch_on_any_devices(mode, devices):
    axis_name = core.axis_name_of(mode)
    gan = small(axis_name, generator_optimizer=SGD, discriminator_optimizer=SGD)
    before, leaves, metrics = run(gan, mode=mode, devices=devices, axis_name=axis_name)
    check_golden(leaves, metrics)
    for path, leaf in leaves.items():
        # Of a bias that a batch normalization removes there is no gradient but rounding.
        assert path.endswith("bias") or np.abs(leaf - before[path]).max() > 0, path


def count(params):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def test_the_config_has_the_numbers_of_parameters_of_the_authors_code():
    config = importlib.import_module("configs.infogan_mnist").get_config()
    gan = experiment_of(config, {"image": core.ArraySpec((28, 28, 1))}).phases[0].gan
    params = jax.eval_shape(lambda: core.init_state(gan, 0)).params
    assert {name: count(tree) for name, tree in params.items()} == {
        "generator": 6_652_481,
        "trunk": 6_558_144,
        "discriminator": 1_025,
        "code_head": 133_262,
    }
    assert sum(count(params[name]) for name in infogan.DISCRIMINATOR) == 6_692_431


def first_objectives(precision):
    """Noise and codes of a new game, losses and auxiliary results of its objectives."""
    gan = small(precision=precision, categories=(10,))

    def compute():
        state, key = core.init_state(gan, 0), jax.random.key(1)
        batch = {"image": jnp.zeros((1, 64, 8, 8, 1))}
        batch = {**batch, **gan.draw_noise(key, batch)}
        given = {name: array[0] for name, array in batch.items()}
        context = core.Context(state.variables, given, key, {}, jnp.int32(0))
        return given, [player.objective(state.params, context) for player in gan.players]

    return jax.jit(compute, compiler_options={"xla_backend_optimization_level": 0})()


def test_a_new_game_knows_nothing_of_the_codes_in_either_precision():
    given, exact = first_objectives("float32")
    for name in ("z", "category", "code_0", "code_1"):
        # Each player has noise and codes of its own.
        assert given[name].shape == given[f"generator_{name}"].shape
        assert np.any(given[name] != given[f"generator_{name}"])
    assert np.abs(given["code_0"]).max() <= 1.0
    for _, aux in exact:
        assert aux.metrics["information/category"] == pytest.approx(0.0, abs=0.1)
        # The entropy that the authors give two codes is 2.1712, and a guess of 0 costs as much.
        assert aux.metrics["information/codes"] == pytest.approx(0.0, abs=0.1)

    # bfloat16 computes the networks, float32 the losses and the statistics.
    _, rounded = first_objectives("bfloat16")
    for (loss, aux), (expected, _) in zip(rounded, exact, strict=True):
        assert loss.dtype == jnp.float32
        assert 0 < abs(float(loss - expected)) < 0.05
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(aux.variables))


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ({"categories": (3, 4), "codes": 0}, ["category_0", "category_1"]),
        ({"categories": (), "codes": 1}, ["code_0"]),
        ({"codes": 3, "predicted_variance": True}, ["category", "code_0", "code_1", "code_2"]),
    ],
)
def test_there_may_be_any_number_of_codes_each_an_input(model, names):
    gan = small(**model)
    assert list(gan.samplers["generator"].inputs) == ["z", *names]
    state = jax.eval_shape(lambda: core.init_state(gan, 0))
    batch = {"image": jax.ShapeDtypeStruct((1, 8, 8, 8, 1), jnp.float32)}
    after, metrics = jax.eval_shape(core.make_step(gan), state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    informed = {name for name in metrics["generator"] if name.startswith("information/")}
    wanted = {f"information/{name}" for name in names if name.startswith("category")}
    assert informed == wanted | ({"information/codes"} if "code_0" in names else set())


@pytest.mark.parametrize(
    ("model", "arrays", "message"),
    [
        ({"categories": (), "codes": 0}, IMAGE, "needs a code"),
        ({"codes": 0, "predicted_variance": True}, IMAGE, "no effect"),
        ({"categories": (), "categorical_information": 0.5}, IMAGE, "no effect"),
        ({"categories": (1,)}, IMAGE, "at least 2"),
        ({}, {"image": core.ArraySpec((30, 30, 1))}, "multiple of 4 pixels, not 30x30"),
        ({}, {"left": core.ArraySpec((8, 8, 1))}, "this data has left"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(model, arrays, message):
    with pytest.raises(ValueError, match=message) as error:
        gans.build("infogan", model, arrays, gans.Run(steps=2, batch_size=8))
    assert "\n" not in str(error.value)
