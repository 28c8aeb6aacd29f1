"""Standing statistics: what they are, and that samples are normalized by them."""

import functools

import jax
import numpy as np
import pytest

from gan_jax import core, gans, sampling

LABELED = {"image": core.ArraySpec((8, 8, 1)), "label": core.ArraySpec((), 3)}


def sampler_of(passes, network="dcgan_4x4", axis_name=None):
    model = {
        "network": network,
        "width": 0.02,
        "latent_dim": 4,
        "conditional": True,
        "generator": {"standing_statistics": passes},
    }
    run = gans.Run(steps=1, batch_size=4, axis_name=axis_name)
    gan = gans.build("adversarial", model, LABELED, run).phases[0].gan
    return gan, gan.samplers["generator"]


def test_they_are_means_of_the_statistics_of_batches_and_named_in_the_options():
    # A run under pmap has a mapped axis, sampling has none.
    gan, sampler = sampler_of(3, axis_name="devices")
    assert sampler.options == {"truncation": None, "standing_statistics": 3}
    assert sampler_of(0)[1].options == {"truncation": None}
    weights = core.sampling_weights(core.start(gan, 0), sampler)
    one = jax.jit(functools.partial(sampler.prepare, truncation=None, standing_statistics=1))
    three = jax.jit(functools.partial(sampler.prepare, truncation=None, standing_statistics=3))
    first, all_three = (
        found(weights).variables["generator"]["batch_stats"] for found in (one, three)
    )
    # The first batch normalization is of a dense layer of latents and embedded labels: a linear
    # function of them, whose variance over a batch of 64 is known but for the draws.
    params = weights.params["generator"]
    kernel = np.asarray(params["Dense_0"]["kernel"])
    table = np.asarray(params["LabelEmbedding_0"]["embedding"])
    of_label = (table @ kernel[4:]).reshape(3, 16, -1)
    of_noise = (kernel[:4] ** 2).sum(0).reshape(16, -1)
    mean = of_label.mean((0, 1))
    variance = of_noise.mean(0) + ((of_label - mean) ** 2).mean((0, 1))
    var = all_three["BatchNorm_0"]["var"]
    np.testing.assert_allclose(var, variance, rtol=0.35)
    np.testing.assert_allclose(all_three["BatchNorm_0"]["mean"], mean, atol=0.01)
    assert np.abs(first["BatchNorm_0"]["var"] - var).max() > 0


def test_images_are_generated_with_them():
    gan, sampler = sampler_of(2)
    state = core.start(gan, 0)
    weights = core.sampling_weights(state, sampler)
    inputs = sampling.inputs(sampler, np.arange(2), seed=0)
    (images,) = sampling.make_generate(sampler, per_device=1)(weights, inputs)
    prepared = sampler.prepare(weights, truncation=None, standing_statistics=2)
    plain = sampler_of(0)[1]
    (expected,) = sampling.make_generate(plain, per_device=1)(prepared, inputs)
    (running,) = sampling.make_generate(plain, per_device=1)(weights, inputs)
    assert np.abs(images.astype(int) - expected.astype(int)).max() <= 1
    assert np.abs(images.astype(int) - running.astype(int)).max() > 3


def test_a_generator_without_batch_normalization_is_refused():
    with pytest.raises(ValueError, match="standing_statistics=2: the generator of network=mlp has"):
        sampler_of(2, network="mlp")
