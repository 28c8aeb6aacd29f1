"""Runs of other games: codes, translations of the data's images, several samplers, phases."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import common
from gan_jax import core, data, gans
from gan_jax.images import save_png
from gan_jax.modes.report import samples
from gan_jax.modes.report.report_run import report
from gan_jax.modes.report.source import make_source
from gan_jax.modes.sample.run import sample_run
from gan_jax.runs import restored, setup

SIDE = 8


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of a game that has nothing to set."""


def dense(weights, inputs):
    """Images [B, 8, 8, 3]: one dense layer of noise."""
    flat = jnp.tanh(inputs["z"] @ weights.params["net"]["kernel"])
    return flat.reshape(-1, SIDE, SIDE, 3)


def coded(weights, inputs):
    """Noise in red, the code in green, the two numbers in blue."""
    shade = inputs["code"].astype(jnp.float32) / 2.0 - 1.0
    numbers = 0.5 * inputs["tilt"] + 0.1 * inputs["style"][:, 0]
    images = dense(weights, inputs).at[..., 1].set(shade[:, None, None])
    return images.at[..., 2].set(numbers[:, None, None])


def negative(weights, inputs):
    """The negative of the source."""
    return -inputs["source"] * weights.params["net"]["one"]


def labeled(weights, inputs):
    """The source, darkened by the label."""
    return inputs["source"] - 0.1 * inputs["label"].astype(jnp.float32)[:, None, None, None]


Z = core.Normal((4,))


def translation(source, target):
    return core.Sampler({"source": core.FromData(source)}, negative, ("net",), target=target)


SAMPLERS = {
    "plain": {"image": core.Sampler({"z": Z}, dense, ("net",))},
    "coded": {
        "image": core.Sampler(
            {
                "z": Z,
                "code": core.Category(5),
                "tilt": core.Uniform((), 0.0, 1.0),
                "style": core.Normal((1,)),
            },
            coded,
            ("net",),
        )
    },
    "paired": {"right": translation("left", "right")},
    "domains": {"a_to_b": translation("a", "b"), "b_to_a": translation("b", "a")},
    "labeled": {
        "image": core.Sampler(
            {"source": core.FromData("image"), "label": core.Category(3, labels="label")},
            labeled,
            ("net",),
        )
    },
}


def family(samplers):
    def init(key):
        params = {"kernel": core.Normal((4, SIDE * SIDE * 3)).draw(key), "one": jnp.float32(1.0)}
        return core.Networks({"net": params}, {"net": {}})

    def build(settings, arrays, run):
        player = core.Player("one", ("net",), "sgd", lambda params, context: (0.0, core.Aux()))
        gan = core.Gan(init, {"sgd": optax.sgd(0.1)}, (player,), samplers=samplers)
        return core.Experiment((core.Phase(gan, run.steps, run.batch_size),))

    return gans.Family(Settings, build)


def images(seed, count):
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)


STREAMS = {
    "plain": {"data": data.from_arrays({"image": images(0, 30)})},
    "coded": {"data": data.from_arrays({"image": images(0, 30)})},
    "paired": {"data": data.from_arrays({"left": images(0, 30), "right": images(1, 30)})},
    "domains": {
        "a": data.from_arrays({"a": images(0, 30)}, name="horses"),
        "b": data.from_arrays({"b": images(1, 5)}, name="zebras"),
    },
    "labeled": {
        "data": data.from_arrays(
            {"image": images(0, 30), "label": np.arange(30, dtype=np.int32) % 2},
            class_names={"label": ("red", "green", "blue")},
        )
    },
}


@pytest.fixture
def make(tmp_path, monkeypatch, run_in):
    """`make(family) -> Workdir` of a run of one of these families."""

    def make(name):
        monkeypatch.setitem(gans.FAMILIES, name, family(SAMPLERS[name]))
        monkeypatch.setattr(setup, "load_streams", lambda config, **_: STREAMS[name])
        config = common.base(name, name)
        config.update(steps=4, batch_size=2)
        config.data.cache_dir = str(tmp_path / "cache")
        return run_in(tmp_path / "run", config, STREAMS[name])

    return make


