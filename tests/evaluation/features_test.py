"""Features of many images, divided over four devices."""

import io

import jax
import numpy as np
import pytest

from gan_jax.core import local_devices
from gan_jax.evaluation import features


def pictures(count, channels=3):
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, channels), np.uint8)


def test_batches_are_divided_and_change_nothing(toy_extractor):
    images, extractor = pictures(23), toy_extractor
    want = [np.asarray(x) for x in extractor(images)]
    for batch_size in (4, 16, 64):
        seen = features.extract(extractor, images, batch_size=batch_size)
        np.testing.assert_allclose(seen.features, want[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(seen.logits, want[1], rtol=1e-5, atol=1e-5)


def test_four_devices_see_what_one_sees(monkeypatch, toy_extractor):
    images, extractor = pictures(10), toy_extractor
    four = features.extract(extractor, images, batch_size=8)
    assert local_devices().count == 4
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    assert local_devices().count == 1
    one = features.extract(extractor, images, batch_size=8)
    np.testing.assert_allclose(four.features, one.features, rtol=1e-6, atol=1e-6)


def test_grey_images_are_repeated(toy_extractor):
    grey, extractor = pictures(3, channels=1), toy_extractor
    seen = features.extract(extractor, grey)
    want = features.extract(extractor, np.repeat(grey, 3, axis=3))
    np.testing.assert_array_equal(seen.features, want.features)


def test_a_stream_runs_one_batch_ahead_and_no_further(toy_extractor):
    taken = []

    def batches():
        for start in range(0, 12, 4):
            taken.append(start)
            yield pictures(12)[start : start + 4]

    stream = features.make_extract(toy_extractor, batch_size=4)(batches())
    next(stream)
    assert taken == [0, 4]
    assert len(list(stream)) == 2


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


def test_a_batch_that_is_too_large_is_refused(toy_extractor):
    run = features.make_extract(toy_extractor, batch_size=4)
    with pytest.raises(ValueError, match="up to 4 images, not 5"):
        list(run([pictures(5)]))


def test_progress_is_told_in_lines_where_there_is_no_terminal():
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
