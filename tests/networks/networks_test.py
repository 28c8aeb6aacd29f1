"""The recipes at full size by their shapes, and tiny ones by what they compute."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import networks

# The others are in resnet_test.py.
NAMES = sorted({*networks.GENERATORS} - {"sagan", "biggan", "sndcgan"})
CONDITIONAL = [name for name in NAMES if name != "resnet"]
TINY = {"width": 0.02, "num_classes": 3, "image_size": 16}


def _parameter_shapes(module, *inputs):
    variables = jax.eval_shape(
        lambda key: module.init(key, *inputs, train=False), jax.random.key(0)
    )
    return variables["params"]


def _count(tree):
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


# Kernel by kernel; a batch normalization of n channels has 2 n parameters.
GENERATOR_PARAMETERS = {
    "dcgan_8x8": 100 * 8 * 8 * 256
    + 2 * 256
    + 16 * 256 * 128
    + 2 * 128
    + 16 * 128 * 64
    + 2 * 64
    + 9 * 64 * 3
    + 3,
    "dcgan_4x4": 100 * 4 * 4 * 512
    + 2 * 512
    + 16 * 512 * 256
    + 2 * 256
    + 16 * 256 * 128
    + 2 * 128
    + 16 * 128 * 3
    + 3,
    "dcgan_radford": 16 * 100 * 512
    + 2 * 512
    + 16 * 512 * 256
    + 2 * 256
    + 16 * 256 * 128
    + 2 * 128
    + 16 * 128 * 3
    + 3,
    "mlp": 101 * 256 + 257 * 512 + 513 * 1024 + 1025 * 3072,
    "resnet": 101 * 4 * 4 * 256
    + 3 * (2 * 256 + 9 * 256 * 256 + 256 + 2 * 256 + 9 * 256 * 256 + 256 + 256 * 256 + 256)
    + 2 * 256
    + 9 * 256 * 3
    + 3,
}
DISCRIMINATOR_PARAMETERS = {
    "dcgan_8x8": 16 * 3 * 64 + 64 + 16 * 64 * 128 + 128 + 8 * 8 * 128 + 1,
    "dcgan_4x4": 16 * 3 * 128 + 128 + 16 * 128 * 256 + 256 + 16 * 256 * 512 + 512 + 4 * 4 * 512 + 1,
    "dcgan_radford": 16 * 3 * 128
    + 128
    + 16 * 128 * 256
    + 2 * 256
    + 16 * 256 * 512
    + 2 * 512
    + 16 * 512
    + 1,
    "mlp": 3073 * 512 + 513 * 256 + 257,
    "resnet": 9 * 3 * 128 + 128 + 7 * (9 * 128 * 128 + 128) + 3 * 128 + 128 + 128 * 128 + 128 + 128,
}


@pytest.mark.parametrize("name", NAMES)
def test_full_size_parameters(name):
    generator = networks.make_generator(name)
    discriminator = networks.make_discriminator(name)
    images = jnp.zeros((2, 32, 32, 3))
    assert _count(_parameter_shapes(generator, jnp.zeros((2, 100)))) == GENERATOR_PARAMETERS[name]
    assert _count(_parameter_shapes(discriminator, images)) == DISCRIMINATOR_PARAMETERS[name]


@pytest.mark.parametrize(
    ("name", "widest"), [("dcgan_8x8", 512), ("dcgan_4x4", 1024), ("dcgan_radford", 1024)]
)
def test_64x64_adds_a_wider_layer(name, widest):
    fields = {"image_size": 64, "channels": 1}
    generator = networks.make_generator(name, **fields)
    params = _parameter_shapes(generator, jnp.zeros((2, 100)))
    assert params["BatchNorm_0"]["scale"].shape == (widest,)
    discriminator = networks.make_discriminator(name, **fields)
    params = _parameter_shapes(discriminator, jnp.zeros((2, 64, 64, 1)))
    convolutions = [params[key]["kernel"].shape for key in params if key.startswith("Conv_")]
    assert max(shape[3] for shape in convolutions) == widest // (2 if name == "dcgan_8x8" else 1)


@pytest.fixture(scope="module", params=CONDITIONAL)
def tiny(request):
    """A tiny conditional pair, initialized, with images of the generator in training."""
    return _tiny(request.param)


def _tiny(name, **fields):
    fields = {**TINY, **fields}
    generator = networks.make_generator(name, **fields)
    discriminator = networks.make_discriminator(name, dropout_rate=0.5, **fields)
    z, labels = jax.random.normal(jax.random.key(0), (3, 6)), jnp.arange(3)

    @jax.jit
    def build():
        variables_g = generator.init(jax.random.key(1), z, labels, train=False)
        images, statistics = generator.apply(
            variables_g, z, labels, train=True, mutable=["batch_stats"]
        )
        variables_d = discriminator.init(jax.random.key(2), images, labels, train=False)
        return variables_g, variables_d, images, statistics

    return name, generator, discriminator, z, labels, *build()


def test_tiny_generator(tiny):
    name, generator, _, z, labels, variables, _, images, statistics = tiny
    assert images.shape == (3, 16, 16, 3)
    assert images.dtype == jnp.float32
    assert float(jnp.abs(images).max()) <= 1
    assert float(images.std()) > 0
    if name != "mlp":
        changed = jax.tree.map(
            lambda a, b: bool((a != b).any()),
            statistics,
            {"batch_stats": variables["batch_stats"]},
        )
        assert all(jax.tree.leaves(changed))
        assert len(jax.tree.leaves(changed)) == 4
    generate = jax.jit(lambda labels: generator.apply(variables, z, labels, train=False))
    difference = np.abs(generate(labels) - generate((labels + 1) % 3))
    assert (difference.max(axis=(1, 2, 3)) > 0).all()


def test_tiny_discriminator(tiny):
    _, _, discriminator, _, labels, _, variables, images, _ = tiny

    @jax.jit
    def discriminate(labels):
        return discriminator.apply(variables, images, labels, train=False)

    @jax.jit
    def discriminate_with_dropout(key):
        return discriminator.apply(
            variables, images, labels, train=True, rngs={"dropout": key}, mutable=["batch_stats"]
        )[0]

    logits = discriminate(labels)
    assert logits.shape == (3,)
    assert logits.dtype == jnp.float32
    assert (discriminate((labels + 1) % 3) != logits).all()
    first, second = (discriminate_with_dropout(jax.random.key(seed)) for seed in (3, 4))
    assert (first != second).any()
    with pytest.raises(Exception, match="dropout"):
        discriminator.apply(variables, images, labels, train=True, mutable=["batch_stats"])


@pytest.mark.parametrize("name", ["dcgan_8x8", "mlp"])
def test_bfloat16_arithmetic_keeps_float32_at_the_borders(name):
    _, _, discriminator, z, labels, variables_g, variables_d, images, statistics = _tiny(
        name, dtype=jnp.bfloat16
    )
    assert images.dtype == jnp.float32
    logits = jax.eval_shape(lambda: discriminator.apply(variables_d, images, labels, train=False))
    assert logits.dtype == jnp.float32
    leaves = jax.tree.leaves((variables_g, variables_d, statistics))
    assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}
    exact = networks.make_generator(name, **TINY)
    exact = jax.jit(
        lambda: exact.apply(variables_g, z, labels, train=True, mutable=["batch_stats"])[0]
    )()
    difference = float(jnp.abs(exact - images).max())
    assert 0 < difference < 0.05


@pytest.mark.parametrize(("normalization", "normalized"), [("batch", 2), ("none", 0)])
def test_statistics_of_the_discriminator_are_of_all_layers_but_the_first(normalization, normalized):
    critic = networks.make_discriminator("dcgan_radford", normalization=normalization)
    variables = jax.eval_shape(
        lambda: critic.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False)
    )
    shapes = [leaf["mean"].shape for leaf in variables.get("batch_stats", {}).values()]
    assert sorted(shapes) == [(256,), (512,)][:normalized]


@pytest.mark.parametrize("output_kernel", [3, 4])
def test_smallest_generator(output_kernel):
    generator = networks.DCGANGenerator(
        image_size=8, base_size=4, features=4, output_kernel=output_kernel
    )
    images = jax.eval_shape(
        lambda: generator.init_with_output(jax.random.key(0), jnp.ones((2, 3)), train=False)[0]
    )
    assert images.shape == (2, 8, 8, 3)


def test_pmap_statistics_equal_those_of_the_whole_batch():
    devices = jax.local_device_count()
    if devices < 2:
        pytest.skip("needs several devices")
    fields = {"image_size": 8, "features": 4, "channels": 1}
    z = jax.random.normal(jax.random.key(0), (4 * devices, 5))
    alone = networks.DCGANGenerator(**fields)

    @jax.jit
    def whole():
        variables = alone.init(jax.random.key(1), z, train=False)
        return variables, alone.apply(variables, z, train=True, mutable=["batch_stats"])

    variables, (expected_images, expected) = whole()
    divided = networks.DCGANGenerator(axis_name="batch", **fields)
    images, statistics = jax.pmap(
        lambda z: divided.apply(variables, z, train=True, mutable=["batch_stats"]),
        axis_name="batch",
    )(z.reshape(devices, 4, 5))
    np.testing.assert_allclose(images.reshape(-1, 8, 8, 1), expected_images, atol=1e-5)
    for ours, theirs in zip(jax.tree.leaves(statistics), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(ours, np.broadcast_to(theirs, ours.shape), atol=1e-6)


Z, IMAGES, LABELS = jnp.zeros((2, 5)), jnp.zeros((2, 32, 32, 3)), jnp.zeros(2, jnp.int32)


@pytest.mark.parametrize("name", ["dcgan_4x4", "mlp"])
@pytest.mark.parametrize(
    ("num_classes", "z", "labels", "message"),
    [
        (0, Z, LABELS, "given labels"),
        (3, Z, None, "needs labels"),
        (3, Z, jnp.zeros(2), "integers"),
        (3, Z, jnp.zeros((2, 1), jnp.int32), "one for each example"),
        (0, jnp.zeros((2, 1, 1, 5)), None, "latent_dim"),
        (0, jnp.zeros((2, 5), jnp.int32), None, "floating"),
    ],
)
def test_wrong_generator_inputs(name, num_classes, z, labels, message):
    generator = networks.make_generator(name, num_classes=num_classes, width=0.02)
    with pytest.raises(ValueError, match=message):
        _parameter_shapes(generator, z, labels)


@pytest.mark.parametrize("name", ["dcgan_4x4", "mlp"])
@pytest.mark.parametrize(
    ("fields", "images", "labels", "message"),
    [
        ({}, IMAGES, LABELS, "given labels"),
        ({"num_classes": 3}, IMAGES, None, "needs labels"),
        ({}, IMAGES[:, :16], None, r"\[B, 32, 32, 3\]"),
        ({}, IMAGES[..., :1], None, r"\[B, 32, 32, 3\]"),
        ({}, IMAGES.astype(jnp.uint8), None, "normalize"),
        ({"normalization": "layer"}, IMAGES, None, "'none' or 'batch' or 'spectral', not 'layer'"),
    ],
)
def test_wrong_discriminator_inputs(name, fields, images, labels, message):
    discriminator = networks.make_discriminator(name, width=0.02, **fields)
    with pytest.raises(ValueError, match=message):
        _parameter_shapes(discriminator, images, labels)


@pytest.mark.parametrize("wrong", [-1, 3, 99])
def test_labels_that_there_are_not_are_refused_where_they_are_known(wrong):
    generator = networks.make_generator("mlp", num_classes=3, image_size=8, width=0.01)
    discriminator = networks.make_discriminator("mlp", num_classes=3, width=0.01)
    labels = jnp.array([0, wrong])
    for network, given in ((generator, Z), (discriminator, IMAGES)):
        init = functools.partial(network.init, jax.random.key(0), given, train=False)
        with pytest.raises(ValueError, match=rf"labels must be in 0..2, not {wrong}"):
            init(labels)
        # While JAX traces nobody knows them.
        jax.eval_shape(init, labels)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("dcgan_4x5", {}, "did you mean 'dcgan_4x4'"),
        ("dcgan_4x4", {"chanels": 1}, "did you mean 'channels'"),
    ],
)
def test_unknown_names_suggest_the_nearest(name, fields, message):
    for make in (networks.make_generator, networks.make_discriminator):
        with pytest.raises(ValueError, match=message):
            make(name, **fields)


@pytest.mark.parametrize("image_size", [28, 48, 4])
def test_image_size_that_no_number_of_doublings_reaches(image_size):
    generator = networks.make_generator("dcgan_4x4", image_size=image_size)
    with pytest.raises(ValueError, match="image_size must be one of 8, 16, 32"):
        _parameter_shapes(generator, Z)
