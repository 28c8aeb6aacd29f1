"""Images from samplers: the same ones, however many, wherever and by whatever way."""

import functools
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core, networks, sampling

ROWS = {"a": np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)}


def by_number(sampler, count, weights, *, seed=0, rows=ROWS, **options):
    inputs_of = functools.partial(sampling.inputs, sampler, seed=seed, rows=rows)
    batches = sampling.make_generate(sampler, **options).numbered(weights, inputs_of, count)
    return np.concatenate([batch.images for batch in batches])


def test_images_are_those_of_the_sampler_quantized(conditional, weights):
    inputs = {"z": np.array([[0.0, 0], [4.0, 0]], np.float32), "label": np.array([0, 2])}
    (images,) = sampling.make_generate(conditional)(weights, inputs)
    assert images.shape == (2, 4, 4, 3)
    assert images.dtype == np.uint8
    red = np.round((np.tanh([0.0, 1.2]) + 1) * 127.5)
    np.testing.assert_array_equal(images[:, 0, 0, 0], red)
    np.testing.assert_array_equal(images[:, 0, 0, 1], [0, 255])


def test_every_kind_of_input_arrives_and_a_number_is_enough(everything, weights):
    generate = sampling.make_generate(everything)
    inputs_of = functools.partial(sampling.inputs, everything, seed=0, rows=ROWS)
    inputs = inputs_of(np.arange(150))
    batches = list(generate(weights, inputs))
    assert [batch.shape for batch in batches] == [(n, 4, 4, 3) for n in (64, 64, 22)]
    images = np.concatenate(batches)
    for count in (13, 150):
        found = list(generate.numbered(weights, inputs_of, count))
        np.testing.assert_array_equal(np.concatenate([x.images for x in found]), images[:count])
        codes = np.concatenate([x.inputs["code"] for x in found])
        np.testing.assert_array_equal(codes, inputs["code"][:count])
    for name, array in inputs.items():
        # No input is ignored on the way.
        changed = {**inputs, name: np.roll(array, 1, axis=0)}
        assert (np.concatenate(list(generate(weights, changed))) != images).any(), name


def test_a_stream_goes_beyond_the_numbers_that_are_held(plain, weights):
    images = by_number(plain, 600, weights)
    inputs = sampling.inputs(plain, np.arange(600), seed=0)
    want = np.concatenate(list(sampling.make_generate(plain)(weights, inputs)))
    np.testing.assert_array_equal(images, want)


def test_one_compilation_for_any_number(plain, weights):
    traced = []

    def apply(*arguments, **options):
        traced.append(arguments[1]["z"].shape)
        return plain.apply(*arguments, **options)

    counted = core.Sampler(plain.inputs, apply, ("net",), options=plain.options)
    generate = sampling.make_generate(counted)
    for count in (1, 64, 65):
        list(generate(weights, sampling.inputs(counted, np.arange(count), seed=0)))
    assert traced == [(sampling.PER_DEVICE, 3)]


def test_it_runs_one_batch_ahead_and_no_further(plain, weights):
    asked = []

    def inputs_of(numbers):
        asked.append(len(numbers))
        return sampling.inputs(plain, numbers, seed=0)

    batches = sampling.make_generate(plain).numbered(weights, inputs_of, 10_000)
    first = next(batches)
    assert len(first.images) == 64
    np.testing.assert_array_equal(first.inputs["z"], inputs_of(np.arange(64))["z"])
    assert sum(asked[:-1]) < 1000


def test_memory_does_not_grow_with_the_number_of_images(plain, weights):
    def apply(*arguments, **options):
        return jnp.tile(plain.apply(*arguments, **options), (1, 8, 8, 1))

    larger = core.Sampler(plain.inputs, apply, ("net",), options=plain.options)
    generate = sampling.make_generate(larger)
    inputs_of = functools.partial(sampling.inputs, larger, seed=0)

    def peak(count):
        tracemalloc.start()
        for _ in generate.numbered(weights, inputs_of, count):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(256)
    # A twentieth of what the further images alone would take.
    assert peak(3000) - peak(300) < 0.05 * 2700 * 3072


