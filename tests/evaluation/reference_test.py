"""Statistics of real images: computed once, kept by protocol."""

import dataclasses
import functools

import numpy as np
import pytest

from gan_jax import data, metrics
from gan_jax.evaluation import feature_cache as feature_store
from gan_jax.evaluation import features, reference
from gan_jax.evaluation.reference import make_reference


def arrays(count=40, seed=0):
    random = np.random.default_rng(seed)
    return {
        "image": random.integers(0, 256, (count, 8, 8, 3), np.uint8),
        "label": np.arange(count, dtype=np.int32) % 4,
    }


def dataset(count=40, seed=0, **changed):
    names = {"label": ("a", "b", "c", "d", "e")}
    return data.from_arrays(arrays(count, seed) | changed, class_names=names, name="noise")


@pytest.fixture
def counted(toy_extractor):
    """The toy extractor, and how often it was traced: not at all where the result was kept."""
    traces = []

    def apply(params, images):
        traces.append(images.shape)
        return toy_extractor.apply(params, images)

    return dataclasses.replace(toy_extractor, apply=apply), traces


def test_moments_features_and_what_they_are_of(toy_extractor, tmp_path):
    found = make_reference(toy_extractor, dataset(), keep_features=True, cache_dir=tmp_path)
    want = features.extract(toy_extractor, arrays()["image"]).features
    np.testing.assert_allclose(found.features, want, rtol=1e-6)
    np.testing.assert_allclose(found.moments.mean, want.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.moments.covariance, np.cov(want.T), rtol=1e-4, atol=1e-6)
    assert found.protocol["data"] == "noise"
    assert found.protocol["classes"] == {"label": ["a", "b", "c", "d"]}
    assert found.protocol["num_classes"] == {"label": 5}
    assert found.protocol["real_shape"] == [8, 8, 3]


def test_a_second_call_reads_what_the_first_kept(counted, tmp_path):
    extractor, traces = counted
    first = make_reference(extractor, dataset(), keep_features=True, cache_dir=tmp_path)
    assert traces
    traces.clear()
    again = make_reference(extractor, dataset(), keep_features=True, cache_dir=tmp_path)
    assert not traces
    np.testing.assert_array_equal(first.moments.scatter, again.moments.scatter)
    np.testing.assert_array_equal(first.features, again.features)
    assert first.protocol == again.protocol


def test_features_that_were_not_kept_are_computed(counted, tmp_path):
    extractor, traces = counted
    make_reference(extractor, dataset(), cache_dir=tmp_path)
    assert [file.suffix for file in tmp_path.iterdir()] == [".moments"]
    traces.clear()
    found = make_reference(extractor, dataset(), keep_features=True, cache_dir=tmp_path)
    assert traces
    assert found.features.shape == (40, 12)


def test_distances_are_kept_and_computed_once(toy_extractor, tmp_path, monkeypatch):
    computed = []

    def counting(features, k):
        computed.append(k)
        return metrics.neighbor_distances(features, k)

    monkeypatch.setattr(reference, "neighbor_distances", counting)
    made = functools.partial(make_reference, toy_extractor, dataset(), cache_dir=tmp_path)
    first = made(neighbors=3)
    np.testing.assert_array_equal(
        first.distances, metrics.neighbor_distances(np.asarray(first.features), 3)
    )
    assert made().distances is None
    np.testing.assert_array_equal(made(neighbors=2).distances, first.distances)
    assert computed == [3]
    assert made(neighbors=5).distances.shape == (40, 5)
    assert computed == [3, 5]
    # Features that were computed again may differ in their last bits.
    next(tmp_path.glob("*.features")).unlink()
    made(neighbors=5)
    assert computed == [3, 5, 5]


