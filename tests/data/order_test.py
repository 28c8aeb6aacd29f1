"""The order of the data."""

import time
import zlib

import numpy as np
import pytest

from gan_jax.data import index_examples


def test_shape_and_type():
    examples = index_examples(10, seed=0, start=0, count=12)
    assert examples.shape == (12,)
    assert examples.dtype == np.int32
    assert index_examples(10, seed=0, start=7, count=0).shape == (0,)


@pytest.mark.parametrize("stream", ["data", "a"])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_every_epoch_sees_every_example_once(size, stream):
    order = index_examples(size, seed=3, start=0, count=5 * size, stream=stream).reshape(5, size)
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(size), (5, 1)))


def test_the_order_does_not_depend_on_how_it_is_asked_for():
    whole = index_examples(10, seed=1, start=0, count=80)
    random = np.random.default_rng(0)
    for start, stop in np.sort(random.integers(0, 81, (50, 2))):
        part = index_examples(10, seed=1, start=int(start), count=int(stop - start))
        np.testing.assert_array_equal(part, whole[start:stop])


def test_epochs_and_seeds_and_streams_differ():
    def epochs(seed, stream="data"):
        order = index_examples(100, seed=seed, start=0, count=300, stream=stream)
        return [tuple(row) for row in order.reshape(3, 100)]

    seen = epochs(0) + epochs(1) + epochs(0, "a") + epochs(1, "a") + epochs(0, "b")
    # A seed past 32 bits is not folded onto a smaller one.
    seen += epochs(2**32)
    assert len(set(seen)) == len(seen)


def test_the_order_of_the_only_stream_is_that_of_earlier_versions():
    def first(size, seed, start, count):
        return index_examples(size, seed=seed, start=start, count=count).tolist()

    assert first(10, 0, 0, 12) == [0, 2, 9, 1, 8, 5, 4, 3, 6, 7, 5, 3]
    assert first(10, 2**40 + 7, 0, 12) == [4, 9, 1, 7, 2, 0, 3, 5, 6, 8, 6, 3]
    assert first(50_000, 42, 0, 6) == [6609, 32275, 4526, 7355, 47583, 25299]
    # As they were drawn in 2,000 batches of 64, and in 100 batches of 37 after 12,345 others.
    for arguments, crc in (
        ((50_000, 42, 0, 128_000), 3887354253),
        ((1797, 1, 12_345 * 37, 3700), 1558778437),
    ):
        assert zlib.crc32(np.array(first(*arguments), "<i4").tobytes()) == crc


def philox(key, counter):
    """Philox-4x64-10 written out from Salmon et al., 2011, section 3.3 and table 2."""
    mask = 2**64 - 1
    (k0, k1), (c0, c1, c2, c3) = key, counter
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c0, 2**64)
        high1, low1 = divmod(0xCA5A826395121157 * c2, 2**64)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
    return [c0, c1, c2, c3]


@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (7, 2), (2**64 - 1, 10**6)])
def test_order_ranks_the_philox_stream(seed, epoch):
    # NumPy counts before it draws, so its stream begins at counter one.
    bits = philox((seed, epoch), (1, 0, 0, 0)) + philox((seed, epoch), (2, 0, 0, 0))
    expected = sorted(range(8), key=lambda i: bits[i])
    assert index_examples(8, seed=seed, start=8 * epoch, count=8).tolist() == expected


def test_order_is_uniform():
    order = index_examples(4, seed=5, start=0, count=24_000).reshape(6000, 4)
    counts = np.stack([np.bincount(order[:, place], minlength=4) for place in range(4)])
    # Binomial(6000, 1/4): standard deviation 33.5, so this is six of them.
    assert np.abs(counts - 1500).max() < 201


def test_far_start_is_cheap_and_right():
    start = 64 * 10**9
    began = time.monotonic()
    examples = index_examples(50_000, seed=0, start=start, count=256)
    assert time.monotonic() - began < 2.0
    epoch, offset = divmod(start, 50_000)
    whole = index_examples(50_000, seed=0, start=epoch * 50_000, count=100_000)
    np.testing.assert_array_equal(examples, whole[offset : offset + 256])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "size"),
        ({"start": -1}, "start"),
        ({"count": -1}, "count"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
    ],
)
def test_arguments_out_of_range(change, message):
    arguments = {"size": 10, "seed": 0, "start": 0, "count": 1, **change}
    with pytest.raises(ValueError, match=message):
        index_examples(arguments.pop("size"), **arguments)
