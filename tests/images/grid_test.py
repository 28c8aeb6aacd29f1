"""Grids hold the pixels they were given, in their places; the same pixels give the same PNG."""

import numpy as np
import PIL.Image
import pytest

from gan_jax.images import can_draw, image_grid, labeled_grid, save_png, to_pixels


def test_to_pixels():
    values = np.array([-1.5, -1.0, -0.5, 0.0, 1.0, 2.0, np.nan, -np.inf, np.inf], np.float32)
    expected = [0, 0, 64, 128, 255, 255, 0, 0, 255]
    np.testing.assert_array_equal(to_pixels(values), np.array(expected, np.uint8))
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_pixels(pixels), pixels)
    # What a saved image holds is found again: the round trip of all pixels is exact.
    np.testing.assert_array_equal(to_pixels(pixels.astype(np.float32) / 127.5 - 1), pixels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("columns", "rows"), [(None, 2), (1, 5), (2, 3), (5, 1), (7, 1)])
def test_each_image_is_in_its_place(channels, columns, rows):
    images = np.random.default_rng(0).integers(0, 250, (5, 4, 6, channels), np.uint8)
    grid = image_grid(images, columns=columns, padding=2)
    columns = columns or 3
    assert grid.shape == (rows * 6 + 2, columns * 8 + 2, channels)
    rest = grid.copy()
    for index, image in enumerate(images):
        y, x = 2 + index // columns * 6, 2 + index % columns * 8
        np.testing.assert_array_equal(grid[y : y + 4, x : x + 6], image)
        rest[y : y + 4, x : x + 6] = 255
    assert (rest == 255).all()


def test_grid_without_padding_is_the_images():
    images = np.linspace(-1, 1, 4 * 2 * 2).reshape(4, 2, 2, 1)
    grid = image_grid(images, columns=2, padding=0)
    expected = np.block(
        [[images[0, ..., 0], images[1, ..., 0]], [images[2, ..., 0], images[3, ..., 0]]]
    )
    np.testing.assert_array_equal(grid[..., 0], to_pixels(expected))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((0, 4, 4, 3), {}, "at least one image"),
        ((4, 4, 3), {}, r"needs images \[N, H, W, 1 or 3\], got \[4, 4, 3\]"),
        ((2, 4, 4, 2), {}, r"got \[2, 4, 4, 2\]"),
        ((2, 4, 4, 1), {"columns": 0}, "columns must be positive"),
        ((2, 4, 4, 1), {"padding": -1}, "padding not negative"),
    ],
)
def test_grid_refuses(shape, options, message):
    with pytest.raises(ValueError, match=message):
        image_grid(np.zeros(shape), **options)


@pytest.mark.parametrize("channels", [1, 3])
def test_labeled_grid_is_the_grid_with_names_around(channels):
    images = np.random.default_rng(0).uniform(-1, 1, (6, 20, 20, channels))
    grid = labeled_grid(images, ["airplane", "ship"], column_labels=["a", "b", "c"])
    inner = image_grid(images, columns=3)
    height, width, _ = inner.shape
    assert grid.shape[-1] == 3
    np.testing.assert_array_equal(
        grid[-height:, -width:], np.broadcast_to(inner, (height, width, 3))
    )
    left, top = grid.shape[1] - width, grid.shape[0] - height
    # Each row and each column has its name, in dark letters inside its own strip.
    for row in range(2):
        strip = grid[top + 2 + row * 22 :][:20, :left]
        assert strip.min() < 100
        assert (strip[:, 0] == 255).all()
    for column in range(3):
        assert grid[:top, left + 2 + column * 22 :][:, :20].min() < 100
    longer = labeled_grid(images, ["airplane, seen from below", "ship"])
    assert longer.shape[1] > grid.shape[1]


def test_names_are_drawn_in_more_letters_than_those_of_english():
    for name in ("airplane", "Straßenbahn", "kapitän", "кошка", "γάτα", "cafe\u0301"):
        assert can_draw(name), name
    for name in ("猫", "new\nline", "\N{NAZAR AMULET}"):
        assert not can_draw(name), name
    images = np.zeros((3, 16, 16, 1), np.uint8)
    drawn = [labeled_grid(images[:1], [name]) for name in ("a", "ä", "я", "ß")]
    assert len({grid.tobytes() for grid in drawn}) == 4
    # The two ways to write an accent.
    np.testing.assert_array_equal(
        labeled_grid(images[:1], ["cafe\u0301"]), labeled_grid(images[:1], ["caf\u00e9"])
    )


def test_long_names_end_with_an_ellipsis():
    images = np.zeros((6, 16, 16, 3), np.uint8)
    long = "Donaudampfschifffahrtsgesellschaftskapitän"
    grids = [labeled_grid(images, [name, "b"]) for name in (long, long + "s", long[:30])]
    assert {grid.shape for grid in grids} == {grids[0].shape}
    assert grids[0].shape[1] < 250
    np.testing.assert_array_equal(grids[0], grids[1])
    np.testing.assert_array_equal(grids[0], grids[2])
    # Names above columns that all have one end with their column.
    columns = labeled_grid(images, ["", ""], column_labels=[long, "b", "c"])
    assert columns.shape == labeled_grid(images, ["", ""], column_labels=["l", "b", "c"]).shape
    middle = columns[:8, columns.shape[1] - 36 : columns.shape[1] - 20]
    assert (middle[:, :2] == 255).all()


def test_labeled_grid_refuses():
    images = np.zeros((6, 8, 8, 1))
    with pytest.raises(ValueError, match="6 images do not fill 4 rows"):
        labeled_grid(images, list("abcd"))
    with pytest.raises(ValueError, match="6 images do not fill 0 rows"):
        labeled_grid(images, [])
    with pytest.raises(ValueError, match="2 names for 3 columns"):
        labeled_grid(images, ["a", "b"], column_labels=["x", "y"])


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_png_holds_the_pixels_and_is_deterministic(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    save_png(tmp_path / "a" / "x.png", pixels)
    save_png(tmp_path / "y.png", pixels.copy())
    with PIL.Image.open(tmp_path / "a" / "x.png") as image:
        np.testing.assert_array_equal(
            np.asarray(image), pixels[..., 0] if shape[2:] == (1,) else pixels
        )
    assert (tmp_path / "a" / "x.png").read_bytes() == (tmp_path / "y.png").read_bytes()


def test_png_refuses(tmp_path):
    with pytest.raises(ValueError, match=r"got \[2, 5, 7, 3\]"):
        save_png(tmp_path / "x.png", np.zeros((2, 5, 7, 3)))
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(OSError, match=r"could not write .*x\.png"):
        save_png(tmp_path / "folder" / "x.png", np.zeros((5, 7)))
