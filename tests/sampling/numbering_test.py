"""Inputs by the numbers of images."""

import jax
import numpy as np
import pytest

from gan_jax import core, sampling

ROWS = {"a": np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)}


def test_an_input_is_a_function_of_seed_name_and_number_alone(everything):
    whole = sampling.inputs(everything, np.arange(70), seed=3, rows=ROWS)
    some = sampling.inputs(everything, np.array([69, 2, 64]), seed=3, rows=ROWS)
    for name, array in whole.items():
        np.testing.assert_array_equal(some[name], array[[69, 2, 64]])
    other = sampling.inputs(everything, np.arange(70), seed=4, rows=ROWS)
    assert [name for name in whole if (whole[name] == other[name]).all()] == ["source"]
    alone = sampling.inputs(core.Sampler({"z": core.Normal((3,))}, None, ()), np.arange(70), seed=3)
    np.testing.assert_array_equal(alone["z"], whole["z"])


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_they_are_those_of_core(everything, seed):
    found = sampling.inputs(everything, np.arange(9), seed=seed, rows=ROWS)
    want = core.draw_inputs(everything.inputs, seed, np.arange(9))
    for name in ("z", "code", "turn"):
        np.testing.assert_allclose(found[name], want[name], rtol=1e-6)
        assert found[name].dtype == want[name].dtype
    np.testing.assert_array_equal(found["noise"], jax.random.key_data(want["noise"]))


def test_rows_of_the_data_are_taken_in_turn(everything, translate):
    found = sampling.inputs(translate, np.array([0, 4, 5, 13]), seed=0, rows=ROWS)
    np.testing.assert_array_equal(found["source"], ROWS["a"][[0, 4, 0, 3]])
    with pytest.raises(ValueError, match="'source' is a row of the data's array 'a'"):
        sampling.inputs(everything, np.arange(2), seed=0)


def test_labels_come_as_often_as_in_the_data(conditional):
    found = sampling.inputs(
        conditional, np.arange(2000), seed=0, frequencies={"label": np.array([0.5, 0.0, 0.5])}
    )
    counts = np.bincount(found["label"], minlength=3)
    assert counts[1] == 0
    # Five standard deviations of a binomial.
    assert abs(counts[0] - 1000) < 5 * np.sqrt(2000 / 4)
    uniform = sampling.inputs(conditional, np.arange(3000), seed=0)["label"]
    assert (np.abs(np.bincount(uniform) - 1000) < 5 * np.sqrt(3000 * 2 / 9)).all()
