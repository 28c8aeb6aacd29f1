"""How exact products are is said in one place: seen in the programs that are lowered."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import wgan_gp_cifar10
from gan_jax import core, data
from gan_jax.runs import setup


def products(lowered):
    """{(type of the operands, precision)} of the products of a lowered program."""
    found = set()
    for line in lowered.as_text().splitlines():
        if re.search(r"stablehlo\.(dot_general|convolution)", line):
            operand = re.search(r": \(tensor<[^>]*?(bf16|f32)>", line)
            precision = re.search(r"precision(?:_config)? = \[[^\]]*?(\w+)[,\]]", line)
            found.add((operand[1], precision[1] if precision else "DEFAULT"))
    return found


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("float32", {("f32", "HIGHEST")}),
        ("bfloat16", {("f32", "HIGHEST"), ("bf16", "HIGHEST")}),
    ],
)
def test_training_penalties_and_sampling_follow_the_config(precision, expected):
    config = wgan_gp_cifar10.get_config()
    config.precision = precision
    config.model.width = 1 / 64
    config.batch_size = 8
    images = np.zeros((16, 32, 32, 3), np.uint8)
    run = setup.set_up(config, streams={"data": data.from_arrays({"image": images}, name="zeros")})
    (phase,) = run.experiment.phases
    state = jax.eval_shape(lambda: core.init_state(phase.gan, 0))
    feed = run.feed(phase)
    inputs = {"index": feed.indices(0, 1)}
    step = jax.jit(setup.chunk_function(run, phase))
    assert products(step.lower(state, inputs, feed.resident_data())) == expected

    sampler = run.sampled.phases[0].gan.samplers[run.sampled.default_sampler]
    weights = core.sampling_weights(state, sampler)
    drawn = jax.eval_shape(lambda: core.draw_inputs(sampler.inputs, 0, jnp.arange(4)))
    # Nothing but the networks is sampled: no float32 product with bfloat16 networks.
    of_networks = {entry for entry in expected if entry[0] == "bf16"} or expected
    assert products(jax.jit(sampler.apply).lower(weights, drawn)) <= expected
    assert products(jax.jit(sampler.apply).lower(weights, drawn)) & of_networks


def test_a_gradient_taken_within_has_the_precision_too():
    gradient = core.with_precision(jax.grad(lambda x: jnp.sin(x @ x).sum()), "tfloat32")
    lowered = jax.jit(gradient).lower(jnp.ones((2, 2)))
    assert products(lowered) == {("f32", "HIGH")}


def test_nothing_is_left_behind():
    before = jax.config.jax_default_matmul_precision
    core.with_precision(lambda: jnp.ones((2, 2)) @ jnp.ones((2, 2)), "float32")()
    assert jax.config.jax_default_matmul_precision == before
    lowered = jax.jit(lambda x: x @ x).lower(jnp.ones((2, 2)))
    assert products(lowered) == {("f32", "DEFAULT")}


@pytest.mark.parametrize(
    "use", [core.matmul_precision, lambda name: core.with_precision(len, name)]
)
def test_a_precision_that_there_is_not_is_refused(use):
    with pytest.raises(ValueError, match="unknown precision 'float8'"):
        use("float8")
