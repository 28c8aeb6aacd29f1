"""Features of many images, divided over four devices."""

import dataclasses
import io

import jax
import numpy as np
import pytest

from gan_jax.core import local_devices
from gan_jax.evaluation import features


def images_of(count, channels=3):
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, channels), np.uint8)


def test_batches_are_divided_and_change_nothing(toy_extractor):
    images, extractor = images_of(23), toy_extractor
    want = [np.asarray(x) for x in extractor(images)]
    for batch_size in (4, 16, 64):
        found = features.extract(extractor, images, batch_size=batch_size)
        np.testing.assert_allclose(found.features, want[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found.logits, want[1], rtol=1e-5, atol=1e-5)


def test_four_devices_compute_what_one_does(monkeypatch, toy_extractor):
    images, extractor = images_of(10), toy_extractor
    four = features.extract(extractor, images, batch_size=8)
    assert local_devices().count == 4
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    assert local_devices().count == 1
    one = features.extract(extractor, images, batch_size=8)
    np.testing.assert_allclose(four.features, one.features, rtol=1e-6, atol=1e-6)


def test_gray_images_are_repeated(toy_extractor):
    gray, extractor = images_of(3, channels=1), toy_extractor
    found = features.extract(extractor, gray)
    want = features.extract(extractor, np.repeat(gray, 3, axis=3))
    np.testing.assert_array_equal(found.features, want.features)


def test_a_stream_runs_one_batch_ahead_and_no_further(toy_extractor):
    taken = []

    def batches():
        for start in range(0, 12, 4):
            taken.append(start)
            yield images_of(12)[start : start + 4]

    stream = features.make_extract(toy_extractor, batch_size=4)(batches())
    next(stream)
    assert taken == [0, 4]
    assert len(list(stream)) == 2


@pytest.mark.parametrize("sizes", [(23,), (1, 22), (5, 5, 5, 5, 3), (8, 15), (16, 0, 7)])
def test_batches_of_any_size_are_computed_as_one_stream(toy_extractor, sizes):
    images = images_of(23)
    traced = []

    def apply(params, images):
        traced.append(len(images))
        return toy_extractor.apply(params, images)

    extractor = dataclasses.replace(toy_extractor, apply=apply)
    batches = np.split(images, np.cumsum(sizes)[:-1])
    found = list(features.make_extract(extractor, batch_size=8)(batches))
    assert [len(part.features) for part in found] == [8, 8, 7]
    assert traced == [8], "one compilation"
    want = features.extract(toy_extractor, images, batch_size=8).features
    np.testing.assert_array_equal(np.concatenate([part.features for part in found]), want)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 8, 3), np.float32),
        np.zeros((2, 8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
    ],
)
def test_other_images_are_refused(images, toy_extractor):
    with pytest.raises(ValueError, match=r"uint8 \[N, H, W, 1 or 3\]"):
        features.extract(toy_extractor, images)


def test_no_images_are_refused(toy_extractor):
    with pytest.raises(ValueError, match="no images"):
        features.extract(toy_extractor, np.zeros((0, 8, 8, 3), np.uint8))


def test_progress_is_shown_in_lines_where_there_is_no_terminal():
    out = io.StringIO()
    batches = list(features.progress([[0] * 4] * 3, 12, "real images", interval=0.0, file=out))
    assert len(batches) == 3
    lines = out.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "real images: 4 of 12",
        "real images: 8 of 12",
    ]
    assert all("images/s" in line and "left" in line for line in lines)
    assert list(features.progress([[0]], 1, "", interval=0.0, file=out)) == [[0]]
    assert len(out.getvalue().splitlines()) == 2
