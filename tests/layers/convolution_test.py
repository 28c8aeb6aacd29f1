"""Forms of the convolutions against loops over every output, and against each other."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import layers

# (height, width), (kernel height, kernel width), strides, padding: the layers of the recipes, odd
# sizes, a stride that does not divide the kernel, a kernel smaller than its stride, uneven padding.
CASES = [
    ((8, 8), (4, 4), (2, 2), "SAME"),
    ((6, 6), (4, 4), (2, 2), 1),
    ((4, 4), (4, 4), (1, 1), 0),
    ((5, 4), (3, 3), (1, 1), "SAME"),
    ((7, 5), (3, 4), (2, 1), "SAME"),
    ((5, 7), (2, 3), (3, 2), "SAME"),
    ((7, 6), (5, 5), (2, 3), 2),
    ((5, 6), (3, 2), (2, 2), ((0, 1), (2, 1))),
]
FORMS = ["matmul", "lax"]


def _draw(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _pads(size, window, strides, padding):
    """TensorFlow's rule for "SAME", from the number of outputs it promises."""
    if padding == "SAME":
        totals = [
            max((int(np.ceil(n / s)) - 1) * s + k - n, 0)
            for n, k, s in zip(size, window, strides, strict=True)
        ]
        return [(t // 2, t - t // 2) for t in totals]
    return [(padding, padding)] * 2 if isinstance(padding, int) else list(padding)


def _naive_conv(x, kernel, strides, padding):
    pads = _pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    x = np.pad(x.astype(np.float64), ((0, 0), *pads, (0, 0)))
    (kh, kw), (sh, sw) = kernel.shape[:2], strides
    out = np.zeros(
        (x.shape[0], (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1, kernel.shape[3])
    )
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            patch = x[:, i * sh : i * sh + kh, j * sw : j * sw + kw]
            out[:, i, j] = np.einsum("bhwi,hwio->bo", patch, kernel)
    return out


def _naive_conv_transpose(x, kernel, strides, padding):
    """Each input pixel stamps the kernel on a canvas, from which the padding is cut."""
    (batch, height, width, _), (kh, kw, features, _) = x.shape, kernel.shape
    (sh, sw) = strides
    canvas = np.zeros((batch, (height - 1) * sh + kh, (width - 1) * sw + kw, features))
    for i in range(height):
        for j in range(width):
            stamp = np.einsum("bi,hwoi->bhwo", x[:, i, j].astype(np.float64), kernel)
            canvas[:, i * sh : i * sh + kh, j * sw : j * sw + kw] += stamp
    if padding != "SAME":
        (top, bottom), (left, right) = _pads((height, width), (kh, kw), strides, padding)
        return canvas[:, top : canvas.shape[1] - bottom, left : canvas.shape[2] - right]
    out = np.zeros((batch, height * sh, width * sw, features))
    top, left = max(kh - sh, 0) // 2, max(kw - sw, 0) // 2
    part = canvas[:, top : top + out.shape[1], left : left + out.shape[2]]
    out[:, : part.shape[1], : part.shape[2]] = part
    return out


def _run(operation, x, kernel, strides, padding, form):
    return jax.jit(
        lambda x, kernel: operation(
            x, kernel, strides=strides, padding=padding, implementation=form
        )
    )(x, kernel)


@pytest.mark.parametrize(("size", "window", "strides", "padding"), CASES)
def test_conv_equals_loops(size, window, strides, padding):
    x, kernel = _draw(0, 2, *size, 3), _draw(1, *window, 3, 5)
    expected = _naive_conv(x, kernel, strides, padding)
    assert expected.shape[1:3] == layers.conv_output_size(size, window, strides, padding)
    for form in FORMS:
        got = _run(layers.conv, x, kernel, strides, padding, form)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("size", "window", "strides", "padding"), CASES)
def test_conv_transpose_equals_loops(size, window, strides, padding):
    x, kernel = _draw(0, 2, *size, 3), _draw(1, *window, 5, 3)
    expected = _naive_conv_transpose(x, kernel, strides, padding)
    assert expected.shape[1:3] == layers.conv_transpose_output_size(size, window, strides, padding)
    for form in FORMS:
        got = _run(layers.conv_transpose, x, kernel, strides, padding, form)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_same_transposed_convolution_multiplies_the_size():
    for window in (1, 2, 3, 4, 5):
        for stride in (1, 2, 3):
            size = layers.conv_transpose_output_size(
                (5, 7), (window, window), (stride, stride), "SAME"
            )
            assert size == (5 * stride, 7 * stride)


@pytest.mark.parametrize("form", FORMS)
def test_conv_transpose_is_the_adjoint_of_conv(form):
    x, kernel, y = _draw(0, 2, 8, 6, 3), _draw(1, 4, 3, 3, 5), _draw(2, 2, 4, 3, 5)
    image = layers.conv(x, kernel, strides=2, padding="SAME", implementation=form)
    back = layers.conv_transpose(y, kernel, strides=2, padding="SAME", implementation=form)
    np.testing.assert_allclose(np.vdot(image, y), np.vdot(x, back), rtol=1e-5)


def _derivatives(operation, form, strides, padding):
    """Returns the value, both gradients, and both gradients of a penalty on the first of them."""

    def value(x, kernel):
        y = operation(x, kernel, strides=strides, padding=padding, implementation=form)
        return jnp.sum(jnp.sin(y))

    def penalty(x, kernel):
        return jnp.sum(jax.grad(value)(x, kernel) ** 2)

    @jax.jit
    def everything(x, kernel):
        return (
            jax.value_and_grad(value, argnums=(0, 1))(x, kernel),
            jax.value_and_grad(penalty, argnums=(0, 1))(x, kernel),
        )

    return everything


@pytest.mark.parametrize("operation", [layers.conv, layers.conv_transpose])
@pytest.mark.parametrize(
    ("size", "window", "strides", "padding"), [CASES[0], CASES[2], CASES[5], CASES[6]]
)
def test_forms_agree_in_value_gradients_and_gradients_of_gradients(
    operation, size, window, strides, padding
):
    x = 0.3 * _draw(0, 2, *size, 4)
    kernel = 0.3 * _draw(1, *window, 4, 4)
    found, expected = (_derivatives(operation, f, strides, padding)(x, kernel) for f in FORMS)
    for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        scale = float(np.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * scale)


def _conv_by_taps(x, kernel, *, strides, padding):
    """A sum over the kernel's entries, whose derivatives are plain."""
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    rows, columns = (
        (n - k) // s + 1 for n, k, s in zip(x.shape[1:3], kernel.shape[:2], strides, strict=True)
    )

    def tap(i, j):
        part = x[
            :, i : i + rows * strides[0] : strides[0], j : j + columns * strides[1] : strides[1]
        ]
        return part[:, :rows, :columns] @ kernel[i, j]

    return sum(tap(i, j) for i in range(kernel.shape[0]) for j in range(kernel.shape[1]))


@pytest.mark.parametrize("modes", ["rrr", "frr", "rff", "fff"])
def test_matmul_form_has_third_derivatives(modes):
    x, kernel = _draw(0, 2, 5, 4, 2), _draw(1, 3, 3, 2, 2)
    along = _draw(2, 3, *x.shape), _draw(3, 3, *kernel.shape)

    def third(convolve):
        def value(p):
            moved = x + jnp.tensordot(p, along[0], 1), kernel + jnp.tensordot(p, along[1], 1)
            return jnp.sum(jnp.sin(convolve(*moved)))

        for mode in modes:
            value = (jax.jacrev if mode == "r" else jax.jacfwd)(value)
        return np.asarray(jax.jit(value)(jnp.full(3, 0.1)))

    settings = {"strides": (2, 1), "padding": 1}
    found = third(functools.partial(layers.conv, implementation="matmul", **settings))
    expected = third(functools.partial(_conv_by_taps, **settings))
    assert np.abs(expected).max() > 1.0
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_gradient_inside_scan_and_under_vmap():
    x, kernel = _draw(0, 3, 2, 6, 6, 3), _draw(1, 4, 4, 3, 4)

    def loss(kernel, x):
        return jnp.sum(layers.conv(x, kernel, strides=2, implementation="matmul") ** 2)

    gradient = jax.jit(jax.grad(loss))
    one_by_one = np.stack([gradient(kernel, part) for part in x])
    _, scanned = jax.lax.scan(lambda c, part: (c, gradient(kernel, part)), 0, x)
    mapped = jax.vmap(gradient, in_axes=(None, 0))(kernel, x)
    np.testing.assert_allclose(scanned, one_by_one, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(mapped, one_by_one, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operation", [layers.conv, layers.conv_transpose])
def test_bfloat16_accumulates_in_float32(operation, form):
    x = _draw(0, 2, 4, 4, 256).astype(jnp.bfloat16)
    kernel = _draw(1, 4, 4, 256, 256).astype(jnp.bfloat16)
    got = operation(x, kernel, strides=2, implementation=form)
    exact = operation(
        x.astype(np.float32), kernel.astype(np.float32), strides=2, implementation=form
    )
    assert got.dtype == jnp.bfloat16
    # Rounded to 8 bits once, at the end: within half a unit in the last place, and what little
    # two orders of float32 summation differ.
    np.testing.assert_allclose(got.astype(np.float32), exact, rtol=2**-8, atol=1e-3)


def test_auto_is_matmul_for_few_channels_on_a_cpu():
    x, kernel = _draw(0, 1, 4, 4, 3), _draw(1, 4, 4, 3, 2)
    form = "matmul" if jax.default_backend() == "cpu" else "lax"
    np.testing.assert_array_equal(
        layers.conv(x, kernel), layers.conv(x, kernel, implementation=form)
    )


def test_matmul_form_has_no_convolution():
    x, kernel = _draw(0, 1, 4, 4, 3), _draw(1, 4, 4, 3, 2)
    for form in FORMS:
        text = str(jax.make_jaxpr(lambda k, f=form: layers.conv(x, k, implementation=f))(kernel))
        assert ("conv_general_dilated" in text) == (form == "lax")


def test_flops_of_the_second_recipe():
    # 2 * 64 * (8 * 8) * (4 * 4 * 128) * 256 = 4,294,967,296
    assert layers.conv_flops((64, 16, 16, 128), (4, 4, 128, 256), strides=2) == 4_294_967_296
    assert layers.conv_transpose_flops((64, 8, 8, 256), (4, 4, 128, 256)) == 4_294_967_296


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": (4, 4, 3)}, "B, H, W, C"),
        ({"x": (1, 4, 4, 2)}, "2 channels"),
        ({"padding": "FULL"}, "padding must be 'SAME'"),
        ({"padding": ((-1, 0), (0, 0))}, "negative"),
        ({"strides": 0}, "positive"),
        ({"strides": (1, 2, 3)}, "two of them"),
        ({"implementation": "fft"}, "'matmul', 'winograd', 'lax'"),
        ({"x": (1, 2, 2, 3), "padding": 0}, "smaller than the kernel"),
        ({"dtype": np.int32}, "floating"),
        ({"dtype": jnp.bfloat16}, "share one"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    arguments = {"x": (1, 4, 4, 3), "dtype": np.float32, **arguments}
    x = jnp.zeros(arguments.pop("x"), arguments.pop("dtype"))
    with pytest.raises(ValueError, match=message):
        layers.conv(x, jnp.zeros((4, 4, 3, 2)), **arguments)


def test_padding_that_cuts_everything_is_named():
    with pytest.raises(ValueError, match="leaves nothing"):
        layers.conv_transpose(jnp.zeros((1, 1, 1, 3)), jnp.zeros((2, 2, 4, 3)), padding=1)
