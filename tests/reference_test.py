"""Statistics of real images: computed once, kept by protocol."""

import dataclasses

import numpy as np
import pytest

from gan_jax import data, features, metrics
from gan_jax.reference import make_reference


def dataset(count=40, seed=0):
    random = np.random.default_rng(seed)
    return data.ImageDataset(
        random.integers(0, 256, (count, 8, 8, 3), np.uint8),
        np.arange(count, dtype=np.int32) % 4,
        ("a", "b", "c", "d", "e"),
        "noise",
        "train",
    )


@pytest.fixture
def counted(toy_extractor):
    """The toy extractor, and how often it was traced: not at all where the result was kept."""
    traces = []

    def apply(params, images):
        traces.append(images.shape)
        return toy_extractor.apply(params, images)

    return dataclasses.replace(toy_extractor, apply=apply), traces


def test_moments_features_and_frequencies(toy_extractor, tmp_path):
    found = make_reference(toy_extractor, dataset(), keep_features=True, cache_dir=tmp_path)
    want = features.extract(toy_extractor, dataset().images).features
    np.testing.assert_allclose(found.features, want, rtol=1e-6)
    np.testing.assert_allclose(found.moments.mean, want.mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.moments.covariance, np.cov(want.T), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.label_frequencies, [0.25, 0.25, 0.25, 0.25, 0.0])


def test_a_second_look_reads_what_the_first_kept(counted, tmp_path):
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
    assert [file.suffix for file in tmp_path.iterdir()] == [".npz"]
    traces.clear()
    found = make_reference(extractor, dataset(), keep_features=True, cache_dir=tmp_path)
    assert traces
    assert found.features.shape == (40, 12)


@pytest.mark.parametrize("change", ["images", "split", "weights", "count"])
def test_another_protocol_is_another_reference(counted, tmp_path, change):
    extractor, traces = counted
    make_reference(extractor, dataset(), cache_dir=tmp_path)
    traces.clear()
    other, count = dataset(seed=1 if change == "images" else 0), 0
    if change == "split":
        other = dataclasses.replace(other, split="test")
    if change == "weights":
        extractor = dataclasses.replace(extractor, weights_sha256="1" * 64)
    if change == "count":
        count = 30
    make_reference(extractor, other, count=count, cache_dir=tmp_path)
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


def test_a_damaged_file_is_computed_again(counted, tmp_path):
    extractor, traces = counted
    first = make_reference(extractor, dataset(), keep_features=True, cache_dir=tmp_path)
    for file in list(tmp_path.iterdir()):
        for content in (b"", file.read_bytes()[:100]):
            file.unlink()
            file.write_bytes(content)
            traces.clear()
            again = make_reference(extractor, dataset(), keep_features=True, cache_dir=tmp_path)
            assert traces
            np.testing.assert_array_equal(first.moments.scatter, again.moments.scatter)


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
    unlabelled = dataclasses.replace(dataset(), class_names=(), labels=np.zeros(40, np.int32))
    found = make_reference(toy_extractor, unlabelled, cache_dir=tmp_path)
    assert found.label_frequencies.shape == (0,)
    assert metrics.frechet_inception_distance(found.moments, found.moments) == pytest.approx(0.0)
