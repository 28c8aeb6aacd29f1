"""Scores by a stated protocol, with an extractor that costs nothing."""

import tracemalloc

import numpy as np
import pytest

from gan_jax import core, data, metrics
from gan_jax.evaluation import evaluator as evaluation
from gan_jax.evaluation import features, protocols
from gan_jax.evaluation.reference import make_reference
from gan_jax.images import batches_of


def images_of(count, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)


def dataset(count=120):
    return data.from_arrays({"image": images_of(count, seed=0)}, name="noise")


@pytest.fixture
def evaluator(toy_extractor, tmp_path):
    def make(names=protocols.METRICS, real=None, **options):
        reference = make_reference(
            toy_extractor,
            real or dataset(),
            keep_features=protocols.needs_features(names),
            cache_dir=tmp_path,
        )
        return evaluation.Evaluator(toy_extractor, reference, names, **options)

    return make


def test_all_scores_are_those_of_the_whole_arrays(evaluator, toy_extractor):
    images = images_of(90)
    real, fake = (features.extract(toy_extractor, x) for x in (images_of(120, seed=0), images))
    scores = evaluator(batch_size=16).score(batches_of(images, 16), 90)
    fid = metrics.frechet_inception_distance(real.features, fake.features)
    kid = metrics.kernel_inception_distance(real.features, fake.features, subset_size=45)
    inception = metrics.inception_score(fake.logits)
    precision, recall = metrics.precision_recall(real.features, fake.features)
    density, coverage = metrics.density_coverage(real.features, fake.features)
    assert scores == pytest.approx(
        {
            "fid_toy": fid,
            "kid_toy": kid.mean,
            "kid_std_toy": kid.standard_deviation,
            "kid_standard_error_toy": kid.standard_error,
            "inception_score_toy": inception.mean,
            "inception_score_std_toy": inception.standard_deviation,
            "precision_toy": precision,
            "recall_toy": recall,
            "density_toy": density,
            "coverage_toy": coverage,
        },
        rel=1e-5,
        abs=1e-9,
    )


def test_only_what_is_asked_for_is_scored(evaluator):
    images = images_of(40)
    scores = evaluator(("precision",)).score(batches_of(images, 64), 40)
    assert set(scores) == {"precision_toy"}


def test_scores_do_not_depend_on_the_batch_size(evaluator):
    images = images_of(50)
    one, other = (
        evaluator(batch_size=size).score(batches_of(images, size), 50) for size in (4, 64)
    )
    assert one == pytest.approx(other, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(("promised", "message"), [(50, "40 came"), (30, "more came"), (1, "2")])
def test_another_count_than_promised_is_refused(evaluator, promised, message):
    with pytest.raises(ValueError, match=message):
        evaluator(("fid",)).score(batches_of(images_of(40), 8), promised)


def test_unknown_metrics_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="unknown metric 'fdi': did you mean 'fid'"):
        protocols.check_metrics(("fdi",))
    with pytest.raises(ValueError, match="no metric"):
        protocols.check_metrics(())


def test_fid_and_inception_score_need_no_memory_for_more_images(evaluator):
    scorer, image = evaluator(("fid", "inception_score")), images_of(64)

    def peak(batches):
        tracemalloc.start()
        scorer.score((image for _ in range(batches)), 64 * batches)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)
    # A twentieth of what the features and logits of the further images would take.
    assert peak(640) - peak(64) < 0.05 * 64 * 576 * (12 + 5) * 8


def test_the_line_names_what_a_number_cannot_be_compared_without(evaluator):
    scorer = evaluator(("fid", "inception_score"))
    sampler = core.Sampler({"z": core.Normal((3,))}, None, ("net",), options={"truncation": None})
    protocol = protocols.samples_protocol(
        scorer.reference,
        sampler,
        scorer.names,
        family="toy",
        sampler_name="images",
        image_shape=(8, 8, 3),
        sources={},
        precision="bfloat16",
        count=1000,
        seed=3,
        options={"truncation": 0.5},
        averaged=True,
    )
    protocol["step"] = 7000
    line = protocols.describe(
        {"fid_toy": 12.3456, "inception_score_toy": 7.0, "inception_score_std_toy": 0.25}, protocol
    )
    assert line == (
        "step 7,000: FID (toy) 12.35, Inception Score (toy) 7 (std 0.25) (1,000 generated against "
        "120 real images of 8x8 of noise train; Toy, bilinear to 2, weights 00000000; "
        "averaged weights in bfloat16, truncation 0.5, seed 3; inception score splits 10)"
    )
    changed = {"precision": "float32", "options": {"truncation": None}, "array": "left"}
    changed |= {"classes": {"label": ["dog"]}, "num_classes": {"label": 3}}
    line = protocols.describe({"fid_toy": 1.0}, protocol | changed | {"source": "fakes"})
    assert "1,000 generated (fakes) against" in line
    assert "noise train (left), only dog;" in line
    assert "averaged weights, no truncation, seed 3" in line
    line = protocols.describe({"fid_toy": 1.0}, protocol | {"fake_shape": [4, 2, 3]})
    assert "1,000 generated (2x4) against 120 real images of 8x8" in line


def test_images_that_come_sorted_take_positions(evaluator):
    images = np.concatenate([np.full((20, 8, 8, 3), 10 * i, np.uint8) for i in range(5)])
    scorer = evaluator(("inception_score",))
    order = np.random.default_rng(0).permutation(100)

    def score(images, positions=None):
        batches = batches_of(images, 64)
        return scorer.score(batches, 100, positions=positions)["inception_score_toy"]

    shuffled = np.empty_like(images)
    shuffled[order] = images
    assert score(images, order) == pytest.approx(score(shuffled), rel=1e-5)
    assert score(images, order) > score(images)


def test_a_reference_without_features_is_refused_where_they_are_needed(toy_extractor, tmp_path):
    reference = make_reference(toy_extractor, dataset(), cache_dir=tmp_path)
    with pytest.raises(ValueError, match="keep_features=True"):
        evaluation.Evaluator(toy_extractor, reference, ("fid", "recall"))


@pytest.mark.parametrize(
    ("name", "real", "fake", "message"),
    [
        ("recall", 100, 3, "recall needs at least 4 generated images, not 3"),
        ("coverage", 5, 100, "coverage needs at least 6 real images, not 5"),
        ("kid", 3, 100, "kid needs at least 4 real images, not 3"),
        ("fid", 100, 1, "fid needs at least 2 generated images, not 1"),
    ],
)
def test_too_few_images_are_refused_before_anything_is_computed(name, real, fake, message):
    with pytest.raises(ValueError, match=message):
        protocols.check_counts((name,), real, fake)
    protocols.check_counts((name,), 6, 6)


def test_metrics_in_one_string_are_taken_apart():
    assert protocols.check_metrics(("fid,kid",)) == ("fid", "kid")