def network_sampler(*, last_bits=False):
    """A DCGAN of 8x8 images, wide enough that XLA has several programs for its products.

    With `last_bits` a change in the last bit of its output is another color.
    """
    net = networks.make_generator("dcgan_4x4", image_size=8)
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), jnp.zeros((1, 64)), train=False))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda x: rng.normal(0.0, 0.1, x.shape).astype(np.float32), shapes)
    statistics = jax.tree.map(lambda x: np.abs(x) + 0.5, variables["batch_stats"])

    def apply(weights, inputs):
        variables = {"params": weights.params["net"], **weights.variables["net"]}
        images = net.apply(variables, inputs["z"], train=False)
        return jnp.sin(1e7 * images) if last_bits else images

    weights = core.Weights({"net": variables["params"]}, {"net": {"batch_stats": statistics}})
    return core.Sampler({"z": core.Normal((64,))}, apply, ("net",)), weights


def test_an_image_is_the_same_to_the_bit_on_any_number_of_devices(monkeypatch):
    sampler, weights = network_sampler(last_bits=True)
    four = by_number(sampler, 100, weights)
    assert len(np.unique(four)) > 200
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    assert core.local_devices().count == 1
    np.testing.assert_array_equal(by_number(sampler, 100, weights), four)
    np.testing.assert_array_equal(by_number(sampler, 3, weights), four[:3])


def test_elsewhere_in_a_batch_or_in_other_batches_an_image_changes_by_a_gray_level_at_most():
    sampler, weights = network_sampler()
    images = by_number(sampler, 100, weights).astype(int)
    assert images.std() > 20
    numbers = np.random.default_rng(0).permutation(100)[:30]
    inputs = sampling.inputs(sampler, numbers, seed=0)
    elsewhere = np.concatenate(list(sampling.make_generate(sampler)(weights, inputs)))
    assert np.abs(images[numbers] - elsewhere).max() <= 1
    for per_device in (1, 64):
        other = by_number(sampler, 100, weights, per_device=per_device)
        assert np.abs(images - other).max() <= 1


def test_options_reach_the_sampler_and_others_are_refused(plain, conditional, weights):
    def spread(**options):
        return np.ptp(by_number(plain, 64, weights, options=options).astype(float))

    assert spread(truncation=0.1) < 0.3 * spread()
    assert spread(truncation=None) == spread()
    with pytest.raises(ValueError, match=r"no option 'truncation' \(its options: none\)"):
        sampling.make_generate(conditional, options={"truncation": 0.5})


def test_the_shape_is_known_before_any_image_and_so_is_a_refusal(plain, everything, weights):
    inputs = sampling.inputs(everything, np.arange(1), seed=0, rows=ROWS)
    assert sampling.image_shape(everything, weights, inputs) == (4, 4, 3)
    inputs = sampling.inputs(plain, np.arange(1), seed=0)
    with pytest.raises(ValueError, match="a positive number, not -1"):
        sampling.image_shape(plain, weights, inputs, options={"truncation": -1})


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"z": np.zeros((2, 2))}, r"the inputs \['label', 'z'\], given are \['z'\]"),
        ({"z": np.zeros((2, 2)), "label": np.zeros(3)}, "equally many"),
        ({"z": np.zeros((0, 2)), "label": np.zeros(0)}, "at least one"),
        ({"z": np.zeros((2, 2)), "label": np.array([0, 99])}, "'label' must be in 0..2, not 99"),
        ({"z": np.zeros((2, 2)), "label": np.array([-1, 0])}, "'label' must be in 0..2, not -1"),
        ({"z": np.zeros((2, 2)), "label": np.zeros(2)}, "'label' has integers, not float64"),
    ],
)
def test_other_inputs_are_refused(conditional, weights, inputs, message):
    with pytest.raises(ValueError, match=message):
        sampling.make_generate(conditional)(weights, inputs)
    with pytest.raises(ValueError, match=message):
        next(sampling.make_generate(conditional).numbered(weights, lambda numbers: inputs, 2))
