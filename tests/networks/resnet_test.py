"""Networks of SNGAN, SAGAN and BigGAN: official counts, shapes, the sum over pixels, labels."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import networks

TINY = {"width": 1 / 64, "image_size": 16}


def count(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def shapes(module, *args):
    return jax.eval_shape(lambda: module.init(jax.random.key(0), *args, train=False))


def test_the_authors_numbers_of_parameters():
    generator = shapes(networks.make_generator("resnet"), jnp.zeros((2, 128)))
    discriminator = shapes(networks.make_discriminator("resnet"), jnp.zeros((2, 32, 32, 3)))
    assert count(generator["params"]) == 4_276_739
    assert count(discriminator["params"]) == 1_053_824
    # A vector for every kernel: ten of 128 channels, and the linear layer's.
    assert count(discriminator["spectral"]) == 10 * 128 - 128 + 128 + 1
    assert "spectral" not in generator


@pytest.mark.parametrize(
    ("name", "of_generator", "of_discriminator", "generator_count", "discriminator_count"),
    [
        # cGAN-PD, BigGAN's script for CIFAR-10, and mimicry's SAGAN.
        ("resnet", {}, {}, 4_304_387, 1_055_104),
        ("biggan", {"normalization": "spectral"}, {}, 4_304_387, 4_207_361),
        (
            "sagan",
            {"normalization": "spectral", "attention": 16},
            {"attention": 8},
            4_386_308,
            1_075_586,
        ),
    ],
)
def test_the_official_numbers_of_parameters_of_conditional_networks(
    name, of_generator, of_discriminator, generator_count, discriminator_count
):
    z, labels, images = jnp.zeros((2, 128)), jnp.zeros(2, jnp.int32), jnp.zeros((2, 32, 32, 3))
    generator = networks.make_generator(name, num_classes=10, **of_generator)
    generator = shapes(generator, z, labels)
    discriminator = networks.make_discriminator(
        name, num_classes=10, conditioning="projection", **of_discriminator
    )
    discriminator = shapes(discriminator, images, labels)
    assert count(generator["params"]) == generator_count
    assert count(discriminator["params"]) == discriminator_count
    assert ("spectral" in generator) == bool(of_generator)
    # The vector of the labels' embedding has an entry for each class.
    assert discriminator["spectral"]["Projection_0"]["LabelEmbedding_0"]["u"].shape == (10,)
    # The last normalization has no classes.
    assert generator["params"]["BatchNorm_0"]["scale"].shape == (256,)


def test_the_official_numbers_of_parameters_of_the_standard_cnn():
    generator = shapes(networks.make_generator("sndcgan"), jnp.zeros((2, 128)))
    discriminator = shapes(networks.make_discriminator("sndcgan"), jnp.zeros((2, 32, 32, 3)))
    # The code has biases before batch normalizations, which remove them.
    assert count(generator["params"]) == 3_813_379 - (8192 + 256 + 128 + 64)
    assert count(discriminator["params"]) == 5_860_865


def test_initial_values_are_those_of_the_recipe():
    """SNGAN's are Glorot's with a gain of sqrt(2) in the blocks, BigGAN's N(0, 0.02)."""

    @functools.partial(jax.jit, static_argnums=0)
    def build(name):
        generator = networks.make_generator(name, num_classes=10, width=0.5, image_size=8)
        z, labels = jnp.zeros((2, 128)), jnp.zeros(2, jnp.int32)
        return generator.init(jax.random.key(0), z, labels, train=False)["params"]

    glorot = np.sqrt(2 / (128 + 128))
    for name, main, shortcut, of_class in (
        ("resnet", np.sqrt(2) * glorot / 3, glorot, 0.0),
        ("biggan", 0.02, 0.02, 0.02),
    ):
        block = build(name)["UpBlock_0"]
        np.testing.assert_allclose(block["Conv_1"]["kernel"].std(), main, rtol=0.05)
        np.testing.assert_allclose(block["Conv_0"]["kernel"].std(), shortcut, rtol=0.05)
        scale = block["ConditionalBatchNorm_0"]["scale"]["embedding"]
        np.testing.assert_allclose(scale.mean(), 1.0, atol=0.005)
        np.testing.assert_allclose(scale.std(), of_class, rtol=0.1, atol=1e-6)


@pytest.fixture(scope="module")
def tiny():
    generator = networks.make_generator("resnet", **TINY)
    discriminator = networks.make_discriminator("resnet", **TINY)
    z = jax.random.normal(jax.random.key(0), (3, 6))

    @jax.jit
    def build():
        variables_g = generator.init(jax.random.key(1), z, train=False)
        images, statistics = generator.apply(variables_g, z, train=True, mutable=["batch_stats"])
        variables_d = discriminator.init(jax.random.key(2), images, train=False)
        return variables_g, variables_d, images, statistics

    return z, *build()


def test_images_and_statistics(tiny):
    _, variables, _, images, statistics = tiny
    assert images.shape == (3, 16, 16, 3)
    assert images.dtype == jnp.float32
    assert 0.0 < float(jnp.abs(images).max()) <= 1.0
    old, new = (jax.tree.leaves(tree["batch_stats"]) for tree in (variables, statistics))
    # Two doublings with two normalizations each, and the last one.
    assert len(old) == 2 * 5
    assert all(np.abs(a - b).max() > 0 for a, b in zip(old, new, strict=True))


