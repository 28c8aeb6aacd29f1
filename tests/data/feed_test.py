"""Inputs of steps: by index or streamed, of one process or several, of one stream or two."""

import itertools

import numpy as np
import pytest

from gan_jax import data


def numbered(size, *, array="image", shape=(4, 6, 1), labels=True):
    """Images whose pixels are all their number."""
    images = np.broadcast_to(np.arange(size, dtype=np.uint8)[:, None, None, None], (size, *shape))
    arrays = {array: images.copy()}
    if labels:
        arrays["label"] = np.arange(size, dtype=np.int32)
    return data.from_arrays(arrays)


@pytest.fixture
def streams():
    return {"data": numbered(11)}


@pytest.fixture
def domains():
    """Two of unequal length and size."""
    return {
        "a": numbered(11, array="a", labels=False),
        "b": numbered(7, array="b", shape=(2, 3, 3), labels=False),
    }


def make(streams, placement="auto", **options):
    return data.make_feed(
        streams, **{"updates": 2, "batch_size": 3, "seed": 5, "placement": placement, **options}
    )


def read(made, start, stop, size, *, before=None):
    before = before or (lambda step: step * made.examples_per_step)
    with made.chunks(data.calls(start, stop, size), before) as chunks:
        return list(chunks)


def joined(chunks, stream="data"):
    return np.concatenate([chunk["index"][stream] for chunk in chunks])


def test_the_order_depends_on_the_step_alone(streams):
    made = make(streams, "device")
    whole = joined(read(made, 0, 12, 4))
    assert whole.shape == (12, 2, 3)
    assert whole.dtype == np.int32
    for start, size in ((0, 3), (6, 4), (7, 4), (11, 4)):
        chunks = read(made, start, 12, size)
        np.testing.assert_array_equal(joined(chunks), whole[start:])
        # Cut at the multiples of the length.
        assert all(len(chunk["index"]["data"]) == size for chunk in chunks[1:-1])
    # 11 images make an epoch, whatever batches and updates they are dealt to.
    np.testing.assert_array_equal(np.sort(whole.ravel()[:11]), np.arange(11))
    np.testing.assert_array_equal(np.sort(whole.ravel()[11:22]), np.arange(11))


def test_phases_of_other_batch_sizes_go_on_in_one_order(streams):
    order = data.index_examples(11, seed=5, start=0, count=4 * 6 + 3 * 10)
    first = make(streams, "device")
    second = make(streams, "device", updates=1, batch_size=10)

    def before(step):
        return min(step, 4) * 6 + max(0, step - 4) * 10

    found = [
        *read(first, 0, 4, 3, before=before),
        *read(second, 4, 7, 3, before=before),
    ]
    seen = np.concatenate([chunk["index"]["data"].ravel() for chunk in found])
    np.testing.assert_array_equal(seen, order)


def test_every_stream_has_an_order_and_epochs_of_its_own(domains):
    index = read(make(domains, "device"), 0, 77, 7)
    for stream, size in (("a", 11), ("b", 7)):
        order = joined(index, stream).ravel()
        assert order.size == 77 * 6
        epochs = order.reshape(-1, size)
        np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(size), (len(epochs), 1)))
    same = {name: numbered(11, array=name, labels=False) for name in ("a", "b")}
    (index,) = (chunk["index"] for chunk in read(make(same, "device"), 0, 4, 4))
    assert (index["a"] != index["b"]).any()


@pytest.mark.parametrize("kind", ["streams", "domains"])
def test_streamed_data_is_what_resident_data_would_have_been(kind, request):
    streams = request.getfixturevalue(kind)
    resident, streamed = make(streams, "device"), make(streams, "host")
    held = resident.resident_data()
    assert streamed.resident_data() is None
    rows, batches = read(resident, 3, 9, 4), read(streamed, 3, 9, 4)
    assert len(rows) == len(batches) == 3
    arrays = {(s, name): a for s, dataset in streams.items() for name, a in dataset.arrays.items()}
    for row, batch in zip(rows, batches, strict=True):
        assert set(batch["arrays"]) == {name for _, name in arrays}
        for (stream, name), array in arrays.items():
            index = row["index"][stream]
            np.testing.assert_array_equal(batch["arrays"][name], array[index], strict=True)
            flat = held[name][index]
            np.testing.assert_array_equal(
                flat.reshape(*index.shape, *array.shape[1:]), array[index]
            )


