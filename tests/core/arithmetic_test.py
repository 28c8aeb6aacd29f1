"""The count against counts by hand, and against what the layers say of themselves."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import common
from gan_jax import core, layers
from gan_jax.core import arithmetic
from gan_jax.layers import convolution
from gan_jax.runs.setup import experiment_of

BATCH = 64


def shape(*dimensions):
    return jax.ShapeDtypeStruct(dimensions, jnp.float32)


def test_a_matrix_product_is_two_operations_a_multiply_add():
    assert arithmetic.count(jnp.matmul, shape(3, 5), shape(5, 7)) == 2 * 3 * 5 * 7
    batched = functools.partial(jnp.einsum, "bij,bjk->bik")
    assert arithmetic.count(batched, shape(2, 3, 5), shape(2, 5, 7)) == 2 * 2 * 3 * 5 * 7
    assert arithmetic.count(lambda x: x + jnp.sin(x), shape(9)) == 0


def test_what_runs_often_counts_often():
    def twice(x):
        return jax.lax.scan(lambda carry, _: (carry @ carry, None), x, None, length=6)[0]

    one = 2 * 4**3
    assert arithmetic.count(twice, shape(4, 4)) == 6 * one
    assert arithmetic.count(jax.jit(twice), shape(4, 4)) == 6 * one
    assert arithmetic.count(jax.checkpoint(lambda x: x @ x), shape(4, 4)) == one
    # Its gradient: two more products.
    assert arithmetic.count(jax.grad(lambda x: (x @ x).sum()), shape(4, 4)) == 3 * one


def test_a_player_that_moves_now_and_then_is_left_out():
    def rarely(step, x):
        return jax.lax.cond(step % 4 == 0, lambda x: x @ x, lambda x: x, x)

    assert arithmetic.count(rarely, jax.ShapeDtypeStruct((), jnp.int32), shape(4, 4)) == 0


def test_a_loop_of_unknown_length_is_refused():
    def loop(x):
        return jax.lax.while_loop(lambda x: x.sum() < 1, lambda x: x @ x, x)

    with pytest.raises(NotImplementedError, match="while_loop"):
        arithmetic.count(loop, shape(4, 4))
    # One without arithmetic to count is none.
    still = lambda x: jax.lax.while_loop(lambda x: x.sum() < 1, lambda x: x + 1, x)  # noqa: E731
    assert arithmetic.count(still, shape(4, 4)) == 0


@pytest.mark.parametrize("implementation", ["matmul", "lax"])
@pytest.mark.parametrize(
    ("strides", "kernel"), [((2, 2), (4, 4)), ((1, 1), (3, 3)), ((3, 3), (5, 5))]
)
def test_both_forms_of_a_convolution_and_its_gradients(implementation, strides, kernel):
    x, images, weights = (4, 12, 12, 3), (4, 12 // strides[0], 12 // strides[1], 5), (*kernel, 3, 5)
    forms = (
        # What a position of the smaller image has to do with a window of the larger one.
        (layers.conv, x, weights),
        (layers.conv_transpose, images, weights),
    )
    expected = 2 * math.prod(images[:3]) * math.prod(weights)
    for function, argument, parameters in forms:
        apply = functools.partial(function, strides=strides, implementation=implementation)
        assert arithmetic.count(apply, shape(*argument), shape(*parameters)) == expected
        loss = lambda *arguments, apply=apply: apply(*arguments).sum()  # noqa: E731
        if strides == (3, 3) and implementation == "lax":
            continue  # 12 is no multiple of what a 5x5 window covers: XLA's gradients pad more.
        for gradient in (0, 1):
            counted = arithmetic.count(
                jax.value_and_grad(loss, gradient), shape(*argument), shape(*parameters)
            )
            assert counted == 2 * expected


# Multiply-adds per image, from the recipe: positions of the smaller image, 16 taps, channels.
GENERATOR = {
    "dense": 100 * 4 * 4 * 512,
    "4 to 8": 4 * 4 * 16 * 512 * 256,
    "8 to 16": 8 * 8 * 16 * 256 * 128,
    "16 to 32": 16 * 16 * 16 * 128 * 3,
}
DISCRIMINATOR = {
    "32 to 16": 16 * 16 * 16 * 3 * 128,
    "16 to 8": 8 * 8 * 16 * 128 * 256,
    "8 to 4": 4 * 4 * 16 * 256 * 512,
    "dense": 4 * 4 * 512,
}


def gigaflops(multiply_adds):
    return 2 * BATCH * multiply_adds / 1e9


@pytest.mark.parametrize("implementation", ["matmul", "lax"])
def test_a_step_of_dcgan_by_hand(implementation):
    config = common.base("test")
    config.model.network = "dcgan_4x4"
    config.batch_size = BATCH
    gan = experiment_of(config, {"image": core.ArraySpec((32, 32, 3))}).phases[0].gan
    state = jax.eval_shape(lambda: core.init_state(gan, 0))
    batch = {
        "image": shape(1, BATCH, 32, 32, 3),
        "label": jax.ShapeDtypeStruct((1, BATCH), jnp.int32),
    }
    with convolution.preferring(implementation):
        counted = arithmetic.count(core.make_step(gan), state, batch) / 1e9

    generator, discriminator = sum(GENERATOR.values()), sum(DISCRIMINATOR.values())
    # On real and on fake: forward, gradient for the weights, gradient for what comes in, which an
    # image does not need.
    discriminator_update = generator + 2 * (3 * discriminator - DISCRIMINATOR["32 to 16"])
    # Forward and back through the discriminator to the image, whose weights do not train; then the
    # generator's two gradients, of which the latents need none.
    generator_update = 2 * discriminator + 3 * generator - GENERATOR["dense"]
    np.testing.assert_allclose(
        counted, gigaflops(discriminator_update + generator_update), rtol=1e-12
    )
    assert round(counted, 1) == 105.4
    # The design's 96.5 is of a step whose two updates share the generator's forward pass.
    assert round(gigaflops(discriminator_update + generator_update - generator), 1) == 96.5


def test_a_chunk_is_its_steps():
    config = common.base("test")
    config.model.network, config.batch_size = "mlp", 8
    config.model.discriminator.steps = 3
    gan = experiment_of(config, {"image": core.ArraySpec((32, 32, 1))}).phases[0].gan
    state = jax.eval_shape(lambda: core.init_state(gan, 0))

    def batch(*steps):
        return {
            "image": shape(*steps, 3, 8, 32, 32, 1),
            "label": jax.ShapeDtypeStruct((*steps, 3, 8), jnp.int32),
        }

    step = core.make_step(gan)
    one = arithmetic.count(step, state, batch())
    assert one > 0
    assert arithmetic.count(core.make_chunk(step), state, batch(5)) == 5 * one


def test_bytes_and_precision_of_products():
    def twice(x, y):
        body = lambda carry, _: (jnp.matmul(carry, y, precision="highest"), None)  # noqa: E731
        return jax.lax.scan(body, x, None, length=6)[0].astype(jnp.bfloat16) @ y.astype("bfloat16")

    first, second = arithmetic.products(twice, shape(3, 5), shape(5, 5))
    assert first == ("dot_general", 2 * 3 * 5 * 5, 4 * (15 + 25 + 15), "float32", "highest", 6)
    assert second == ("dot_general", 2 * 3 * 5 * 5, 2 * (15 + 25 + 15), "bfloat16", "default", 1)
    assert arithmetic.total([first, second]) == 7 * 2 * 3 * 5 * 5
    with jax.default_matmul_precision("tensorfloat32"):
        (of_config,) = arithmetic.products(jnp.matmul, shape(3, 5), shape(5, 5))
    assert of_config.precision == "high"
