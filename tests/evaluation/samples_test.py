"""Scores of samples: of the images that sampling writes, by a stated protocol."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax import core, data, sampling
from gan_jax.evaluation import samples

WEIGHTS = core.Weights({"net": jnp.float32(0.5)}, {"net": {}})
RANDOM = np.random.default_rng(0)
LABELS = np.repeat(np.array([0, 2], np.int32), [10, 30])
STREAMS = {
    "data": data.from_arrays(
        {"image": RANDOM.integers(0, 256, (40, 8, 8, 3), np.uint8), "label": LABELS},
        class_names={"label": ("cat", "dog", "eel")},
        name="pets",
    )
}
DOMAINS = {
    name: data.from_arrays({name: RANDOM.integers(0, 256, (count, 8, 8, 3), np.uint8)}, name=name)
    for name, count in (("a", 5), ("b", 30))
}


def colored():
    """A gray that the noise sets, in the color of the label."""

    def apply(weights, inputs, truncation):
        z = core.truncated_normal(inputs["z"], truncation)
        gray = jnp.tanh(weights.params["net"] * z[:, 0])[:, None, None, None]
        images = jnp.broadcast_to(gray, (len(z), 8, 8, 3))
        return images.at[..., 0].set(inputs["label"][:, None, None] - 1.0)

    inputs = {"z": core.Normal((3,)), "label": core.Category(3, labels="label")}
    return core.Sampler(inputs, apply, ("net",), options={"truncation": None})


def negative():
    return core.Sampler(
        {"source": core.FromData("a")}, lambda _, inputs: -inputs["source"], ("net",), target="b"
    )


@pytest.fixture
def evaluator_of(toy_extractor, tmp_path):
    """`evaluator_of(sampler, streams, **options) -> SampleEvaluator`."""

    def make(sampler, streams=STREAMS, *, names=("fid", "recall"), weights=WEIGHTS, **options):
        options = {"count": 50, "averaged": False} | options
        evaluator = samples.make_evaluator(
            toy_extractor,
            streams,
            sampler.target,
            names,
            num_images=options["count"],
            cache_dir=tmp_path,
        )
        return samples.make_sample_evaluator(
            evaluator,
            sampler,
            weights,
            streams,
            family="toy",
            sampler_name="first",
            precision="float32",
            **options,
        )

    return make


def scored_images(evaluator, monkeypatch):
    """The images that an evaluation scores, in their order."""
    found = []

    def keep(self, images, count, **_):
        found.extend(images(0, count))
        return {}

    with monkeypatch.context() as patched:
        patched.setattr(type(evaluator.evaluator), "score_numbered", keep)
        evaluator(WEIGHTS)
    return np.concatenate(found)


def test_scores_are_those_of_the_images_by_number(evaluator_of, monkeypatch):
    evaluator = evaluator_of(colored(), count=70, seed=3)
    inputs = sampling.inputs(
        colored(), np.arange(70), seed=3, frequencies={"label": [0.25, 0.0, 0.75]}
    )
    images = np.concatenate(list(sampling.make_generate(colored())(WEIGHTS, inputs)))
    np.testing.assert_array_equal(scored_images(evaluator, monkeypatch), images)
    assert evaluator(WEIGHTS) == evaluator.evaluator.score([images], 70)
    assert set(evaluator(WEIGHTS)) == {"fid_toy", "recall_toy"}
    # Red is the label, which comes as often as in the data.
    counts = np.bincount(images[:, 0, 0, 0], minlength=256)[[0, 128, 255]]
    assert counts[1] == 0
    assert counts[0] < 35 < counts[2]


def test_labels_come_as_often_as_in_the_data_of_the_run(evaluator_of, monkeypatch):
    frequencies = {"label": np.array([0.0, 1.0, 0.0])}
    evaluator = evaluator_of(colored(), frequencies=frequencies)
    assert set(scored_images(evaluator, monkeypatch)[:, 0, 0, 0]) == {128}


def test_what_sampling_writes_as_a_number_is_what_evaluation_scores_as_it(
    evaluator_of, monkeypatch, tmp_path
):
    scored = scored_images(evaluator_of(colored(), count=50), monkeypatch)
    counts = samples.label_frequencies(STREAMS)

    def inputs_of(numbers):
        return sampling.inputs(colored(), numbers, seed=0, frequencies=counts)

    batches = sampling.make_generate(colored()).numbered(WEIGHTS, inputs_of, 30)
    labeled = (sampling.Labeled(x.images, {"label": x.inputs["label"]}) for x in batches)
    sampling.save_images(tmp_path / "images", labeled, 30)
    for number, file in enumerate(sorted((tmp_path / "images").iterdir())):
        np.testing.assert_array_equal(Image.open(file), scored[number])
        label = {0: 0, 255: 2}[int(scored[number, 0, 0, 0])]
        assert file.stem == f"{number:05d}_label{label}"


def test_translations_are_compared_with_the_images_of_their_target(
    evaluator_of, monkeypatch, toy_extractor
):
    evaluator = evaluator_of(negative(), DOMAINS, names=("fid",), count=12)
    sources = DOMAINS["a"].arrays["a"]
    images = scored_images(evaluator, monkeypatch)
    np.testing.assert_array_equal(images, 255 - sources[np.arange(12) % 5])
    protocol = evaluator.protocol
    assert (protocol["data"], protocol["array"], protocol["real_count"]) == ("b", "b", 30)
    assert protocol["sources"] == {"a": DOMAINS["a"].identity}
    moments = evaluator.evaluator.reference.moments
    features, _ = toy_extractor(DOMAINS["b"].arrays["b"])
    np.testing.assert_allclose(moments.mean, np.mean(features, 0), atol=1e-6)


def test_the_protocol_says_all_that_a_score_depends_on(evaluator_of):
    def protocol(sampler=None, streams=STREAMS, **options):
        return evaluator_of(sampler or colored(), streams, **options).protocol

    base = protocol()
    assert json.loads(json.dumps(base)) == base
    assert base["categories"] == {"label": "as often as in the training data"}
    assert base["options"] == {"truncation": None}
    assert base["fake_shape"] == [8, 8, 3]
    assert base["weights"] == "raw"
    others = [
        protocol(seed=1),
        protocol(count=51),
        protocol(averaged=True),
        protocol(options={"truncation": 0.5}),
        protocol(negative(), DOMAINS, names=("fid",)),
    ]
    assert len({json.dumps(x, sort_keys=True) for x in (base, *others)}) == 6


def test_shapes_are_enough_to_make_one(evaluator_of):
    shapes = core.Weights({"net": jax.ShapeDtypeStruct((), jnp.float32)}, {"net": {}})
    assert evaluator_of(colored(), weights=shapes)(WEIGHTS)


@pytest.mark.parametrize(
    ("sampler", "streams", "options", "message"),
    [
        (colored(), STREAMS, {"truncation": -1.0}, "a positive number, not -1"),
        (negative(), DOMAINS, {"truncation": 0.5}, "no option 'truncation'"),
        (negative(), {"b": DOMAINS["b"]}, {}, "the data's array 'a', of which no rows"),
        (negative(), STREAMS, {}, "the data has no array 'b', it has image, label"),
    ],
)
def test_what_cannot_be_is_refused_before_any_image(
    evaluator_of, sampler, streams, options, message
):
    with pytest.raises(ValueError, match=message):
        evaluator_of(sampler, streams, names=("fid",), options=options)


def test_it_is_cancelled_between_two_batches(evaluator_of):
    asked = []

    def cancelled():
        asked.append(True)
        return len(asked) == 2

    evaluator = evaluator_of(colored(), count=200)
    assert evaluator(WEIGHTS, cancelled=cancelled) is None
    assert len(asked) == 2
    assert evaluator(WEIGHTS)


def test_the_first_metric_names_the_history_and_the_others_have_no_part_in_it(evaluator_of):
    one = evaluator_of(colored(), names=("recall",))
    both = evaluator_of(colored(), names=("recall", "fid", "kid"))
    assert (both.main_key, both.main_title) == ("recall_toy", "Recall (toy)")
    assert not both.lower_is_better
    assert evaluator_of(colored(), names=("kid",)).lower_is_better
    assert one.main_protocol_key == both.main_protocol_key
    assert one.protocol_key != both.protocol_key
    assert one.main_protocol_key != evaluator_of(colored(), count=51).main_protocol_key
