import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core, sampling, telemetry
from gan_jax.images import save_png


def toy_sampler(num_classes=0):
    """Pictures whose pixel is the latent's first entry, plus the label, scaled by a parameter."""

    def apply(params, variables, latents, labels):
        assert set(params) == set(variables) == {"generator"}
        value = latents[:, 0] + (0.0 if labels is None else labels.astype(jnp.float32) / 10)
        return jnp.broadcast_to(
            (params["generator"] * value)[:, None, None, None], (len(value), 4, 4, 3)
        )

    return core.Sampler(apply, 2, num_classes, ("generator",))


PARAMS = {"generator": jnp.float32(0.5), "discriminator": jnp.float32(7.0)}
VARIABLES = {"generator": {}, "discriminator": {}}


def test_latents_are_normal_or_the_middle_of_it():
    whole = np.asarray(sampling.draw_latents(jax.random.key(0), 4_000, 5))
    assert whole.dtype == np.float32
    assert abs(whole.mean()) < 0.05
    assert abs(whole.std() - 1) < 0.05
    for bound in (0.5, 2.0):
        middle = np.asarray(sampling.draw_latents(jax.random.key(1), 4_000, 5, truncation=bound))
        assert np.abs(middle).max() <= bound
        # Given that it lies within, no entry is more likely than it was: not clipped.
        assert (np.abs(middle) > 0.99 * bound).mean() < 0.02
        inside = whole[np.abs(whole) <= bound]
        np.testing.assert_allclose(middle.std(), inside.std(), rtol=0.05)
    with pytest.raises(ValueError, match="truncation must be positive"):
        sampling.draw_latents(jax.random.key(0), 2, 5, truncation=-0.1)


def test_interpolation_between_orthogonal_latents_is_a_quarter_of_a_circle():
    start, stop = jnp.array([[3.0, 0.0, 0.0]]), jnp.array([[0.0, 3.0, 0.0]])
    path = np.asarray(sampling.interpolate_latents(start, stop, 5))[0]
    angles = np.linspace(0, np.pi / 2, 5)
    expected = 3 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=-1)
    np.testing.assert_allclose(path, expected, atol=1e-6)


def test_interpolation_ends_where_it_should_and_moves_by_equal_angles():
    start, stop = jax.random.normal(jax.random.key(1), (2, 6, 16))
    path = np.asarray(sampling.interpolate_latents(start, stop, 7))
    assert path.shape == (6, 7, 16)
    np.testing.assert_allclose(path[:, 0], start, atol=1e-5)
    np.testing.assert_allclose(path[:, -1], stop, atol=1e-5)
    # Every step covers the same angle of the plane through both, whatever their lengths.
    a, b = np.asarray(start, np.float64), np.asarray(stop, np.float64)
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    omega = np.arccos(cosine)[:, None]
    t = np.linspace(0, 1, 7)
    weights = np.sin((1 - t) * omega) / np.sin(omega), np.sin(t * omega) / np.sin(omega)
    expected = weights[0][..., None] * a[:, None] + weights[1][..., None] * b[:, None]
    np.testing.assert_allclose(path, expected, atol=1e-5)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_interpolation_where_there_is_no_circle_is_a_line(factor):
    start = jnp.array([[1.0, 2.0]])
    path = sampling.interpolate_latents(start, factor * start, 3)
    np.testing.assert_allclose(path[0, 1], (1 + factor) / 2 * start[0], atol=1e-3)
    np.testing.assert_allclose(path[0, ::2], jnp.concatenate([start, factor * start]), atol=1e-6)
    with pytest.raises(ValueError, match="at least 2 steps, not 1"):
        sampling.interpolate_latents(start, start, 1)


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_a_picture_does_not_depend_on_the_company(count):
    traced = []
    sampler = toy_sampler(10)

    def apply(*arguments):
        traced.append(arguments[2].shape)
        return sampler.apply(*arguments)

    counted = core.Sampler(apply, 2, 10, ("generator",))
    draw = sampling.make_draw(counted, PARAMS, VARIABLES, batch_size=4)
    latents = np.linspace(-1, 1, 20, dtype=np.float32).reshape(10, 2)
    labels = np.arange(10)
    images = draw(latents[:count], labels[:count])
    assert images.shape == (count, 4, 4, 3)
    assert images.dtype == np.uint8
    expected = (0.5 * (latents[:count, 0] + labels[:count] / 10) + 1) * 127.5
    np.testing.assert_allclose(images[:, 0, 0, 0], expected, atol=0.51)
    np.testing.assert_array_equal(draw(latents, labels)[:count], images)
    assert traced == [(4, 2)], "one compilation, whatever is asked for"