@pytest.fixture
def source(make):
    """`source(family, sampler=None) -> Source`."""

    def open_run(name, sampler=None):
        run = restored.load(make(name).path, sampler=sampler)
        return make_source(run, STREAMS[name], seed=0)

    return open_run


@pytest.fixture
def parsed(short_plotly, extractor, parse):
    """`parsed(where, **options) -> Parsed` page."""

    def make_page(where, **options):
        report([where.path], **options)
        return parse((where.path / "report.html").read_text(encoding="utf-8"))

    return make_page


def test_images_have_the_numbers_that_sample_gives_them(make, tmp_path):
    where = make("plain")
    sample_run(where.path, output=tmp_path / "images.npz", num_images=24)
    with np.load(tmp_path / "images.npz") as archive:
        sampled = archive["images"]
    opened = make_source(restored.load(where.path), STREAMS["plain"], seed=0)
    (row,) = samples.samples(opened).rows
    np.testing.assert_array_equal(row.strips[1], sampled)
    found, names = samples.queries(opened, 30)
    np.testing.assert_array_equal(found[:24], sampled)
    assert names == [""] * 30
    known = {image.tobytes() for image in STREAMS["plain"]["data"].arrays["image"]}
    assert {image.tobytes() for image in row.strips[0]} <= known
    assert len(row.strips[0]) == 24


def test_a_code_has_one_row_per_value_and_real_images_are_shown_once(source):
    opened = source("coded")
    found = samples.samples(opened)
    assert found.heads == ("generated",)
    assert [row.name for row in found.rows] == [f"code {value}" for value in range(5)]
    for value, row in enumerate(found.rows):
        shade = round(255 * value / 4)
        assert np.abs(row.strips[0][..., 1].astype(int) - shade).max() <= 1
        # The columns share all the rest.
        np.testing.assert_array_equal(row.strips[0][..., 0], found.rows[0].strips[0][..., 0])
    ((caption, real),) = found.shared
    assert (caption, len(real)) == ("real images", 24)


def test_every_further_code_is_swept(source):
    opened = source("coded")
    tilt, style = samples.sweeps(opened)
    assert (tilt.name, tilt.values) == ("tilt", "0 to 1")
    assert (style.name, style.values) == ("style", "-2 to 2")
    for row in (*tilt.rows, *style.rows):
        blue = row[:, 0, 0, 2].astype(int)
        assert blue[0] < blue[-1]
        assert sorted(blue) == blue.tolist()
        assert (row[..., :2] == row[:1, ..., :2]).all()


def test_codes_make_sections_of_the_page(make, parsed, classes):
    page = parsed(make("coded"), neighbor_images=20)
    heads = page.text_of("h2")
    assert heads[2:6] == [
        "Generated",
        "Interpolations",
        "Sweeps",
        "Nearest neighbors in the training set",
    ]
    assert page.text_of("h1") == ["coded on arrays, 0 steps"]
    strips = [e["aria-label"] for e in page.all("div") if "strip" in classes(e)]
    assert strips.count("tilt: 0 to 1") == samples.SWEEPS
    assert "8 generated images of code 3" in strips
    assert "24 real images" in strips
    assert {"Real images", "tilt: 0 to 1", "style: -2 to 2"} <= set(page.text_of("h3"))
    assert "memorized" in page.text


def test_a_large_code_is_swept_through_some_of_its_values(source):
    opened = source("coded")
    inputs = {"first": core.Category(2), "code": core.Category(100), "z": Z}
    sampler = core.Sampler(inputs, dense, ("net",))
    changed = dataclasses.replace(opened.run, sampler=sampler)
    (sweep,) = samples.sweeps(make_source(changed, None, seed=0))
    assert sweep.values.startswith("0, 5, 10, ")
    assert sweep.values.endswith(", 94, 99 (20 of 100 values)")
    assert {len(row) for row in sweep.rows} == {20}


def test_a_source_is_next_to_what_is_generated_and_its_target(source):
    opened = source("paired")
    found = samples.samples(opened)
    assert found.heads == ("source", "generated", "target")
    arrays = STREAMS["paired"]["data"].arrays
    assert len(found.rows) == 8
    for number, row in enumerate(found.rows):
        left, generated, right = row.strips
        np.testing.assert_array_equal(left[0], arrays["left"][number])
        assert np.abs(generated[0].astype(int) - (255 - left[0].astype(int))).max() <= 1
        np.testing.assert_array_equal(right[0], arrays["right"][number])
    assert samples.interpolations(opened) is None
    assert samples.sweeps(opened) == []


