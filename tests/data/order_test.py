"""The order of the data, and reading ahead."""

import gc
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from gan_jax.data import ImageDataset, index_batches, stream


def make_dataset(size=10, side=2):
    images = np.arange(size, dtype=np.uint8).reshape(size, 1, 1, 1)
    images = np.broadcast_to(images, (size, side, side, 1)).copy()
    return ImageDataset(images, np.arange(size, dtype=np.int32), (), "numbers", "train")


def stream_threads():
    return [t for t in threading.enumerate() if t.name == "gan_jax.data.stream"]


def test_index_batches_shape_and_type():
    batches = index_batches(10, 4, seed=0, start=0, count=3)
    assert batches.shape == (3, 4)
    assert batches.dtype == np.int32
    assert index_batches(10, 4, seed=0, start=7, count=0).shape == (0, 4)


@pytest.mark.parametrize(("size", "batch_size"), [(10, 5), (10, 4), (7, 16), (1, 3), (64, 64)])
def test_every_epoch_sees_every_example_once(size, batch_size):
    count = 5 * size  # whole epochs, whatever the batch size
    order = index_batches(size, batch_size, seed=3, start=0, count=count).reshape(-1, size)
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(size), (len(order), 1)))


@pytest.mark.parametrize("batch_size", [4, 23])
def test_batches_do_not_depend_on_how_they_are_asked_for(batch_size):
    whole = index_batches(10, batch_size, seed=1, start=0, count=20)
    for start in (0, 1, 7, 19):
        tail = index_batches(10, batch_size, seed=1, start=start, count=20 - start)
        np.testing.assert_array_equal(tail, whole[start:])
    singly = [index_batches(10, batch_size, seed=1, start=s, count=1)[0] for s in range(20)]
    np.testing.assert_array_equal(np.stack(singly[::-1]), whole[::-1])


def test_epochs_and_seeds_differ():
    def epochs(seed):
        return index_batches(100, 100, seed=seed, start=0, count=3)

    first = epochs(0)
    assert len({tuple(row) for row in first} | {tuple(row) for row in epochs(1)}) == 6
    # A seed past 32 bits is not folded onto a smaller one.
    assert not np.array_equal(epochs(2**32), first)


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
    assert index_batches(8, 8, seed=seed, start=epoch, count=1)[0].tolist() == expected


def test_order_is_uniform():
    order = index_batches(4, 4, seed=5, start=0, count=6000)
    counts = np.stack([np.bincount(order[:, place], minlength=4) for place in range(4)])
    # Binomial(6000, 1/4): standard deviation 33.5, so this is six of them.
    assert np.abs(counts - 1500).max() < 201


def test_far_start_is_cheap_and_right():
    start = 10**9
    began = time.monotonic()
    batches = index_batches(50_000, 64, seed=0, start=start, count=4)
    assert time.monotonic() - began < 2.0
    epoch, offset = divmod(start * 64, 50_000)
    whole = np.concatenate(
        [index_batches(50_000, 50_000, seed=0, start=e, count=1)[0] for e in (epoch, epoch + 1)]
    )
    np.testing.assert_array_equal(batches.ravel(), whole[offset : offset + 256])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "size"),
        ({"batch_size": 0}, "batch_size"),
        ({"start": -1}, "start"),
        ({"count": -1}, "count"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
    ],
)
def test_index_batches_rejects(change, message):
    arguments = {"size": 10, "batch_size": 4, "seed": 0, "start": 0, "count": 1, **change}
    size, batch_size = arguments.pop("size"), arguments.pop("batch_size")
    with pytest.raises(ValueError, match=message):
        index_batches(size, batch_size, **arguments)


def test_stream_yields_the_batches_in_order():
    dataset = make_dataset()
    rows = [np.array([[3, 1], [4, 1]]), np.array([[5, 9], [2, 6]])]
    with stream(dataset, rows) as batches:
        for row, (images, labels) in zip(rows, batches, strict=True):
            assert images.shape == (2, 2, 2, 2, 1)
            assert images.dtype == np.uint8
            assert labels.dtype == np.int32
            np.testing.assert_array_equal(images[..., 0, 0, 0], row)
            np.testing.assert_array_equal(labels, row)
        assert next(batches, None) is None
        assert next(batches, None) is None
    assert not stream_threads()


def test_stream_reads_no_further_ahead_than_asked():
    taken = []

    def rows():
        for i in range(100):
            taken.append(i)
            yield np.array([i % 10])

    with stream(make_dataset(), rows(), prefetch=3) as batches:
        for _ in range(5):
            next(batches)
        time.sleep(0.2)
        # Five used, three ready, one in the thread's hands.
        assert len(taken) <= 9
    assert len(taken) < 100


def test_stream_raises_what_its_thread_met_in_its_place():
    def rows():
        yield np.array([0])
        raise RuntimeError("no more rows")

    with stream(make_dataset(), rows()) as batches:
        assert next(batches)[1].tolist() == [0]
        with pytest.raises(RuntimeError, match="no more rows"):
            next(batches)
        with pytest.raises(StopIteration):
            next(batches)


def test_stream_raises_for_an_index_out_of_range():
    with (
        stream(make_dataset(), [np.array([10])]) as batches,
        pytest.raises(IndexError, match="10"),
    ):
        next(batches)


def test_closing_stops_the_thread_even_when_it_waits_for_room():
    batches = stream(make_dataset(), iter(lambda: np.array([0]), None), prefetch=1)
    next(batches)
    assert len(stream_threads()) == 1
    batches.close()
    batches.close()
    assert not stream_threads()
    with pytest.raises(StopIteration):
        next(batches)


def test_a_forgotten_stream_stops_its_thread():
    batches = stream(make_dataset(), iter(lambda: np.array([0]), None))
    next(batches)
    del batches
    gc.collect()
    assert not stream_threads()


def test_prefetch_must_be_positive():
    with pytest.raises(ValueError, match="prefetch"):
        stream(make_dataset(), [], prefetch=0)
    assert not stream_threads()


@pytest.mark.parametrize(("ending", "code"), [("pass", 0), ("raise KeyboardInterrupt", -2)])
def test_interpreter_exits_with_a_stream_open(ending, code):
    program = f"""
import numpy as np
from gan_jax.data import ImageDataset, stream
images = np.zeros((4, 2, 2, 1), np.uint8)
dataset = ImageDataset(images, np.zeros(4, np.int32), (), "zeros", "train")
batches = stream(dataset, iter(lambda: np.array([0]), None))
next(batches)
{ending}
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == code
    assert "Fatal" not in result.stderr
