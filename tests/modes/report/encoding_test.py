"""Images within a number of bytes: exact while that fits, then worse, then fewer."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from gan_jax.modes.report.encoding import encode, spread


def noise(count, side=32, channels=3):
    shape = (count, side, side, channels)
    return list(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def files(encoded):
    return [base64.b64decode(uri.partition(",")[2]) for uri in encoded.uris]


@pytest.mark.parametrize("channels", [1, 3])
def test_what_fits_is_exact(channels):
    images = noise(3, channels=channels)
    encoded = encode(images, max_bytes=100_000)
    assert encoded.note == ""
    for image, file in zip(images, files(encoded), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))), image.squeeze())


def test_lossless_comes_before_lossy():
    # WebP halves what PNG makes of a smooth gradient.
    smooth = np.add.outer(np.arange(256), np.arange(256)) // 2
    pixels = np.stack([smooth, smooth[::-1], smooth[:, ::-1]], -1).astype(np.uint8)
    png = len(files(encode([pixels], max_bytes=10**6))[0])
    encoded = encode([pixels], max_bytes=png - 1)
    assert encoded.note == ""
    (file,) = files(encoded)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))), pixels)


def test_quality_falls_before_images_are_left_out():
    encoded = encode(noise(20, 64), max_bytes=90_000, thin=True)
    assert encoded.indices == tuple(range(20))
    assert "WebP of quality" in encoded.note
    assert sum(map(len, files(encoded))) <= 90_000


def test_the_first_and_the_last_are_always_kept():
    encoded = encode(noise(30, 64), max_bytes=20_000, thin=True)
    assert encoded.indices[0] == 0
    assert encoded.indices[-1] == 29
    assert len(encoded.indices) < 30
    assert f"{len(encoded.indices)} of 30 are shown" in encoded.note
    assert sum(map(len, files(encoded))) <= 20_000


def test_without_thinning_all_are_kept_smaller():
    encoded = encode(noise(10, 128), max_bytes=10_000)
    assert len(encoded.uris) == 10
    assert "of their size" in encoded.note


def test_what_cannot_fit_is_still_shown():
    assert len(encode(noise(2), max_bytes=1).uris) == 2


@pytest.mark.parametrize(
    ("count", "kept", "expected"),
    [(3, 5, [0, 1, 2]), (5, 3, [0, 2, 4]), (5, 1, [4]), (1, 1, [0]), (4, 2, [0, 3])],
)
def test_spread(count, kept, expected):
    assert spread(count, kept) == expected
