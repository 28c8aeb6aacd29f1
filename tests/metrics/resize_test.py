import jax
import numpy as np
import pytest

from gan_jax.metrics.resize import resize_bilinear_tf1


def tf1_bilinear(image, size):
    """A pixel at a time, in the words of TensorFlow 1's CPU kernel (float32 throughout)."""
    height, width, _ = image.shape
    result = np.zeros((*size, image.shape[2]), np.float32)
    scales = [
        np.float32(old) / np.float32(new) for old, new in zip(image.shape, size, strict=False)
    ]
    for row in range(size[0]):
        for column in range(size[1]):
            y, x = np.float32(row) * scales[0], np.float32(column) * scales[1]
            top, left = int(np.floor(y)), int(np.floor(x))
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            dy, dx = y - np.float32(top), x - np.float32(left)
            upper = image[top, left] + (image[top, right] - image[top, left]) * dx
            lower = image[bottom, left] + (image[bottom, right] - image[bottom, left]) * dx
            result[row, column] = upper + (lower - upper) * dy
    return result


@pytest.mark.parametrize(
    ("old", "new"),
    [((8, 8), (29, 29)), ((32, 20), (47, 61)), ((40, 57), (13, 19)), ((1, 3), (5, 5))],
)
def test_resize_is_tensorflow_1s(old, new):
    images = np.random.default_rng(0).integers(0, 256, (2, *old, 3)).astype(np.float32)
    resized = resize_bilinear_tf1(images, new)
    expected = np.stack([tf1_bilinear(image, new) for image in images])
    np.testing.assert_array_equal(resized, expected)
    compiled = jax.jit(resize_bilinear_tf1, static_argnums=1)(images, new)
    np.testing.assert_allclose(compiled, expected, rtol=0, atol=1e-4)


def test_pixels_lie_at_their_corners_and_the_last_repeats():
    """Half-pixel centers would give 0, 2.5, 7.5, 10, aligned corners 0, 3.3, 6.7, 10."""
    images = np.array([0.0, 10.0], np.float32).reshape(1, 1, 2, 1)
    np.testing.assert_array_equal(resize_bilinear_tf1(images, (1, 4)).ravel(), [0, 5, 10, 10])


def test_the_size_that_is_there_changes_nothing():
    images = np.random.default_rng(0).random((1, 5, 7, 3), np.float32)
    np.testing.assert_array_equal(resize_bilinear_tf1(images, (5, 7)), images)
