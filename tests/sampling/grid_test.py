"""What stands in the rows and columns of a grid."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax import core, sampling
from gan_jax.images import image_grid

ROWS = {"a": np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)}
NAMES = sampling.Classes({"label": ("cat", "dog", "eel")}, {"label": (2, 0)})


def numbers_of(sampler, seed=0):
    return functools.partial(sampling.inputs, sampler, seed=seed, rows=ROWS)


def by_cell(grid, name):
    """An input as [rows, columns, ...]."""
    array = grid.inputs[name]
    return array.reshape(-1, grid.columns, *array.shape[1:])


def assert_rows_alike(cells):
    np.testing.assert_array_equal(cells, np.broadcast_to(cells[:1], cells.shape))
    assert len(np.unique(cells[0], axis=0)) == len(cells[0])


def assert_columns_alike(cells):
    assert_rows_alike(np.swapaxes(cells, 0, 1))


def test_rows_are_labels_that_differ_by_nothing_else(conditional):
    grid = sampling.grid_inputs(conditional, numbers_of(conditional), columns=4, classes=NAMES)
    assert grid.row_names == ("eel", "cat")
    np.testing.assert_array_equal(by_cell(grid, "label"), [[2] * 4, [0] * 4])
    assert_rows_alike(by_cell(grid, "z"))


def test_rows_are_the_values_of_a_code(everything):
    grid = sampling.grid_inputs(everything, numbers_of(everything), columns=3)
    assert grid.row_names == ("code 0", "code 1", "code 2", "code 3")
    np.testing.assert_array_equal(by_cell(grid, "code")[:, 0], range(4))
    for name in ("z", "turn", "noise", "source"):
        assert_rows_alike(by_cell(grid, name))
    few = sampling.grid_inputs(everything, numbers_of(everything), max_rows=2)
    assert few.row_names == ("code 0", "code 1")
    assert len(few.inputs["z"]) == 20


def test_rows_are_source_images_and_columns_other_noise(everything):
    inputs = {name: everything.inputs[name] for name in ("z", "source")}
    sampler = core.Sampler(inputs, everything.apply, ("net",))
    grid = sampling.grid_inputs(sampler, numbers_of(sampler), columns=3)
    np.testing.assert_array_equal(grid.sources, ROWS["a"][:3])
    assert_columns_alike(by_cell(grid, "source"))
    assert_rows_alike(by_cell(grid, "z"))


def test_without_noise_there_is_one_translation_next_to_its_source(translate, weights):
    grid = sampling.grid_inputs(translate, numbers_of(translate), columns=7)
    assert grid.columns == 1
    rows = ROWS["a"][np.arange(7) % 5]
    image = sampling.grid_image(sampling.make_generate(translate), weights, grid)
    pairs = np.stack([rows, 255 - rows], axis=1).reshape(14, 4, 4, 3)
    np.testing.assert_array_equal(image, image_grid(pairs, columns=2))


@pytest.mark.parametrize(("shape", "channels"), [((8, 2, 1), 3), ((2, 8, 3), 1)])
def test_a_source_of_another_size_is_shown_in_the_size_of_the_images(shape, channels, weights):
    def apply(weights, inputs):
        return jnp.full((len(inputs["source"]), 4, 4, channels), 1.0)

    sampler = core.Sampler({"source": core.FromData("a")}, apply, ("net",))
    sources = np.arange(np.prod(shape), dtype=np.uint8).reshape(1, *shape)
    grid = sampling.Grid({"source": sources}, 1, sources=sources)
    image = sampling.grid_image(sampling.make_generate(sampler), weights, grid)
    shown, white = image[2:6, 2:6], image[2:6, 8:12]
    assert image.shape == (8, 14, 3)
    assert (white == 255).all()
    nearest = Image.fromarray(np.broadcast_to(sources[0], (*shape[:2], 3)))
    np.testing.assert_array_equal(shown, nearest.resize((4, 4), Image.Resampling.NEAREST))


def test_rows_are_numbers_where_there_is_nothing_else(plain):
    grid = sampling.grid_inputs(plain, numbers_of(plain, seed=3), columns=5)
    assert (grid.columns, grid.row_names, grid.sources) == (5, (), None)
    want = sampling.inputs(plain, np.arange(25), seed=3)
    np.testing.assert_array_equal(grid.inputs["z"], want["z"])


def test_a_name_that_cannot_be_drawn_gives_way_to_its_label(conditional, weights):
    generate = sampling.make_generate(conditional)

    def drawn(*names, sweep=False):
        classes = sampling.Classes({"label": names}, {"label": (2, 1)})
        if sweep:
            numbers = numbers_of(conditional)
            grid = sampling.sweep_inputs(conditional, numbers, "label", rows=2, classes=classes)
        else:
            grid = sampling.grid_inputs(conditional, numbers_of(conditional), classes=classes)
        return sampling.grid_image(generate, weights, grid)

    for sweep in (False, True):
        image = drawn("", "猫", "Kätzchen", sweep=sweep)
        np.testing.assert_array_equal(image, drawn("", "1", "Kätzchen", sweep=sweep))
        assert image.shape != drawn("", "1", "2", sweep=sweep).shape or sweep


def test_a_grid_is_its_images_with_the_names_of_rows(conditional, weights):
    generate = sampling.make_generate(conditional)
    grid = sampling.grid_inputs(conditional, numbers_of(conditional), columns=4, classes=NAMES)
    image = sampling.grid_image(generate, weights, grid)
    images = np.concatenate(list(generate(weights, grid.inputs)))
    assert (images[:4, ..., 1] == 255).all()
    assert (images[4:, ..., 1] == 0).all()
    inner = image_grid(images, columns=4)
    np.testing.assert_array_equal(image[:, -inner.shape[1] :], inner)
    assert image.shape[1] > inner.shape[1]


def test_a_sweep_of_a_category_goes_through_its_values(everything, conditional):
    grid = sampling.sweep_inputs(everything, numbers_of(everything), "code", rows=3)
    np.testing.assert_array_equal(by_cell(grid, "code"), [range(4)] * 3)
    assert grid.column_names == ("0", "1", "2", "3")
    for name in ("z", "turn", "noise", "source"):
        assert_columns_alike(by_cell(grid, name))
    grid = sampling.sweep_inputs(
        conditional, numbers_of(conditional), "label", rows=3, classes=NAMES
    )
    np.testing.assert_array_equal(by_cell(grid, "label"), [[2, 0]] * 3)
    assert grid.column_names == ("eel", "cat")


def test_a_sweep_of_a_number_goes_from_end_to_end(everything, weights):
    inputs_of = numbers_of(everything)
    grid = sampling.sweep_inputs(everything, inputs_of, "turn", rows=3, columns=5)
    np.testing.assert_allclose(by_cell(grid, "turn"), [[0.0, 0.5, 1.0, 1.5, 2.0]] * 3)
    assert_columns_alike(by_cell(grid, "z"))
    assert grid.column_names == ("0", "", "", "", "2")
    image = sampling.grid_image(sampling.make_generate(everything), weights, grid)
    generated = sampling.make_generate(everything)(weights, grid.inputs)
    inner = image_grid(np.concatenate(list(generated)), columns=5)
    np.testing.assert_array_equal(image[-inner.shape[0] :, -inner.shape[1] :], inner)


def test_a_sweep_of_a_vector_varies_its_first_entry(everything):
    grid = sampling.sweep_inputs(everything, numbers_of(everything), "z", rows=3, columns=5)
    cells = by_cell(grid, "z")
    np.testing.assert_allclose(cells[..., 0], [np.linspace(-2, 2, 5)] * 3)
    assert_columns_alike(cells[..., 1:])
    want = sampling.inputs(everything, np.arange(3), seed=0, rows=ROWS)
    np.testing.assert_array_equal(cells[:, 0, 1:], want["z"][:, 1:])


def test_a_sweep_reaches_every_entry_of_a_vector_by_its_number(everything):
    grid = sampling.sweep_inputs(everything, numbers_of(everything), "z.1", rows=2, columns=3)
    cells = by_cell(grid, "z")
    np.testing.assert_allclose(cells[..., 1], [[-2, 0, 2]] * 2)
    assert_columns_alike(np.delete(cells, 1, axis=-1))


def test_a_uniform_input_may_be_swept_beyond_its_bounds():
    sampler = core.Sampler(
        {"code": core.Uniform((), swept=(-2.0, 2.0))}, lambda weights, drawn: drawn["code"], ()
    )
    grid = sampling.sweep_inputs(sampler, numbers_of(sampler), "code", rows=1, columns=3)
    np.testing.assert_allclose(grid.inputs["code"], [-2, 0, 2])
    assert sampler.codes() == ["code"]


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        ("z.9", 5, "'z' has the entries 0 to"),
        ("turn.x", 5, "unknown input 'turn.x': did you mean 'turn'"),
        ("cod", 5, "unknown input 'cod': did you mean 'code'"),
        ("noise", 5, "'noise' is a random key, which has no values"),
        ("source", 5, "'source' is a row of the data, which has no values"),
        ("z", 1, "at least 2 columns, not 1"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(everything, name, columns, message):
    with pytest.raises(ValueError, match=message):
        sampling.sweep_inputs(everything, numbers_of(everything), name, columns=columns)


def test_an_interpolation_begins_at_a_number_and_changes_the_noise_alone(everything):
    grid = sampling.interpolation_inputs(everything, numbers_of(everything), columns=5)
    want = sampling.inputs(everything, np.arange(8), seed=0, rows=ROWS)
    cells = by_cell(grid, "z")
    np.testing.assert_allclose(cells[:, 0], want["z"][:4], atol=1e-6)
    np.testing.assert_allclose(cells[:, -1], want["z"][4:], atol=1e-6)
    np.testing.assert_allclose(
        cells, sampling.great_circle(want["z"][:4], want["z"][4:], 5), atol=1e-6
    )
    np.testing.assert_array_equal(by_cell(grid, "code"), np.repeat(range(4), 5).reshape(4, 5))
    for name in ("turn", "noise", "source"):
        assert_columns_alike(by_cell(grid, name)[:, :2])
    assert grid.row_names == ("code 0", "code 1", "code 2", "code 3")


def test_an_interpolation_without_categories_has_as_many_rows_as_asked_for(plain, translate):
    grid = sampling.interpolation_inputs(plain, numbers_of(plain), rows=3, columns=4)
    assert len(grid.inputs["z"]) == 12
    with pytest.raises(ValueError, match="normal noise, a vector; the sampler has source"):
        sampling.interpolation_inputs(translate, numbers_of(translate))


def test_the_grid_of_a_run_is_the_same_again_until_its_weights_change(
    conditional, weights, tmp_path
):
    grid = sampling.FixedGrid(conditional, seed=1, classes=NAMES)
    first = grid.save(weights, tmp_path / "a" / "1.png")
    again = grid.save(weights, tmp_path / "2.png")
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, Image.open(tmp_path / "a" / "1.png"))
    assert (tmp_path / "a" / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    other = grid.save(core.Weights({"net": {"scale": -0.3}}), tmp_path / "3.png")
    assert (other != first).any()


def test_a_sampler_of_another_size_has_the_same_inputs_in_its_grid(plain, weights, tmp_path):
    def apply(*arguments, **options):
        return jnp.repeat(plain.apply(*arguments, **options), 2, axis=1)

    larger = core.Sampler(plain.inputs, apply, ("net",), options=plain.options)
    small, tall = (
        sampling.FixedGrid(one, seed=1).save(weights, tmp_path / "grid.png")
        for one in (plain, larger)
    )
    assert (small.shape, tall.shape) == ((62, 62, 3), (102, 62, 3))
    np.testing.assert_array_equal(small[3::6, 3::6], tall[3::10, 3::6])
