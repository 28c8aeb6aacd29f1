"""Augmentations against NumPy, and their laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.images import (
    augment,
    make_augment,
    normalize,
    quantize,
    random_crop,
    random_flip,
    random_rotation,
)

rotate = jax.jit(augment.rotate)


def make_images(batch=4, height=6, width=6, channels=3, seed=0):
    pixels = np.random.default_rng(seed).uniform(-1, 1, (batch, height, width, channels))
    return jnp.asarray(pixels, jnp.float32)


def test_quantize_inverts_normalize_exactly():
    pixels = jnp.arange(256, dtype=jnp.uint8)
    normalized = normalize(pixels)
    assert normalized.dtype == jnp.float32
    assert float(normalized[0]) == -1.0
    assert float(normalized[255]) == 1.0
    np.testing.assert_allclose(normalized, np.arange(256) / 127.5 - 1.0, atol=1e-7)
    np.testing.assert_array_equal(quantize(normalized), pixels)
    np.testing.assert_array_equal(jax.jit(lambda p: quantize(normalize(p)))(pixels), pixels)


def test_quantize_rounds_and_clips():
    values = jnp.array([-2.0, -1.0, 2 * 10.4 / 255 - 1, 2 * 10.6 / 255 - 1, 1.0, 3.0])
    assert quantize(values).tolist() == [0, 0, 10, 11, 255, 255]
    assert quantize(values).dtype == jnp.uint8
    # In bfloat16 alone 254 and 255 would be equal.
    assert quantize(jnp.bfloat16(1.0)).item() == 255


def test_normalize_takes_pixels_only():
    with pytest.raises(ValueError, match="uint8"):
        normalize(jnp.zeros((2, 2)))


def test_flip_mirrors_each_image_or_leaves_it():
    images = make_images(batch=64)
    flipped = np.asarray(random_flip(jax.random.key(0), images))
    mirrored = [np.array_equal(f, i[:, ::-1]) for f, i in zip(flipped, images, strict=True)]
    kept = [np.array_equal(f, i) for f, i in zip(flipped, images, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48
    # The same key decides alike: an involution.
    np.testing.assert_array_equal(random_flip(jax.random.key(0), flipped), images)


def test_crop_is_a_window_of_the_reflected_image():
    images = make_images(batch=32, height=5, width=7)
    cropped = np.asarray(random_crop(jax.random.key(1), images, 2))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    offsets = []
    for image, crop in zip(padded, cropped, strict=True):
        windows = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if np.array_equal(image[y : y + 5, x : x + 7], crop)
        ]
        assert len(windows) == 1
        offsets += windows
    # Every shift up and down, and left and right, occurs; each image has its own.
    assert {y for y, _ in offsets} == {x for _, x in offsets} == set(range(5))


def test_no_padding_and_no_degrees_are_the_identity():
    images = make_images()
    np.testing.assert_array_equal(random_crop(jax.random.key(0), images, 0), images)
    np.testing.assert_array_equal(random_rotation(jax.random.key(0), images, 0), images)
    np.testing.assert_array_equal(rotate(images, jnp.zeros(4)), images)
    np.testing.assert_array_equal(make_augment()(jax.random.key(0), images), images)


@pytest.mark.parametrize("side", [5, 6])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_right_angles_are_numpys_rot90(side, turns):
    images = make_images(height=side, width=side)
    rotated = rotate(images, jnp.full(4, turns * np.pi / 2))
    np.testing.assert_allclose(rotated, np.rot90(images, turns, axes=(1, 2)), atol=2e-5)


def test_rotation_is_bilinear_and_reflects():
    images = make_images(batch=2, height=6, width=9, channels=1)
    angles = np.array([0.3, -1.1])
    expected = np.stack(
        [rotate_in_numpy(np.asarray(i), a) for i, a in zip(images, angles, strict=True)]
    )
    np.testing.assert_allclose(rotate(images, jnp.asarray(angles)), expected, atol=1e-5)


def rotate_in_numpy(image, angle):
    height, width, _ = image.shape
    padding = 2 * max(height, width)
    padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)), mode="reflect")
    center = np.array([(height - 1) / 2, (width - 1) / 2])
    # Rows run downwards, so rotating the image by +angle samples at -angle in (x, -y).
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    rotated = np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            at = rotation @ (np.array([y, x]) - center) + center + padding
            low = np.floor(at).astype(int)
            f = at - low
            for dy in (0, 1):
                for dx in (0, 1):
                    weight = (f[0] if dy else 1 - f[0]) * (f[1] if dx else 1 - f[1])
                    rotated[y, x] += weight * padded[low[0] + dy, low[1] + dx]
    return rotated


def test_rotation_turns_by_at_most_the_degrees_given():
    # The brightest point of a bump to the right of the center shows the angle of each image.
    y, x = np.mgrid[:33, :33] - 16.0
    bump = np.exp(-((x - 9) ** 2 + y**2) / 8).astype(np.float32)
    images = jnp.tile(bump[None, :, :, None], (64, 1, 1, 1))
    rotated = jax.jit(random_rotation, static_argnums=2)(jax.random.key(3), images, 20.0)
    rotated = np.asarray(rotated)[..., 0]
    mass = rotated.sum((1, 2))
    angles = np.degrees(
        np.arctan2(-(rotated * y).sum((1, 2)) / mass, (rotated * x).sum((1, 2)) / mass)
    )
    assert np.abs(angles).max() < 20.5
    assert angles.min() < -15
    assert angles.max() > 15


def test_augment_keeps_shape_type_and_range_and_depends_on_the_key_alone():
    dtype = jnp.bfloat16
    apply = jax.jit(make_augment(flip=True, crop_padding=2, rotation_degrees=15.0))
    images = make_images(batch=8).astype(dtype)
    once = apply(jax.random.key(0), images)
    assert once.shape == images.shape
    assert once.dtype == dtype
    assert float(jnp.abs(once.astype(jnp.float32)).max()) <= 1.01
    np.testing.assert_array_equal(apply(jax.random.key(0), images), once)
    assert not np.array_equal(apply(jax.random.key(1), images), once)
    constant = apply(jax.random.key(2), jnp.full_like(images, 0.5))
    np.testing.assert_allclose(constant.astype(jnp.float32), 0.5, atol=4e-3)


def test_out_of_range_settings_are_rejected():
    images = make_images()
    with pytest.raises(ValueError, match=r"padding must be in 0\.\.5"):
        random_crop(jax.random.key(0), images, 6)
    with pytest.raises(ValueError, match="padding"):
        random_crop(jax.random.key(0), images, -1)
    with pytest.raises(ValueError, match="degrees"):
        random_rotation(jax.random.key(0), images, -5.0)
    with pytest.raises(ValueError, match="degrees"):
        random_rotation(jax.random.key(0), images, 200.0)


@pytest.mark.parametrize(
    ("crop_padding", "second"), [(0, (5, 9, 1)), (2, (6, 4, 1))], ids=["two sizes", "one size"]
)
def test_arrays_under_one_key_are_augmented_as_each_alone(crop_padding, second):
    apply = jax.jit(make_augment(flip=True, crop_padding=crop_padding, rotation_degrees=40.0))
    pair = {"left": make_images(8, 6, 4), "right": make_images(8, *second, seed=1)}
    found = apply(jax.random.key(5), pair)
    assert set(found) == set(pair)
    for name, images in pair.items():
        alone = apply(jax.random.key(5), images)
        np.testing.assert_allclose(found[name], alone, atol=1e-5)
        assert np.abs(found[name] - images).max() > 0.01


def test_arrays_that_do_not_belong_together_are_rejected():
    pair = {"left": make_images(batch=4), "right": make_images(batch=3)}
    for apply in (random_flip, make_augment(rotation_degrees=5.0), make_augment(crop_padding=1)):
        with pytest.raises(ValueError, match=r"equally many, not \[3, 4\]"):
            apply(jax.random.key(0), pair)
    pair = {"left": make_images(width=6), "right": make_images(width=7)}
    with pytest.raises(ValueError, match=r"one size, not \[\(6, 6\), \(6, 7\)\]"):
        random_crop(jax.random.key(0), pair, 1)


@pytest.mark.parametrize(("height", "width"), [(4, 9), (7, 2), (1, 5)])
def test_half_a_rotation_of_images_that_are_not_square(height, width):
    images = make_images(height=height, width=width)
    rotated = rotate(images, jnp.full(4, np.pi))
    np.testing.assert_allclose(rotated, images[:, ::-1, ::-1], atol=2e-5)