def test_bfloat16_arithmetic_keeps_float32_at_the_borders(tiny):
    z, variables_g, variables_d, images, _ = tiny
    generator = networks.make_generator("resnet", dtype=jnp.bfloat16, **TINY)
    discriminator = networks.make_discriminator("resnet", dtype=jnp.bfloat16, **TINY)

    @jax.jit
    def apply():
        rough, statistics = generator.apply(variables_g, z, train=True, mutable=["batch_stats"])
        logits, spectral = discriminator.apply(
            variables_d, images, train=True, mutable=["spectral"]
        )
        return rough, logits, statistics, spectral

    rough, logits, *changed = apply()
    assert {leaf.dtype for leaf in jax.tree.leaves((rough, logits, changed))} == {
        jnp.dtype("float32")
    }
    assert 0.0 < float(jnp.abs(rough - images).max()) < 0.05


def test_pixels_are_summed_and_not_averaged(tiny):
    """On constant features the logit grows with the number of pixels."""
    discriminator = networks.make_discriminator("resnet", normalization="none", **TINY)
    _, _, variables, images, _ = tiny
    params = jax.tree.map(jnp.zeros_like, variables["params"])
    # The last block adds 1 to its input, which is 0 for such kernels.
    params["DownBlock_2"]["Conv_1"]["bias"] = jnp.ones(4)
    params["Dense_0"]["kernel"] = jnp.ones((4, 1))
    logits, shown = discriminator.apply(
        {"params": params}, images, train=True, mutable=["intermediates"]
    )
    np.testing.assert_allclose(logits, np.full(3, 4 * 64.0))
    np.testing.assert_array_equal(shown["intermediates"]["features"][0], np.full((3, 4), 64.0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conditioning": "project"}, "conditioning must be 'concat' or 'projection', not 'pro"),
        ({"attention": 32}, "attention must be the side of a map, 16, 8, or 0, not 32"),
        ({"normalization": "batch"}, "normalization must be 'none' or 'spectral', not 'batch'"),
        ({"image_size": 24}, "must be one of 16, 32"),
    ],
)
def test_what_the_discriminator_cannot_be_is_refused(fields, message):
    discriminator = networks.make_discriminator("resnet", **fields)
    size = fields.get("image_size", 32)
    with pytest.raises(ValueError, match=message):
        shapes(discriminator, jnp.zeros((1, size, size, 3)))


def test_what_the_generator_cannot_be_is_refused():
    z, labels = jnp.zeros((1, 8)), jnp.zeros(1, jnp.int32)
    with pytest.raises(ValueError, match="attention must be the side of a map, 8, 16, 32, or 0"):
        shapes(networks.make_generator("resnet", attention=4), z)
    with pytest.raises(ValueError, match="normalization must be 'none' or 'spectral'"):
        shapes(networks.make_generator("resnet", normalization="batch"), z)
    with pytest.raises(ValueError, match="it was given labels"):
        shapes(networks.make_generator("resnet"), z, labels)


@pytest.mark.parametrize("name", networks.DISCRIMINATORS)
def test_every_discriminator_takes_the_label_in_both_ways(name):
    images, labels = jnp.ones((2, 16, 16, 3)), jnp.array([0, 1])
    fields = {"width": 1 / 64, "image_size": 16, "num_classes": 3, "dropout_rate": 0.0}
    module = networks.make_discriminator(name, **fields)
    params = shapes(module, images, labels)["params"]
    assert "LabelEmbedding_0" in params
    assert "Projection_0" not in params
    params = shapes(module.clone(conditioning="projection"), images, labels)["params"]
    assert "LabelEmbedding_0" in params["Projection_0"]
    assert "LabelEmbedding_0" not in params


@pytest.mark.parametrize("name", ["mlp", "dcgan_4x4"])
def test_by_projection_logits_of_two_labels_differ_by_a_product_with_the_features(name):
    images, labels = jnp.ones((2, 8, 8, 3)), jnp.array([0, 1])
    module = networks.make_discriminator(
        name, width=1 / 64, image_size=8, num_classes=3, conditioning="projection"
    )

    @jax.jit
    def apply():
        variables = module.init(jax.random.key(0), images, labels, train=False)
        return variables, *module.apply(
            variables, images, labels, train=False, mutable=["intermediates"]
        )

    variables, logits, shown = apply()
    features = shown["intermediates"]["features"][0][0].ravel()
    table = variables["params"]["Projection_0"]["LabelEmbedding_0"]["embedding"]
    difference = jnp.dot(features, table[0] - table[1])
    np.testing.assert_allclose(logits[0] - logits[1], difference, rtol=1e-2, atol=1e-7)
    assert abs(difference) > 1e-6


@pytest.mark.parametrize("name", ["dcgan_4x4", "dcgan_radford", "mlp", "sndcgan"])
def test_every_kernel_of_another_discriminator_may_be_normalized_too(name):
    discriminator = networks.make_discriminator(
        name, width=0.02, image_size=16, normalization="spectral", dropout_rate=0.0
    )
    variables = shapes(discriminator, jnp.zeros((2, 16, 16, 3)))
    kernels = {
        path[:-1]
        for path, _ in jax.tree_util.tree_leaves_with_path(variables["params"])
        if path[-1].key == "kernel"
    }
    vectors = {path[:-1] for path, _ in jax.tree_util.tree_leaves_with_path(variables["spectral"])}
    assert kernels == vectors
