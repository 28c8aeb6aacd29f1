"""DiffAugment against its definition, on images whose augmentation can be read off."""

import doctest

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.augmentations import diff_augment, diffaugment


def images(count=256, size=32, channels=3):
    return jax.random.uniform(jax.random.key(1), (count, size, size, channels), minval=0.1)


def augmented(policy, x):
    return np.asarray(jax.jit(lambda k, x: diff_augment(k, x, policy=policy))(jax.random.key(0), x))


def test_the_example_of_the_docstring():
    assert doctest.testmod(diffaugment).failed == 0


def test_no_policy_changes_nothing():
    x = images(2, 8)
    assert diff_augment(jax.random.key(0), x, policy=()) is x


def test_translation_shifts_by_whole_pixels_and_fills_with_zeros():
    x = np.asarray(images(512, 16))
    out = augmented(("translation",), x)
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    shifts = set()
    for i in range(len(x)):
        fits = [
            (a, b)
            for a in range(5)
            for b in range(5)
            if (padded[i, a : a + 16, b : b + 16] == out[i]).all()
        ]
        assert len(fits) == 1
        shifts.update(fits)
    assert len(shifts) == 25


def test_zeros_of_translation_and_cutout_are_as_many_as_published():
    x = images(4096, channels=1)
    zeros = (augmented(("cutout",), x) == 0).sum((1, 2, 3))
    assert (zeros.min(), zeros.max()) == (64, 256)
    assert abs(zeros.mean() - 191.0) < 3
    assert abs((augmented(("translation",), x) == 0).sum((1, 2, 3)).mean() - 137.6) < 4


@pytest.mark.parametrize("size", [7, 12])
def test_the_hole_is_one_rectangle_clipped_at_the_border(size):
    holes = augmented(("cutout",), images(200, size, 1))[..., 0] == 0
    half = int(size / 2 + 0.5)
    assert (holes == holes.any(2, keepdims=True) & holes.any(1, keepdims=True)).all()
    heights = holes.any(2).sum(1)
    assert heights.max() == half
    assert heights.min() >= half // 2


def test_color_is_brightness_then_saturation_then_contrast_with_draws_of_each_image():
    x = np.asarray(images(2000, 4))
    out = augmented(("color",), x)
    shift = (out - x).mean((1, 2, 3))
    assert abs(shift.mean()) < 0.03
    assert -0.5 <= shift.min() < -0.45
    assert 0.45 < shift.max() <= 0.5
    # Gray values move by the contrast alone, the rest of a color by the saturation too.
    gray, new_gray = (a.mean(3) - a.mean((1, 2, 3))[:, None, None] for a in (x, out))
    contrast = (new_gray * gray).sum((1, 2)) / (gray**2).sum((1, 2))
    np.testing.assert_allclose(new_gray, contrast[:, None, None] * gray, atol=1e-4)
    assert 0.5 <= contrast.min() < 0.52
    assert 1.48 < contrast.max() <= 1.5
    tint, new_tint = (a - a.mean(3, keepdims=True) for a in (x, out))
    both = (new_tint * tint).sum((1, 2, 3)) / (tint**2).sum((1, 2, 3))
    np.testing.assert_allclose(new_tint, both[:, None, None, None] * tint, atol=1e-4)
    saturation = both / contrast
    assert 0 <= saturation.min() < 0.05
    assert 1.95 < saturation.max() <= 2.001


def test_gradients_go_through():
    def kept(x):
        out = diff_augment(jax.random.key(0), x, policy=("translation", "cutout"))
        return jnp.sum(out**2), out

    x = images(4, 8)
    gradient, out = jax.grad(kept, has_aux=True)(x)
    np.testing.assert_allclose(
        jnp.sort(gradient, axis=None), jnp.sort(2 * out, axis=None), rtol=1e-6
    )


def test_what_is_no_image_or_no_augmentation_is_refused():
    with pytest.raises(ValueError, match="did you mean 'cutout'"):
        diff_augment(jax.random.key(0), images(2, 8), policy=("cutuot",))
    with pytest.raises(ValueError, match=r"floating point \[B, H, W, C\], not int32"):
        diff_augment(jax.random.key(0), jnp.zeros((2, 8, 8, 3), jnp.int32))