@pytest.mark.parametrize(
    "change", ["images", "array", "weights", "count", "resolution", "resize", "dim", "version"]
)
def test_another_protocol_is_another_reference(counted, tmp_path, monkeypatch, change):
    extractor, traces = counted
    make_reference(extractor, dataset(), cache_dir=tmp_path)
    traces.clear()
    other, count, array = dataset(seed=1 if change == "images" else 0), 0, "image"
    if change == "array":
        # Images that are the same, as the array of another name.
        other, array = data.from_arrays({"left": arrays()["image"]}, name="noise"), "left"
    if change == "weights":
        extractor = dataclasses.replace(extractor, weights_sha256="1" * 64)
    if change == "count":
        count = 30
    if change == "resolution":
        extractor = dataclasses.replace(extractor, resolution=3)
    if change == "resize":
        extractor = dataclasses.replace(extractor, resize="another way")
    if change == "dim":
        whole = extractor.apply

        def apply(params, images):
            features, logits = whole(params, images)
            return features[:, :7], logits

        extractor = dataclasses.replace(extractor, feature_dim=7, apply=apply)
    if change == "version":
        monkeypatch.setattr(feature_store, "CACHE_VERSION", -1)
    make_reference(extractor, other, array=array, count=count, cache_dir=tmp_path)
    assert traces


def test_some_of_the_images_are_always_the_same_ones(toy_extractor, tmp_path):
    one, other = (
        make_reference(toy_extractor, dataset(), count=10, cache_dir=tmp_path / name)
        for name in ("one", "other")
    )
    np.testing.assert_array_equal(one.moments.mean, other.moments.mean)
    assert one.moments.count == 10
    whole = make_reference(toy_extractor, dataset(), cache_dir=tmp_path / "whole")
    assert np.abs(one.moments.mean - whole.moments.mean).max() > 0


def test_an_array_of_another_name_is_compared_with(toy_extractor, tmp_path):
    left, right = arrays(seed=1)["image"], arrays(seed=2)["image"]
    pairs = data.from_arrays({"left": left, "right": right})
    found = make_reference(
        toy_extractor, pairs, array="right", keep_features=True, cache_dir=tmp_path
    )
    want = features.extract(toy_extractor, right).features
    np.testing.assert_allclose(found.features, want, rtol=1e-6)
    assert found.protocol["array"] == "right"
    other = make_reference(toy_extractor, pairs, array="left", cache_dir=tmp_path)
    assert found.protocol["real_identity"] != other.protocol["real_identity"]


def test_a_damaged_file_is_computed_again(counted, tmp_path):
    extractor, traces = counted
    first = make_reference(extractor, dataset(), neighbors=5, cache_dir=tmp_path)
    want = np.array(first.features)
    for file in list(tmp_path.iterdir()):
        whole = file.read_bytes()
        zeroed = whole[:100] + bytes(1000) + whole[1100:]
        for content in (b"", whole[:100], zeroed):
            file.unlink()
            file.write_bytes(content)
            traces.clear()
            again = make_reference(extractor, dataset(), neighbors=5, cache_dir=tmp_path)
            # Moments can be taken of features that were kept.
            assert bool(traces) == (file.suffix == ".features")
            np.testing.assert_array_equal(first.moments.scatter, again.moments.scatter)
            np.testing.assert_array_equal(want, again.features)
            np.testing.assert_array_equal(first.distances, again.distances)
            assert file.read_bytes() == whole


def test_nothing_half_written_is_left(toy_extractor, tmp_path):
    def broken(params, images):
        raise RuntimeError("broken")

    extractor = dataclasses.replace(toy_extractor, apply=broken)
    with pytest.raises(RuntimeError, match="broken"):
        make_reference(extractor, dataset(), keep_features=True, cache_dir=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 41, -1])
def test_a_number_that_cannot_be_is_refused(toy_extractor, tmp_path, count):
    with pytest.raises(ValueError, match="take 2 to 40"):
        make_reference(toy_extractor, dataset(), count=count, cache_dir=tmp_path)


def test_data_without_labels(toy_extractor, tmp_path):
    unlabeled = data.from_arrays({"image": arrays()["image"]})
    found = make_reference(toy_extractor, unlabeled, cache_dir=tmp_path)
    assert found.protocol["classes"] == {}
    assert metrics.frechet_inception_distance(found.moments, found.moments) == pytest.approx(0.0)
