"""Nearest neighbors: a copy is found, and told from what is new."""

import numpy as np
import pytest

from gan_jax import data
from gan_jax.evaluation import features
from gan_jax.evaluation.reference import make_reference
from gan_jax.modes.report import neighbors


def make_dataset(images, labels=None):
    arrays = {"image": images} if labels is None else {"image": images, "label": labels}
    names = {} if labels is None else {"label": ("even", "odd")}
    return data.from_arrays(arrays, class_names=names, name="noise")


@pytest.fixture
def dataset():
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)
    images[7] = images[3]
    labels = np.arange(40, dtype=np.int32) % 2
    return make_dataset(images, labels)


@pytest.fixture
def find(dataset, extractor, tmp_path):
    def call(images, **options):
        names = [""] * len(images)
        return neighbors.find(
            np.asarray(images), names, dataset, extractor, cache_dir=tmp_path, **options
        )

    return call


def test_a_memorized_image_is_found_and_suspicious(find, dataset):
    found = find(dataset.arrays["image"][[20, 11]])
    assert found.searched == found.total == 40
    np.testing.assert_array_equal(found.generated, [0.0, 0.0])
    for match, row in zip(found.first, (20, 11), strict=True):
        np.testing.assert_array_equal(match.neighbors[0].image, dataset.arrays["image"][row])
        assert match.neighbors[0].name == ("even", "odd")[row % 2]
        distances = [near.distance for near in match.neighbors]
        assert distances == sorted(distances)
        assert distances[1] > 0.0


def test_distances_among_training_images_leave_a_image_itself_out(find):
    found = find(np.zeros((1, 32, 32, 3), np.uint8))
    assert len(found.real) == 40
    assert np.flatnonzero(found.real == 0.0).tolist() == [3, 7]  # the copies of one another


def test_new_images_are_not_suspicious_and_copies_are(extractor, tmp_path):
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (300, 32, 32, 3), np.uint8)
    dataset = make_dataset(images)
    new = random.integers(0, 256, (100, 32, 32, 3), np.uint8)

    def share(queries):
        names = [""] * len(queries)
        return neighbors.find(queries, names, dataset, extractor, cache_dir=tmp_path).suspicious

    assert share(new) < 0.1
    assert share(images[:100]) == 1.0


def test_a_part_of_the_set_is_taken_evenly(find, dataset):
    found = find(dataset.arrays["image"][[0, 39, 1]], count=4)
    assert found.searched == 4
    assert found.total == 40
    # The first and the last are among the four, the second is not.
    assert found.generated[:2].tolist() == [0.0, 0.0]
    assert found.generated[2] > 0.0
    assert len(found.first[0].neighbors) == 4


def test_the_closest_come_first(find, dataset):
    queries = np.concatenate([255 - dataset.arrays["image"][:8], dataset.arrays["image"][5:6]])
    found = find(queries)
    np.testing.assert_array_equal(found.closest[0].image, dataset.arrays["image"][5])
    nearest = [match.neighbors[0].distance for match in found.closest]
    assert nearest == sorted(nearest)
    np.testing.assert_array_equal(found.first[0].image, queries[0])


def test_features_of_other_images_are_not_taken_for_these(find, dataset, extractor, tmp_path):
    find(dataset.arrays["image"][:1])
    changed = make_dataset(255 - dataset.arrays["image"], dataset.arrays["label"])
    found = neighbors.find(
        changed.arrays["image"][5:6], [""], changed, extractor, cache_dir=tmp_path
    )
    assert found.generated[0] == 0.0
    assert len(list(tmp_path.glob("*.features"))) == 2


def test_what_an_evaluation_has_extracted_is_not_extracted_again(
    find, dataset, extractor, tmp_path, monkeypatch
):
    kept = make_reference(extractor, dataset, keep_features=True, cache_dir=tmp_path)
    seen = []
    extract = features.extract
    monkeypatch.setattr(
        features, "extract", lambda e, images, **k: seen.append(len(images)) or extract(e, images)
    )
    assert find(dataset.arrays["image"][[20]]).generated[0] == 0.0
    assert seen == [1]
    # Nor the other way round: only the moments are to be taken.
    for file in tmp_path.glob("*.moments"):
        file.unlink()
    monkeypatch.setattr(features, "make_extract", None)
    again = make_reference(extractor, dataset, cache_dir=tmp_path)
    assert again.features is None
    np.testing.assert_array_equal(again.moments.scatter, kept.moments.scatter)


def test_a_cache_that_cannot_be_written_costs_only_time(dataset, extractor, tmp_path, capsys):
    cache = tmp_path / "cache"
    cache.write_text("a file where the folder should be")
    found = neighbors.find(dataset.arrays["image"][:1], [""], dataset, extractor, cache_dir=cache)
    assert found.generated[0] == 0.0
    assert "warning: features are not kept" in capsys.readouterr().out