def test_the_rows_of_a_conditional_grid_differ_by_their_label_alone():
    latents, labels, rows = sampling.grid_inputs(
        toy_sampler(10), seed=3, classes=(2, 5, 7), columns=4
    )
    assert rows == 3
    np.testing.assert_array_equal(labels, np.repeat([2, 5, 7], 4))
    by_row = np.asarray(latents).reshape(3, 4, 2)
    np.testing.assert_array_equal(by_row, np.broadcast_to(by_row[:1], by_row.shape))
    assert len(np.unique(by_row[0], axis=0)) == 4
    with pytest.raises(ValueError, match="at least one class"):
        sampling.grid_inputs(toy_sampler(10), seed=3)


def test_an_unconditional_grid_is_square_and_follows_its_seed():
    latents, labels, rows = sampling.grid_inputs(toy_sampler(), seed=3, columns=5)
    assert (latents.shape, labels, rows) == ((25, 2), None, 5)
    again, _, _ = sampling.grid_inputs(toy_sampler(), seed=3, columns=5)
    other, _, _ = sampling.grid_inputs(toy_sampler(), seed=4, columns=5)
    np.testing.assert_array_equal(latents, again)
    assert (np.asarray(latents) != np.asarray(other)).all()


def test_the_grid_of_a_run_has_the_same_noise_and_the_averaged_weights(tmp_path):
    grid = sampling.FixedGrid(
        toy_sampler(),
        lambda step: tmp_path / f"{step}.png",
        seed=0,
        classes=(0,),
        class_names=("a",),
    )
    state = core.GanState(jnp.int32(3), PARAMS, VARIABLES, {}, {}, {}, None)
    first = grid.save(state)
    again = grid.save(state.replace(step=jnp.int32(4), params={**PARAMS, "discriminator": 1.0}))
    np.testing.assert_array_equal(first, again)
    assert (tmp_path / "3.png").read_bytes() == (tmp_path / "4.png").read_bytes()
    averaged = grid.save(state.replace(step=jnp.int32(5), ema={"generator": jnp.float32(0.1)}))
    assert (averaged != first).any()


IMAGES = np.arange(3 * 2 * 2 * 1, dtype=np.uint8).reshape(3, 2, 2, 1)


def test_saved_images_are_the_images(tmp_path):
    labels = np.array([4, 0, 4], np.int32)
    sampling.save_images(tmp_path / "new" / "folder", IMAGES, labels)
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["00000_label4.png", "00001_label0.png", "00002_label4.png"]
    from PIL import Image

    first = np.asarray(Image.open(tmp_path / "new" / "folder" / names[0]))
    np.testing.assert_array_equal(first.reshape(2, 2, -1)[..., :1], IMAGES[0])
    sampling.save_images(tmp_path / "plain", IMAGES, None)
    assert {path.name for path in (tmp_path / "plain").iterdir()} == {
        f"0000{i}.png" for i in range(3)
    }
    sampling.save_npz(tmp_path / "a.npz", IMAGES, labels)
    with np.load(tmp_path / "a.npz") as held:
        np.testing.assert_array_equal(held["images"], IMAGES)
        np.testing.assert_array_equal(held["labels"], labels)
    sampling.save_npz(tmp_path / "b.npz", IMAGES, None)
    with np.load(tmp_path / "b.npz") as held:
        assert list(held) == ["images"]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    sampling.save_images(tmp_path / "empty", IMAGES, None)
    for path in (tmp_path / "full", tmp_path / "file", tmp_path / "empty"):
        with pytest.raises(FileExistsError, match="give a new --output"):
            sampling.save_images(path, IMAGES, None)
    with pytest.raises(FileExistsError, match="give a new --output"):
        sampling.save_npz(tmp_path / "file", IMAGES, None)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    real, written = save_png, []

    def save_two(path, image):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(pathlib.Path(path))
        real(path, image)

    monkeypatch.setattr(telemetry, "save_png", save_two)
    with pytest.raises(OSError, match="No space left"):
        sampling.save_images(tmp_path / "folder", IMAGES, None)
    assert len(written) == 2

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", refuse)
    with pytest.raises(OSError, match="No space left"):
        sampling.save_npz(tmp_path / "a.npz", IMAGES, None)
    assert list(tmp_path.iterdir()) == []
