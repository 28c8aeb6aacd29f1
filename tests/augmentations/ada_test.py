"""ADA's transforms against the numbers of the published code, and against exact ones."""

import doctest

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.augmentations import _matrices, ada, affine, feedback

COLORS = dict.fromkeys(ada._COLOR, 1.0)


def noise(count=16, size=32, channels=3):
    shape = (count, size, size, channels)
    return np.asarray(jax.random.uniform(jax.random.key(1), shape, minval=-1.0))


def smooth(count=16, size=32):
    x = np.linspace(0, 2 * np.pi, size)
    image = np.sin(x + 0.3)[:, None] * np.cos(1.5 * x)[None] + 0.3 * np.sin(2 * x)[None]
    return np.tile(image[None, :, :, None], (count, 1, 1, 3)).astype(np.float32)


warp = jax.jit(affine.warp)


def each(*numbers, count=16):
    return [jnp.full((count,), float(number)) for number in numbers]


def rms(a, b):
    return float(np.sqrt(np.mean(np.square(np.asarray(a) - np.asarray(b)))))


@pytest.mark.parametrize("module", [ada, feedback, affine])
def test_the_examples_of_the_docstrings(module):
    assert doctest.testmod(module).failed == 0


def test_the_filter_is_the_orthogonal_one_of_six_vanishing_moments():
    taps = affine.SYM6 * np.sqrt(2)
    assert taps.sum() == pytest.approx(np.sqrt(2), abs=1e-12)
    for shift in range(6):
        product = (taps[2 * shift :] * taps[: 12 - 2 * shift]).sum()
        assert product == pytest.approx(float(shift == 0), abs=1e-11)
    signs = (-1.0) ** np.arange(12)
    for moment in range(6):
        assert (signs * np.arange(12.0) ** moment * taps).sum() == pytest.approx(0, abs=1e-5)


def test_the_identity_and_whole_pixels_are_exact():
    x = noise()
    np.testing.assert_allclose(warp(x, _matrices.translation(*each(0, 0))), x, atol=4e-6)
    shifted = warp(x, _matrices.translation(*each(-3, -2)))
    expected = np.pad(x, ((0, 0), (2, 0), (3, 0), (0, 0)), mode="reflect")[:, :32, :32]
    np.testing.assert_allclose(shifted, expected, atol=4e-6)


def test_flips_and_quarter_turns_are_those_of_arrays_up_to_the_asymmetry_of_the_filter():
    flip = _matrices.scale(*each(-1, 1))
    # The published code's figures, for white noise and for a smooth image.
    assert rms(warp(noise(), flip), noise()[:, :, ::-1]) == pytest.approx(0.088, abs=0.002)
    assert rms(warp(smooth(), flip), smooth()[:, :, ::-1]) < 0.02
    for quarters in range(4):
        turned = warp(smooth(), _matrices.rotation(*each(quarters * np.pi / 2)))
        assert rms(turned, np.rot90(smooth(), quarters, (1, 2))) < 0.02


def test_a_rotation_is_undone_by_its_inverse_inside_of_the_image():
    there = warp(smooth(), _matrices.rotation(*each(0.7)))
    back = warp(there, _matrices.rotation(*each(-0.7)))
    inside = (slice(None), slice(10, 22), slice(10, 22))
    assert rms(there[inside], smooth()[inside]) > 0.2
    assert rms(back[inside], smooth()[inside]) < 0.01


