"""Topologies as they are written, and the arithmetic of the roofline by hand."""

import numpy as np
import pytest

from gan_jax.modes.plan import chips
from gan_jax.modes.plan.roofline import hop_seconds, link_seconds, roofline


@pytest.mark.parametrize(
    ("name", "chips_", "devices"),
    [("v5e:2x2", 4, 4), ("V5P:4x4x4", 64, 64), ("v4:2x2x1", 4, 4), ("v3:2x4", 8, 16)],
)
def test_a_topology_is_read(name, chips_, devices):
    found = chips.parse(name)
    assert (found.name, found.chips, found.devices) == (name.lower(), chips_, devices)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("v5e", "write the chip and its slice's sides, as v5e:2x2"),
        ("v5e:2x", "write the chip"),
        ("v5f:2x2", "unknown chip of --topology 'v5f': did you mean 'v5"),
        ("v5e:2x2x2", "a slice of v5e has 2 sides, as 2x2"),
        ("v4:2x2", "a slice of v4 has 3 sides, as 2x2x2"),
        ("v5e:0x2", "sides of a slice of v5e are 1 up to 16x16"),
        ("v5e:32x2", "sides of a slice of v5e are 1 up to 16x16"),
        ("v5p:20x20x20", "sides of a slice of v5p are 1 up to 16x20x28"),
    ],
)
def test_what_is_no_slice_is_refused_in_a_line(name, message):
    with pytest.raises(ValueError, match=message) as error:
        chips.parse(name)
    assert "\n" not in str(error.value)


def test_links_carry_rings():
    # Two open axes: one ring each, of 50 GB/s. 3/4 of the bytes, there and back.
    np.testing.assert_allclose(
        link_seconds("all-reduce", 1e9, chips.parse("v5e:2x2")), 2 * 1e9 * 0.75 / 100e9
    )
    # Two closed axes: two rings each.
    np.testing.assert_allclose(
        link_seconds("all-reduce", 1e9, chips.parse("v5e:16x16")), 2 * 1e9 * 255 / 256 / 200e9
    )
    # Three closed axes of 100 GB/s links; gathering goes one way.
    np.testing.assert_allclose(
        link_seconds("all-gather", 1e9, chips.parse("v5p:4x4x4")), 1e9 * 63 / 64 / 600e9
    )
    assert link_seconds("all-reduce", 1e9, chips.parse("v5e:1x1")) == 0


@pytest.mark.parametrize(
    ("name", "hops"), [("v5e:1x1", 0), ("v5e:2x2", 2), ("v5e:4x8", 10), ("v5e:16x16", 16)]
)
def test_hops_go_both_ways_round_a_ring(name, hops):
    np.testing.assert_allclose(hop_seconds(chips.parse(name)), 2e-6 * hops)


def test_the_shortest_step_is_the_longest_of_its_parts():
    step = {"precisions": {"bfloat16 default": 197e9, "float32 highest": 197e9}, "bytes": 819e6}
    reduce = {"all-reduce": {"count": 100.0, "bytes": 50e6}}
    found = roofline(step, reduce, chips.parse("v5e:2x2"))
    np.testing.assert_allclose(found["arithmetic"], 7e-3)
    np.testing.assert_allclose(found["traffic"], 1e-3)
    np.testing.assert_allclose(found["links"], 0.75e-3)
    np.testing.assert_allclose(found["hops"], 0.4e-3)
    assert found["one_chip"] == found["overlapped"] == found["arithmetic"]
    np.testing.assert_allclose(found["in_sequence"], 7.75e-3)
    assert found["scaling_overlapped"] == 1
    np.testing.assert_allclose(found["scaling_in_sequence"], 7 / 7.75)


def test_a_core_of_a_chip_of_two_is_half_of_it():
    step = {"precisions": {"float32 high": 1e9}, "bytes": 1.0}
    chip = chips.CHIPS["v3"]
    found = roofline(step, {}, chips.parse("v3:2x2"))
    np.testing.assert_allclose(found["arithmetic"], 3 * 1e9 / (chip.peak / 2))
    assert found["links"] == found["hops"] == 0
