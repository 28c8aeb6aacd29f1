"""Winograd's form against XLA's own convolution, in value and derivatives, and its parts."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import layers
from gan_jax.layers import convolution, minimal_filters, winograd
from tests.benchmarks.scripts import importable

with importable():
    import convolution_shapes


@pytest.mark.parametrize("seed", range(6))
def test_equals_lax_in_value_and_first_and_second_derivatives(seed):
    # The program tries 200 shapes, in both dtypes.
    case = convolution_shapes.random_case(seed)
    found = convolution_shapes.differences(case, np.float32)
    assert max(found.values()) <= convolution_shapes.BOUNDS["float32"][max(case.tile)], found


@pytest.mark.parametrize("seed", range(2))
def test_bfloat16_is_computed_in_float32(seed):
    case = convolution_shapes.random_case(seed)
    options = {**case.options, "implementation": "winograd", "tile": case.tile}
    narrow = jnp.asarray(case.x, jnp.bfloat16), jnp.asarray(case.kernel, jnp.bfloat16)
    found = case.operation(*narrow, **options)
    exact = case.operation(*(array.astype(jnp.float32) for array in narrow), **options)
    assert found.dtype == jnp.bfloat16
    np.testing.assert_array_equal(found, exact.astype(jnp.bfloat16))


@pytest.mark.parametrize("tile", minimal_filters.TILES)
@pytest.mark.parametrize("taps", minimal_filters.TAPS)
def test_minimal_filter_is_the_filter(tile, taps):
    values, weights = np.random.default_rng(0).normal(size=(2, tile + taps - 1))
    weights = weights[:taps]
    transforms = minimal_filters.minimal_filter(tile, taps)
    products = (transforms.kernel @ weights) * (transforms.input @ values)
    expected = np.correlate(values, weights, "valid")
    np.testing.assert_allclose(transforms.output.T @ products, expected, atol=1e-13)
    assert len(products) == tile + taps - 1


@pytest.mark.parametrize("modes", ["rrr", "frr", "rff"])
def test_third_derivatives_in_both_modes(modes):
    rng = np.random.default_rng(0)
    shapes = (1, 4, 4, 1), (3, 3, 1, 1), (3, 9)
    x, kernel, along = (rng.normal(size=shape).astype(np.float32) for shape in shapes)

    def third(form):
        def value(p):
            moved = kernel + jnp.tensordot(p, along, 1).reshape(kernel.shape)
            return jnp.sum(jnp.sin(layers.conv(x, moved, implementation=form)))

        for mode in modes:
            value = (jax.jacrev if mode == "r" else jax.jacfwd)(value)
        return np.asarray(jax.jit(value)(jnp.full(3, 0.1)))

    expected = third("matmul")
    assert np.abs(expected).max() > 1.0
    np.testing.assert_allclose(third("winograd"), expected, atol=1e-4 * np.abs(expected).max())


def test_products_are_as_few_as_promised():
    # 32x32 outputs of F(4x4, 3x3): 8 x 8 tiles of 36 products, for 9 each of 1,024 outputs.
    x, kernel = jnp.zeros((2, 32, 32, 5)), jnp.zeros((3, 3, 5, 7))
    jaxpr = jax.make_jaxpr(lambda x, k: layers.conv(x, k, implementation="winograd"))(x, kernel)
    (product,) = [e for e in jaxpr.eqns if e.primitive.name == "dot_general"]
    assert [v.aval.shape for v in product.invars] == [(36, 2 * 64, 5), (36, 5, 7)]


def test_transposed_convolution_is_the_adjoint():
    rng = np.random.default_rng(0)
    shapes = (2, 7, 6, 3), (2, 3, 3, 5), (4, 4, 3, 5)
    x, y, kernel = (rng.normal(size=shape).astype(np.float32) for shape in shapes)
    options = {"strides": 2, "padding": 1, "implementation": "winograd"}
    image = layers.conv(x, kernel, **options)
    padding = ((1, 0), (1, 1))  # An odd height: the last row of the input has no window of its own.
    back = layers.conv_transpose(y, kernel, **{**options, "padding": padding})
    np.testing.assert_allclose(np.vdot(image, y), np.vdot(x, back[:, :7]), rtol=1e-5)


@pytest.mark.parametrize(
    ("batch", "size", "taps", "tile"),
    [
        (64, (8, 8), (2, 2), (4, 4)),
        (64, (4, 4), (2, 2), (4, 2)),
        (16, (4, 4), (2, 2), (2, 2)),
        (64, (5, 8), (2, 3), (2, 4)),
        (8, (4, 4), (3, 3), (2, 2)),
        (1, (256, 256), (3, 3), (4, 4)),
    ],
)
def test_tile_follows_the_map_and_the_number_of_tiles(batch, size, taps, tile):
    assert winograd.choose_tile(batch, size, taps) == tile


def _has_winograd(function, *arrays):
    return "optimization_barrier" in str(jax.make_jaxpr(function)(*arrays))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="what is chosen on a CPU")
@pytest.mark.parametrize(
    ("shape", "kernel", "strides", "chosen"),
    [
        ((16, 8, 8, 32), (3, 3, 32, 16), 1, True),
        ((16, 8, 8, 32), (3, 3, 32, 3), 1, False),  # Few channels.
        ((2, 8, 8, 32), (3, 3, 32, 32), 1, False),  # Few positions.
        ((16, 16, 16, 32), (4, 4, 32, 64), 2, True),
        ((16, 16, 16, 32), (5, 5, 32, 64), 2, False),  # No whole number of strides.
        ((16, 16, 16, 32), (1, 1, 32, 64), 1, False),
    ],
)
def test_auto_takes_it_for_many_channels_and_positions(shape, kernel, strides, chosen):
    x, kernel = jnp.zeros(shape), jnp.zeros(kernel)
    convolve = functools.partial(layers.conv, strides=strides)
    assert _has_winograd(convolve, x, kernel) == chosen
    with convolution.preferring("matmul"):
        assert not _has_winograd(functools.partial(convolve), x, kernel)


@pytest.mark.parametrize("form", ["auto", "matmul", "winograd", "lax"])
def test_no_images_give_no_images(form):
    x, kernel = jnp.zeros((0, 4, 4, 2)), jnp.zeros((4, 4, 2, 2))
    for operation, side in ((layers.conv, 2), (layers.conv_transpose, 8)):
        y = operation(x, kernel, strides=2, implementation=form)
        assert y.shape == (0, side, side, 2)


def test_preferred_form_is_taken_where_there_is_one():
    x = jnp.zeros((1, 4, 4, 2))
    with convolution.preferring("winograd"):
        assert _has_winograd(lambda x: layers.conv(x, jnp.zeros((3, 3, 2, 2))), x)
        assert _has_winograd(lambda x: layers.conv(x, jnp.zeros((3, 3, 2, 2)), tile=(2, 2)), x)
        assert not _has_winograd(lambda x: layers.conv(x, jnp.zeros((1, 1, 2, 2))), x)
    with (
        pytest.raises(ValueError, match="implementation must be one of"),
        convolution.preferring("fft"),
    ):
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"implementation": "winograd", "strides": 3}, "two or three strides long"),
        ({"implementation": "winograd", "tile": (3, 3)}, "tile must be a pair"),
        ({"implementation": "winograd", "tile": 4}, "tile must be a pair"),
        ({"implementation": "matmul", "tile": (2, 2)}, "needs implementation='winograd'"),
        ({"strides": 1.0}, "strides must be"),
    ],
)
def test_what_it_cannot_do_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        layers.conv(jnp.zeros((1, 8, 8, 2)), jnp.zeros((4, 4, 2, 2)), **{"strides": 2, **options})