def test_matrices_of_color():
    def matrix(of, number):
        return np.asarray(of(jnp.array([number])))[0]

    hue = matrix(_matrices.hue_rotation, np.pi / 2)[:3, :3]
    np.testing.assert_allclose(hue[0], (1 / 3, -0.244017, 0.910684), atol=1e-5)
    np.testing.assert_allclose(hue[1], np.roll(hue[0], 1), atol=1e-6)
    np.testing.assert_allclose(
        matrix(_matrices.hue_rotation, 2 * np.pi / 3)[:3, :3], np.roll(np.eye(3), 1, 0), atol=1e-6
    )
    third = np.full((3, 3), 1 / 3)
    half_turn = matrix(_matrices.hue_rotation, np.pi)[:3, :3]
    np.testing.assert_allclose(half_turn, 2 * third - np.eye(3), atol=1e-6)
    luma = matrix(_matrices.luma_flip, 1.0)[:3, :3]
    np.testing.assert_allclose(luma, np.eye(3) - 2 * third, atol=1e-6)
    np.testing.assert_allclose(matrix(_matrices.saturation, 0.0)[:3, :3], third, atol=1e-6)
    np.testing.assert_allclose(
        matrix(_matrices.saturation, 2.0)[:3, :3], 2 * np.eye(3) - third, atol=1e-6
    )


@pytest.mark.parametrize(
    ("p", "geometric", "all_of_them"), [(0.1, 0.5189, 0.3234), (0.3, 0.1107, 0.0226)]
)
def test_images_stay_as_they_are_as_often_as_published(p, geometric, all_of_them):
    draw = ada._Draws(jax.random.key(0), 20_000, jnp.float32(p), ada.ADA_POLICIES["bgc"])
    moved = np.asarray(ada._inverse_geometry(draw, (32, 32))) - np.eye(3)
    recolored = np.asarray(ada._color_matrix(draw, gray=False)) - np.eye(4)
    same = np.abs(moved).max((1, 2)) < 1e-5
    assert same.mean() == pytest.approx(geometric, abs=0.012)
    same &= np.abs(recolored).max((1, 2)) < 1e-5
    assert same.mean() == pytest.approx(all_of_them, abs=0.012)


def test_with_p_0_nothing_happens_and_with_p_1_everything():
    x = noise(64, 8)
    augment = jax.jit(ada.ada_augment)
    np.testing.assert_allclose(augment(jax.random.key(0), x, 0.0), x, atol=4e-6)
    changed = np.abs(augment(jax.random.key(0), x, 1.0) - x).max((1, 2, 3))
    assert changed.min() > 0.01
    assert len(np.unique(changed)) == 64


def recolored(key, images, p):
    return ada.ada_augment(jax.random.key(key), images, p, strengths=COLORS)


def test_colors_alone_are_exact_and_as_strong_as_published():
    black = np.zeros((20_000, 1, 1, 3), np.float32)
    assert (recolored(0, black + 0.5, 0.0) == 0.5).all()
    assert np.std(recolored(1, black, 1.0)) == pytest.approx(0.226, abs=0.012)


def test_a_gray_image_has_the_luma_of_the_same_image_in_color():
    gray, recolor = noise(16, 2, 1), jax.jit(recolored, static_argnums=0)
    color = recolor(2, np.repeat(gray, 3, axis=3), 1.0)
    np.testing.assert_allclose(
        recolor(2, gray, 1.0)[..., 0], np.asarray(color).mean(3), rtol=1e-5, atol=1e-6
    )


def test_a_cutout_is_half_of_each_side():
    x = jnp.ones((400, 16, 16, 1))
    cut = ada.ada_augment(jax.random.key(0), x, 0.5, strengths={"cutout": 1.0})
    holes = (np.asarray(cut) == 0).sum((1, 2, 3))
    assert holes.max() == 64
    assert (holes == 0).mean() == pytest.approx(0.5, abs=0.08)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="did you mean 'rotation'"):
        ada.ada_augment(jax.random.key(0), noise(1, 4), 0.5, strengths={"rotaton": 1.0})
    with pytest.raises(ValueError, match="images with 2 channels"):
        ada.ada_augment(jax.random.key(0), noise(1, 4, 2), 0.5)
    with pytest.raises(ValueError, match=r"inverse must be \[2, 3, 3\]"):
        affine.warp(noise(2, 4), jnp.eye(3))
