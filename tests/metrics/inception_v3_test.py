"""The FID Inception-v3's structure, and what becomes of a file of weights.

benchmarks/compare_inception.py holds its numbers against torch-fidelity's.
"""

import types

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.metrics import inception_v3, inception_weights
from gan_jax.metrics.inception_v3 import (
    InceptionA,
    InceptionE,
    InceptionV3,
    extract,
    inception,
    parameter_shapes,
)
from gan_jax.metrics.torch_file import WeightsError

# Of torchvision's Inception-v3 without its auxiliary classifier, 23,834,568, with 8 classes more.
PUBLISHED_PARAMETERS = 23_850_960


def random_params(shapes):
    """Kernels scaled by their inputs. The same draws come round: 24 million would take a second."""
    drawn = np.random.default_rng(0).standard_normal(99_991, np.float32)

    def draw(shape):
        scale = np.sqrt(2 / max(np.prod(shape.shape[:-1]), 1), dtype=np.float32)
        return jnp.asarray(np.resize(drawn, shape.shape) * scale)

    return jax.tree.map(draw, shapes)


def torch_state(shapes, prefix=""):
    """A state dict of zeros and ones with PyTorch's names, of a tree of parameters."""
    state = {}
    for name, child in shapes.items():
        path = f"{prefix}{name}"
        if "kernel" not in child:
            state |= torch_state(child, f"{path}.")
        elif len(child["kernel"].shape) == 2:
            state[f"{path}.weight"] = np.zeros(child["kernel"].shape[::-1], np.float32)
            state[f"{path}.bias"] = np.zeros(child["kernel"].shape[1:], np.float32)
        else:
            height, width, inputs, outputs = child["kernel"].shape
            shape = (outputs, inputs, height, width)
            state[f"{path}.conv.weight"] = np.zeros(shape, np.float32)
            for part in ("weight", "bias", "running_mean", "running_var"):
                state[f"{path}.bn.{part}"] = np.ones(outputs, np.float32)
            state[f"{path}.bn.num_batches_tracked"] = np.array(1)
    return state


@pytest.fixture(scope="module")
def shapes():
    return parameter_shapes()


def test_it_has_as_many_parameters_and_arrays_as_were_published(shapes):
    state = torch_state(shapes)
    learned = [
        array.size
        for name, array in state.items()
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
    ]
    assert sum(learned) == PUBLISHED_PARAMETERS
    assert len(state) == 566


def test_features_and_logits_have_their_shapes(shapes):
    for size in (1, 299):
        images = jax.ShapeDtypeStruct((2, size, size + 1, 3), jnp.uint8)
        features, logits = jax.eval_shape(extract, shapes, images)
        assert (features.shape, features.dtype) == ((2, 2048), jnp.float32)
        assert (logits.shape, logits.dtype) == ((2, 1008), jnp.float32)


@pytest.mark.parametrize("shape", [(2, 32, 32), (2, 32, 32, 1), (2, 3, 32, 32)])
def test_other_images_are_refused(shape, shapes):
    with pytest.raises(ValueError, match=r"uint8 \[B, H, W, 3\], not uint8"):
        jax.eval_shape(extract, shapes, jax.ShapeDtypeStruct(shape, jnp.uint8))
    with pytest.raises(ValueError, match="not float32"):
        jax.eval_shape(extract, shapes, jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32))


def window_mean(x, count_inside_only):
    """Of windows of 3 around each pixel, by loops."""
    height, width, _ = x.shape
    result = np.zeros_like(x)
    for row in range(height):
        for column in range(width):
            rows = slice(max(row - 1, 0), row + 2)
            columns = slice(max(column - 1, 0), column + 2)
            window = x[rows, columns]
            count = window.shape[0] * window.shape[1] if count_inside_only else 9
            result[row, column] = window.sum((0, 1)) / count
    return result


def window_maximum(x):
    height, width, _ = x.shape
    return np.array(
        [
            [
                x[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].max((0, 1))
                for column in range(width)
            ]
            for row in range(height)
        ]
    )


def pool_branch(block, x):
    """What a block's pool branch makes, its convolution passing channels through."""
    shapes = jax.eval_shape(block.init, jax.random.key(0), x[None])["params"]
    params = jax.tree.map(lambda shape: jnp.zeros(shape.shape), shapes)
    kernel = params["branch_pool"]["kernel"]
    params["branch_pool"]["kernel"] = jnp.eye(*kernel.shape[2:]).reshape(kernel.shape)
    first = -kernel.shape[-1]
    last = first + x.shape[-1] or None
    # Compiled, so that what the other branches would do is left out.
    return np.asarray(
        jax.jit(lambda p: block.apply({"params": p}, x[None])[0, ..., first:last])(params)
    )


def test_average_pools_leave_the_padding_out_of_the_count():
    # Negative numbers besides would be lost to the ReLU.
    x = np.random.default_rng(0).random((4, 5, 3), np.float32)
    for block in (InceptionA(8), InceptionE()):
        pooled = pool_branch(block, x)
        np.testing.assert_allclose(pooled, window_mean(x, True), rtol=1e-5)
        assert np.abs(pooled - window_mean(x, False)).max() > 0.1


def test_the_last_block_pools_by_the_maximum():
    x = np.random.default_rng(0).random((4, 5, 3), np.float32)
    np.testing.assert_array_equal(pool_branch(InceptionE(pool_maximum=True), x), window_maximum(x))


