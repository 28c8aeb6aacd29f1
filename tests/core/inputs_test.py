"""Described inputs: what is drawn for image number i, and what it depends on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core

INPUTS = {
    "z": core.Normal((3,)),
    "other": core.Normal((3,)),
    "angle": core.Uniform((2,), 2.0, 5.0),
    "label": core.Category(10, labels="label"),
    "code": core.Category(4),
    "noise": core.Key(),
    "source": core.FromData("left"),
}


def as_numpy(drawn):
    """Keys as the numbers that they are made of."""
    noise = np.asarray(jax.random.key_data(drawn["noise"]))
    return {name: np.asarray(drawn[name]) for name in drawn if name != "noise"} | {"noise": noise}


@pytest.fixture(scope="module")
def first_hundred():
    return as_numpy(core.draw_inputs(INPUTS, 7, jnp.arange(100)))


def test_every_input_is_what_it_is_said_to_be(first_hundred):
    # Rows of the data are read by whoever has the data.
    assert set(first_hundred) == set(INPUTS) - {"source"}
    assert first_hundred["z"].shape == (100, 3)
    assert first_hundred["z"].dtype == np.float32
    assert first_hundred["angle"].shape == (100, 2)
    assert 2.0 <= first_hundred["angle"].min() < 2.2
    assert 4.8 < first_hundred["angle"].max() < 5.0
    assert first_hundred["label"].dtype == np.int32
    assert set(first_hundred["label"].tolist()) == set(range(10))
    assert set(first_hundred["code"].tolist()) == set(range(4))
    assert len(np.unique(first_hundred["noise"], axis=0)) == 100
    drawn = core.draw_inputs({"noise": core.Key()}, 7, jnp.arange(2))
    assert jnp.issubdtype(drawn["noise"].dtype, jax.dtypes.prng_key)
    assert drawn["noise"].shape == (2,)


def test_an_image_s_inputs_depend_on_its_number_alone(first_hundred):
    """Not on how many others are drawn, in which order, batch or program."""
    some = np.array([41, 3, 99, 3])
    drawn = as_numpy(core.draw_inputs(INPUTS, 7, jnp.asarray(some)))
    compiled = as_numpy(jax.jit(lambda i: core.draw_inputs(INPUTS, 7, i))(jnp.asarray(some)))
    for name, array in drawn.items():
        np.testing.assert_array_equal(array, first_hundred[name][some], err_msg=name)
        # Another program may round otherwise.
        np.testing.assert_allclose(compiled[name], array, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", [name for name in INPUTS if name != "source"])
def test_an_input_depends_on_its_own_name_and_not_on_the_others(name, first_hundred):
    alone = core.draw_inputs({name: INPUTS[name]}, 7, jnp.arange(100))
    array = alone[name] if name != "noise" else jax.random.key_data(alone[name])
    np.testing.assert_array_equal(array, first_hundred[name])
    renamed = core.draw_inputs({"renamed": INPUTS[name]}, 7, jnp.arange(100))["renamed"]
    renamed = renamed if name != "noise" else jax.random.key_data(renamed)
    assert not np.array_equal(renamed, first_hundred[name])


def test_two_inputs_of_a_kind_are_drawn_apart(first_hundred):
    correlation = np.corrcoef(first_hundred["z"].ravel(), first_hundred["other"].ravel())[0, 1]
    assert abs(correlation) < 0.2


def test_the_seed_decides(first_hundred):
    same = as_numpy(core.draw_inputs(INPUTS, jax.random.key(7), jnp.arange(100)))
    for name, array in same.items():
        np.testing.assert_array_equal(array, first_hundred[name])
    for seed in (8, 2**32 - 1):
        other = as_numpy(core.draw_inputs(INPUTS, seed, jnp.arange(100)))
        assert not any(np.array_equal(other[name], first_hundred[name]) for name in other)


def test_input_keys_are_of_seed_name_and_number():
    def data(*args):
        return tuple(np.asarray(jax.random.key_data(core.input_key(*args))).tolist())

    keys = {
        data(seed, name, index)
        for seed in (0, 1)
        for name in ("z", "label")
        for index in (0, 1, 2**31 - 1)
    }
    assert len(keys) == 12
    assert data(1, "z", 2) == data(jax.random.key(1), "z", jnp.int32(2))


def test_categories_follow_the_frequencies_of_the_data():
    frequencies = np.array([0.0, 0.75, 0.25, 0.0])
    inputs = {"label": core.Category(4, labels="label"), "code": core.Category(4)}
    drawn = core.draw_inputs(
        inputs, 0, jnp.arange(2000), frequencies={"label": jnp.asarray(frequencies)}
    )
    shares = np.bincount(drawn["label"], minlength=4) / 2000
    # Six standard deviations of a share of 2000.
    np.testing.assert_allclose(shares, frequencies, atol=0.06)
    assert shares[0] == shares[3] == 0.0
    assert drawn["label"].dtype == jnp.int32
    np.testing.assert_allclose(np.bincount(drawn["code"], minlength=4) / 2000, 0.25, atol=0.06)


def test_the_first_input_of_a_kind():
    sampler = core.Sampler(INPUTS, None, ("gen",))
    found = {kind: sampler.first(kind) for kind in (core.Normal, core.Category, core.FromData)}
    assert found == {core.Normal: "z", core.Category: "label", core.FromData: "source"}
    assert core.Sampler({"z": core.Normal((2,))}, None, ("gen",)).first(core.Category) is None


@pytest.mark.parametrize("bound", [0.1, 0.7, 2.0])
def test_truncated_noise_is_noise_within_the_bound_in_the_same_order(bound):
    normal = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    # The bound as an argument would be compiled once, but it has to be checked.
    truncated = np.asarray(jax.jit(core.truncated_normal, static_argnums=1)(normal, bound))
    assert np.abs(truncated).max() <= bound
    # Rising, but for roundings.
    assert np.diff(truncated[np.argsort(normal)]).min() > -1e-5
    assert ((np.sign(truncated) == np.sign(normal)) | (np.abs(normal) < 1e-3)).all()
    # Distributed as what is left where all beyond the bound is thrown away.
    rejected = normal[np.abs(normal) <= bound]
    levels = np.linspace(0.02, 0.98, 25)
    # A quantile's standard deviation is at most that of a uniform's median.
    tolerance = 6.0 * bound / np.sqrt(len(rejected))
    np.testing.assert_allclose(
        np.quantile(truncated, levels), np.quantile(rejected, levels), atol=tolerance
    )


def test_truncation_may_be_off_or_wide():
    normal = np.linspace(-4.0, 4.0, 81, dtype=np.float32)
    assert core.truncated_normal(normal, None) is normal
    wide = jax.jit(core.truncated_normal, static_argnums=1)(normal, 8.0)
    np.testing.assert_allclose(wide, normal, atol=2e-3)


def test_truncation_of_low_precision_and_of_what_rounds_to_certain():
    normal = jnp.asarray([-40.0, -1.0, 1.0, 40.0], jnp.bfloat16)
    truncated = jax.jit(core.truncated_normal, static_argnums=1)(normal, 1.0)
    assert truncated.dtype == jnp.bfloat16
    truncated = np.asarray(truncated, np.float32)
    # Of the mass within one deviation, 68.27 %, as much lies below as of all below 1: 84.13 %.
    np.testing.assert_allclose(truncated, [-1.0, -0.622, 0.622, 1.0], atol=0.01)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: core.Category(0), "a category has at least 1 value, not 0"),
        (lambda: core.Uniform((2,), 1.0, 1.0), "needs low < high, not 1.0 and 1.0"),
        (lambda: core.Uniform((2,), 0.0, float("nan")), "needs low < high, not 0.0 and nan"),
        (lambda: core.truncated_normal(np.zeros(2), 0.0), "a positive number, not 0.0"),
        (lambda: core.truncated_normal(np.zeros(2), -1.0), "a positive number, not -1.0"),
        (lambda: core.truncated_normal(np.zeros(2), float("inf")), "a positive number, not inf"),
        (lambda: core.truncated_normal(np.zeros(2), float("nan")), "a positive number, not nan"),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()
