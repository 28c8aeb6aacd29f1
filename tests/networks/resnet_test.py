"""SNGAN's residual networks: official counts, shapes, the sum over pixels, collections."""

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
        ({"num_classes": 3}, "ResNetDiscriminator is unconditional, it takes no labels of 3"),
        ({"normalization": "batch"}, "normalization must be 'none' or 'spectral', not 'batch'"),
        ({"image_size": 24}, "must be one of 16, 32"),
    ],
)
def test_what_the_discriminator_cannot_be_is_refused(fields, message):
    discriminator = networks.make_discriminator("resnet", **fields)
    size = fields.get("image_size", 32)
    with pytest.raises(ValueError, match=message):
        shapes(discriminator, jnp.zeros((1, size, size, 3)))


def test_a_conditional_generator_is_refused():
    generator = networks.make_generator("resnet", num_classes=10)
    with pytest.raises(ValueError, match="ResNetGenerator is unconditional"):
        shapes(generator, jnp.zeros((1, 8)))
    with pytest.raises(ValueError, match="it was given labels"):
        generator.clone(num_classes=0).init(
            jax.random.key(0), jnp.zeros((1, 8)), jnp.zeros(1, jnp.int32), train=False
        )


@pytest.mark.parametrize("name", ["dcgan_4x4", "dcgan_radford", "mlp"])
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
