"""SNGAN: steps against PyTorch's, and when the vectors of the spectral normalization move on.

`sngan_golden.json` holds digests of parameters, vectors and statistics after two steps of an
independent PyTorch version (`benchmarks/torch_sngan.py`) in float64, on weights, images and noise
that depend on names alone. `benchmarks/compare_steps.py --golden=...` writes it; do not write it
anew to make a failing test pass.
"""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import common
from gan_jax import core
from gan_jax.checkpoint import Checkpointer
from gan_jax.runs.setup import experiment_of
from tests.benchmarks.scripts import importable
from tests.gans.digests import check_digests

with importable():
    import compare_steps
    import step_inputs

GOLDEN = json.loads(pathlib.Path(__file__).with_name("sngan_golden.json").read_text())
TOLERANCE = 2e-6
FAST = {"xla_backend_optimization_level": 0}


@pytest.fixture(scope="module")
def steps():
    """The chunk of a case's steps, and what it takes."""
    case = step_inputs.SMALL
    gan = compare_steps.game(case)
    batches = [compare_steps.inputs(case, number) for number in range(case.steps)]
    inputs = jax.tree.map(lambda *arrays: np.stack(arrays), *batches)
    return gan, core.make_chunk(core.make_step(gan)), inputs


def fresh(state):
    """A copy of a state, since a step donates what it is given."""
    host = jax.tree.map(np.asarray, state.replace(key=None))
    return host.replace(key=jax.random.clone(state.key))


def run(chunk, state, inputs, devices):
    compiled = core.compile_chunk(chunk, mode="jit", devices=jax.devices()[:devices])
    state, inputs = compiled.put_state(fresh(state)), compiled.put_inputs(inputs)
    # Compiling is most of what this costs.
    lowered = compiled.lower(state, inputs, None)
    state, metrics = lowered.compile(compiler_options=FAST)(state, inputs, None)
    return compare_steps.leaves_of(state), jax.tree.map(np.asarray, metrics)


@pytest.mark.parametrize("devices", [1, 4])
def test_steps_are_those_of_pytorch_alike_on_one_device_and_on_four(steps, devices):
    gan, chunk, inputs = steps
    start = compare_steps.start_state(gan)
    leaves, metrics = run(chunk, start, inputs, devices)
    losses = np.stack([metrics[name]["loss"] for name in compare_steps.PLAYERS], axis=1)
    check_digests(leaves, GOLDEN, tolerance=TOLERANCE)
    np.testing.assert_allclose(losses.ravel(), GOLDEN["losses"], rtol=1e-5)
    before = compare_steps.leaves_of(start)
    for path, leaf in leaves.items():
        if path.endswith(("u", "kernel")):
            assert np.abs(leaf - before[path]).max() > 0, path


def small_game(parallel="jit", **changes):
    """A game of fully connected networks with spectral normalization."""
    config = common.base("test")
    config.model.update(network="mlp", width=0.03, latent_dim=4, loss="hinge")
    config.model.discriminator.update(normalization="spectral", steps=2)
    for player in ("generator", "discriminator"):
        optimizer = config.model[f"{player}_optimizer"]
        optimizer.update(name="sgd", learning_rate=0.1, b1=0.0, b2=0.999)
    config.model.update(changes)
    config.update(batch_size=8, parallel=parallel)
    return experiment_of(config, {"image": core.ArraySpec((8, 8, 1))}).phases[0].gan


def small_inputs(steps=1):
    rng, lead = np.random.RandomState(0), (steps, 2, 8)
    return {
        "image": rng.uniform(-1, 1, (*lead, 8, 8, 1)).astype(np.float32),
        "latent": rng.standard_normal((*lead, 4)).astype(np.float32),
        "generator_latent": rng.standard_normal((*lead, 4)).astype(np.float32),
        "alpha": rng.uniform(size=lead).astype(np.float32),
    }


def iterated(kernel, u, times):
    """U after some power iterations on one kernel, in float64."""
    matrix = np.asarray(kernel, np.float64)
    for _ in range(times):
        v = matrix @ u
        u = (v / np.linalg.norm(v)) @ matrix
        u = u / np.linalg.norm(u)
    return u


@pytest.mark.parametrize(
    ("changes", "of_discriminator", "of_generator"),
    [
        ({}, 2, 1),
        # The passes of a penalty are no forward passes of the game.
        ({"penalty": {"name": "r1+gradient_penalty", "weight": 1.0}}, 2, 1),
        # The generator's loss has a pass on real images of its own.
        ({"loss": "relativistic"}, 2, 2),
    ],
    ids=["hinge", "penalties", "relativistic"],
)
def test_every_pass_of_an_update_is_one_power_iteration(changes, of_discriminator, of_generator):
    gan = small_game(**changes)
    state = core.init_state(gan, 0)
    batch = {name: array[0, 0] for name, array in small_inputs().items()}
    times = {"discriminator": of_discriminator, "generator": of_generator}
    params = state.params["discriminator"]
    for player in gan.players:
        context = core.Context(state.variables, batch, jax.random.key(1), {}, jnp.int32(0))
        _, aux = jax.jit(player.objective, compiler_options=FAST)(state.params, context)
        for name, variables in state.variables["discriminator"]["spectral"].items():
            np.testing.assert_allclose(
                aux.variables["discriminator"]["spectral"][name]["u"],
                iterated(params[name]["kernel"], variables["u"], times[player.name]),
                atol=1e-5,
            )


def test_the_generators_update_keeps_no_batch_statistics_of_the_discriminator():
    gan = small_game(discriminator={"normalization": "batch", "steps": 1})
    state = core.init_state(gan, 0)
    batch = {name: array[0, 0] for name, array in small_inputs().items()}
    context = core.Context(state.variables, batch, jax.random.key(1), {}, jnp.int32(0))
    _, aux = gan.players[1].objective(state.params, context)
    assert aux.variables["discriminator"] == {}


def test_vectors_are_alike_under_every_mode_and_part_of_a_checkpoint(tmp_path):
    gan, inputs = small_game(), small_inputs(steps=2)
    start = core.init_state(gan, 0)
    ends = {}
    for mode, devices in (("jit", 1), ("jit", 4), ("pmap", 4)):
        played = small_game(mode)
        chunk = core.make_chunk(core.make_step(played, axis_name=core.axis_name_of(mode)))
        compiled = core.compile_chunk(chunk, mode=mode, devices=jax.devices()[:devices])
        state = compiled.put_state(fresh(start))
        ends[mode, devices], _ = compiled.run(state, compiled.put_inputs(inputs), None)
    one, *others = (compare_steps.leaves_of(end) for end in ends.values())
    for leaves in others:
        for path, leaf in leaves.items():
            np.testing.assert_allclose(leaf, one[path], atol=1e-6, err_msg=path)

    end = ends["jit", 1]
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(2, end, {})
        _, restored, _, _ = checkpointer.restore(start)
    vectors = restored.variables["discriminator"]["spectral"]
    assert set(vectors) == {"Dense_0", "Dense_1", "Dense_2"}
    for name, leaf in compare_steps.leaves_of(restored).items():
        np.testing.assert_array_equal(leaf, one[name])