def test_resident_images_are_flat_and_not_copied(domains, streams):
    held = make(domains, "device").resident_data()
    assert {name: array.shape for name, array in held.items()} == {"a": (11, 24), "b": (7, 18)}
    assert np.shares_memory(held["a"], domains["a"].arrays["a"])
    held = make(streams, "device").resident_data()
    assert held["label"].shape == (11,)
    assert type(held["image"]) is np.ndarray


@pytest.mark.parametrize("placement", ["device", "host"])
def test_processes_read_their_own_rows_of_the_same_batches(domains, placement):
    whole = read(make(domains, placement, batch_size=6), 2, 7, 3)
    parts = [
        read(make(domains, placement, batch_size=6, rows=rows), 2, 7, 3)
        for rows in (slice(0, 2), slice(2, 6))
    ]
    for number, chunk in enumerate(whole):
        for kind, arrays in chunk.items():
            for name, array in arrays.items():
                found = [part[number][kind][name] for part in parts]
                assert [part.shape[2] for part in found] == [2, 4]
                np.testing.assert_array_equal(np.concatenate(found, axis=2), array)


class Recording(np.ndarray):
    """An array that keeps which of its rows were read."""

    def view(self, *args):
        return self if args == (np.ndarray,) else super().view(*args)

    def __getitem__(self, index):
        self.read.append(np.asarray(index))
        return np.asarray(self)[index]


def test_a_process_reads_nothing_but_its_rows(tmp_path):
    path = tmp_path / "images"
    np.arange(50 * 12, dtype=np.int32).astype(np.uint8).tofile(path)
    recording = np.memmap(path, np.uint8, "r", shape=(50, 2, 2, 3)).view(Recording)
    recording.read = []
    dataset = data.from_arrays({"image": np.zeros((50, 2, 2, 3), np.uint8)})
    dataset = type(dataset)({"image": recording}, {}, "x", "train", "0")
    # The data set keeps a view of what it is given.
    dataset.arrays["image"].read = recording.read
    made = make({"data": dataset}, "host", batch_size=10, rows=slice(4, 6))
    chunks = read(made, 0, 6, 3)
    order = data.index_examples(50, seed=5, start=0, count=6 * 2 * 10).reshape(6, 2, 10)
    touched = np.concatenate([index.ravel() for index in recording.read])
    np.testing.assert_array_equal(touched, order[:, :, 4:6].ravel())
    assert sum(chunk["arrays"]["image"].size for chunk in chunks) == 6 * 2 * 2 * 12


def test_small_data_goes_to_the_device_by_itself(domains):
    assert make(domains).resident
    size = 11 * 24 + 7 * 18
    assert make(domains, resident_bytes=size).resident
    assert not make(domains, resident_bytes=size - 1).resident
    assert make(domains, "device").resident
    assert make(domains).examples_per_step == 6
    with pytest.raises(ValueError, match=r"config.data.placement 'gpu'.*auto, device, host"):
        make(domains, "gpu")


def test_arrays_of_two_streams_have_different_names():
    with pytest.raises(ValueError, match=r"stream 'b' has arrays \['label'\], as another stream"):
        make({"a": numbered(3, array="a"), "b": numbered(3, array="b")})


def test_calls_are_cut_at_the_multiples_of_their_size():
    assert list(data.calls(0, 10, 4)) == [(0, 4), (4, 4), (8, 2)]
    assert list(data.calls(7, 10, 4)) == [(7, 1), (8, 2)]
    assert list(data.calls(3, 3, 4)) == []
    for start, stop, size in itertools.product(range(9), range(9), range(1, 5)):
        steps = [s for first, n in data.calls(start, stop, size) for s in range(first, first + n)]
        assert steps == list(range(start, stop))