def test_a_source_with_a_label_has_one_row_per_class(source):
    found = samples.samples(source("labeled"))
    # The class "blue" does not occur.
    assert [row.name for row in found.rows] == ["red", "green"]
    assert found.heads == ("real", "generated")
    arrays = STREAMS["labeled"]["data"].arrays
    ((caption, sources),) = found.shared
    assert caption == "source images of the columns"
    np.testing.assert_array_equal(sources, arrays["image"][:8])
    np.testing.assert_array_equal(found.rows[0].strips[1], sources)
    for label, row in enumerate(found.rows):
        known = {image.tobytes() for image in arrays["image"][arrays["label"] == label]}
        assert {image.tobytes() for image in row.strips[0]} <= known


def test_every_sampler_has_its_sections_and_its_slider(make, parsed, classes):
    where = make("domains")
    for step, side in ((0, 16), (4, 40)):
        # Images of a later phase are larger.
        save_png(where.grid(step), np.zeros((side, side, 3), np.uint8))
        save_png(where.grid(step, "b_to_a"), np.zeros((side, 2 * side, 3), np.uint8))
    page = parsed(where)
    neighbors = "Nearest neighbors in the training set"
    assert page.text_of("h1") == ["domains on horses and zebras, 4 steps"]
    assert page.text_of("h2")[:8] == [
        "Grids over training",
        "Summary",
        "Source next to generated",
        "Interpolations",
        neighbors,
        "Source next to generated: b_to_a",
        "Interpolations: b_to_a",
        f"{neighbors}: b_to_a",
    ]
    assert page.text.count("its inputs are source.") == 2
    # Rows of two domains do not belong together; the shorter begins again.
    assert page.text_of("div").count("unpaired target") == 2
    assert "All 5 training images were searched." in page.text
    assert "All 30 training images were searched." in page.text
    assert page.text.count("no sign of memorizing") == 2
    assert "Generated by the sampler a_to_b of the checkpoint of step 4," in page.text
    assert "Generated by the sampler b_to_a of the checkpoint of step 4," in page.text
    sliders = [e for e in page.all("div") if "slider" in classes(e)]
    assert len(sliders) == len(page.data["sliders"]) == 2
    grids = [e for e in page.all("img") if "grid" in classes(e)]
    assert [e["style"] for e in grids] == ["aspect-ratio: 40 / 40", "aspect-ratio: 80 / 40"]
    assert "sampler b_to_a" in grids[1]["alt"]
    assert page.text.count("earlier phases have fewer pixels") == 2


def test_sources_of_a_shorter_domain_begin_again(source):
    found = samples.samples(source("domains", "b_to_a"))
    zebras = STREAMS["domains"]["b"].arrays["b"]
    for number, row in enumerate(found.rows):
        np.testing.assert_array_equal(row.strips[0][0], zebras[number % 5])


def test_without_its_data_a_translation_generates_nothing(make, parsed, monkeypatch):
    where = make("domains")
    changed = {**STREAMS["domains"], "b": data.from_arrays({"b": images(2, 5)}, name="zebras")}
    monkeypatch.setattr(setup, "load_streams", lambda config, **_: changed)
    page = parsed(where)
    assert page.text_of("h2")[2:4] == ["Samples", "Samples: b_to_a"]
    assert page.text.count("reads rows of the data, and the data set is another") == 2


def test_a_sampler_that_cannot_be_restored_leaves_the_others(make, parsed, monkeypatch):
    where, load = make("domains"), restored.load

    def damaged(*arguments, sampler=None, **options):
        if sampler == "b_to_a":
            raise ValueError("its networks are damaged")
        return load(*arguments, sampler=sampler, **options)

    monkeypatch.setattr(restored, "load", damaged)
    page = parsed(where, neighbor_images=0)
    assert "Source next to generated" in page.text_of("h2")
    assert "Samples: b_to_a" in page.text_of("h2")
    assert "it cannot be restored (its networks are damaged)" in page.text