def test_only_the_last_block_does():
    blocks = []

    def record(next_function, args, kwargs, context):
        if isinstance(context.module, InceptionE) and context.method_name == "__call__":
            blocks.append((context.module.name, context.module.pool_maximum))
        return next_function(*args, **kwargs)

    with nn.intercept_methods(record):
        parameter_shapes()
    assert blocks == [("Mixed_7b", False), ("Mixed_7c", True)]


def test_pixels_are_resized_and_scaled_before_the_network(monkeypatch):
    seen = []

    class Network:
        def apply(self, variables, pixels):
            seen.append(pixels)
            return variables["params"], None

    monkeypatch.setattr(inception_v3, "InceptionV3", Network)
    images = np.zeros((1, 2, 2, 3), np.uint8)
    images[:, 1] = 255
    assert extract("parameters", images)[0] == "parameters"
    (pixels,) = seen
    assert pixels.shape == (1, 299, 299, 3)
    assert pixels.min() == -1.0
    assert pixels.max() == 127 / 128
    # Row 149 lies at 149 * 2 / 299 of two rows: just under the second.
    np.testing.assert_allclose(pixels[0, 149], 255 * (298 / 299) / 128 - 1, rtol=1e-5)


def test_a_small_image_goes_through_the_whole_network(shapes):
    """75 pixels are the fewest that the network itself can take: a tenth of 299's work."""
    params = random_params(shapes)
    pixels = np.random.default_rng(1).uniform(-1, 1, (2, 75, 75, 3)).astype(np.float32)
    features, logits = jax.jit(InceptionV3().apply)({"params": params}, pixels)
    assert np.isfinite(features).all()
    assert (np.asarray(features) > 0).mean() > 0.3
    assert np.ptp(np.asarray(features), axis=0).max() > 0.01
    kernel = np.asarray(params["fc"]["kernel"], np.float64)
    np.testing.assert_allclose(logits, features @ kernel, rtol=1e-3, atol=1e-3)


def test_every_array_of_the_file_is_used_once(shapes):
    params = inception_weights.from_state_dict(torch_state(shapes), shapes)
    found = jax.tree.map(lambda a: (a.shape, str(a.dtype)), params)
    assert found == jax.tree.map(lambda a: (a.shape, "float32"), shapes)


SMALL = {"a": {"kernel": np.zeros((1, 3, 2, 4))}, "fc": {"kernel": np.zeros((4, 5))}}


def small_state():
    rng = np.random.default_rng(0)
    state = torch_state(SMALL)
    return {
        name: np.asarray(rng.uniform(0.5, 2.0, array.shape), np.float32)
        for name, array in state.items()
    }


def test_batch_normalization_is_folded_and_layouts_are_translated():
    state = small_state()
    params = inception_weights.from_state_dict(state, SMALL)
    x = np.random.default_rng(1).standard_normal((1, 1, 3, 2)).astype(np.float32)
    convolved = np.einsum("whc,owhc->o", x[0], state["a.conv.weight"].transpose(0, 2, 3, 1))
    deviation = np.sqrt(state["a.bn.running_var"] + 0.001)
    expected = (convolved - state["a.bn.running_mean"]) / deviation
    expected = expected * state["a.bn.weight"] + state["a.bn.bias"]
    folded = np.einsum("whc,whco->o", x[0], params["a"]["kernel"]) + params["a"]["bias"]
    np.testing.assert_allclose(folded, expected, rtol=1e-5)
    np.testing.assert_array_equal(params["fc"]["kernel"], state["fc.weight"].T)
    assert params["fc"].keys() == {"kernel"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda s: s.pop("a.bn.running_var"), "'a.bn.running_var' is missing"),
        (lambda s: s.pop("fc.bias"), "'fc.bias' is missing"),
        (lambda s: s.update(b=s["fc.bias"]), "1 of its arrays are of no use to it, as 'b'"),
        (lambda s: s.update({"fc.bias": np.zeros(6, np.float32)}), r"float32 \[6\] instead of"),
        (lambda s: s.update({"fc.bias": np.zeros(5)}), r"float64 \[5\] instead of float32"),
        (lambda s: s["fc.weight"].fill(np.nan), "'fc' has numbers that are not finite"),
        (lambda s: s["a.bn.running_var"].fill(-1), "variance of 'a' is not positive"),
        (lambda s: s["a.bn.running_var"].fill(np.nan), "variance of 'a' is not positive"),
    ],
)
def test_weights_of_another_network_are_refused(change, match):
    state = small_state()
    change(state)
    with pytest.raises(WeightsError, match=match) as caught:
        inception_weights.from_state_dict(state, SMALL)
    assert "\n" not in str(caught.value)


def test_an_extractor_says_what_it_is(monkeypatch, shapes):
    read = types.SimpleNamespace(calls=[])

    def fake_read(weights, *, sha256):
        read.calls.append((weights, sha256))
        return {}, "abc"

    monkeypatch.setattr(inception_weights, "read", fake_read)
    monkeypatch.setattr(inception_weights, "from_state_dict", lambda state, like: like)
    extractor = inception("file.pth")
    assert read.calls == [("file.pth", inception_weights.SHA256)]
    assert (extractor.name, extractor.weights_sha256) == ("inception", "abc")
    assert (extractor.resolution, extractor.resize) == (299, "TF1 bilinear to 299")
    assert (extractor.feature_dim, extractor.num_logits) == (2048, 1008)
    assert extractor.params is not None
