import jax
import numpy as np
import pytest

from gan_jax import data
from gan_jax.data import feed


@pytest.fixture
def dataset():
    images = np.arange(11 * 4 * 4 * 1, dtype=np.uint8).reshape(11, 4, 4, 1)
    return data.ImageDataset(
        images, np.arange(11, dtype=np.int32), tuple(map(str, range(11))), "toy", "train"
    )


def make(dataset, placement="auto", updates=2):
    return feed.make_feed(dataset, updates=updates, batch_size=3, seed=5, placement=placement)


def read(made, start, stop, size):
    with made.chunks(start, stop, size) as chunks:
        return list(chunks)


def joined(chunks, name):
    return np.concatenate([chunk[name] for chunk in chunks])


def test_the_order_depends_on_the_step_alone(dataset):
    made = make(dataset, "device")
    whole = joined(read(made, 0, 12, 4), "index")
    assert whole.shape == (12, 2, 3)
    assert whole.dtype == np.int32
    for start, size in ((0, 3), (6, 4), (7, 4), (11, 4)):
        chunks = read(made, start, 12, size)
        np.testing.assert_array_equal(joined(chunks, "index"), whole[start:])
        # Cut at the multiples of the length.
        assert all(len(chunk["index"]) == size for chunk in chunks[1:-1])
    # 11 images make an epoch, whatever batches and updates they are dealt to.
    np.testing.assert_array_equal(np.sort(whole.ravel()[:11]), np.arange(11))
    np.testing.assert_array_equal(np.sort(whole.ravel()[11:22]), np.arange(11))


def test_streamed_data_is_what_resident_data_would_have_been(dataset):
    resident, streamed = make(dataset, "device"), make(dataset, "host")
    held = resident.resident_data()
    assert streamed.resident_data() is None
    prepare = feed.make_prepare()
    rows, batches = read(resident, 3, 9, 4), read(streamed, 3, 9, 4)
    assert [len(row["index"]) for row in rows] == [len(batch["label"]) for batch in batches]
    for row, batch in zip(rows, batches, strict=True):
        for step in range(len(row["index"])):
            one = prepare(jax.random.key(0), {"index": row["index"][step]}, held)
            other = prepare(
                jax.random.key(0), {name: array[step] for name, array in batch.items()}, None
            )
            assert one["image"].shape == (2, 3, 4, 4, 1)
            jax.tree.map(np.testing.assert_array_equal, one, other)
            expected = dataset.images[row["index"][step]].astype(np.float32) / 127.5 - 1.0
            np.testing.assert_allclose(one["image"], expected, atol=1e-6)
            np.testing.assert_array_equal(one["label"], row["index"][step])


def test_every_update_is_augmented_with_a_key_of_its_own(dataset):
    images = np.broadcast_to(dataset.images[:1], (2, 64, 4, 4, 1))
    inputs = {"image": images, "label": np.zeros((2, 64), np.int32)}
    made = feed.make_prepare(flip=True)(jax.random.key(1), inputs, None)["image"]
    plain = feed.make_prepare()(jax.random.key(1), inputs, None)["image"]
    flipped = np.asarray((made != plain).any(axis=(2, 3, 4)))
    np.testing.assert_array_equal(
        np.where(flipped[..., None, None, None], plain[..., ::-1, :], plain), made
    )
    assert 0.2 < flipped.mean() < 0.8
    assert (flipped[0] != flipped[1]).any()


def test_small_data_goes_to_the_device_by_itself(dataset, monkeypatch):
    assert make(dataset).resident
    monkeypatch.setattr(feed, "RESIDENT_BYTES", dataset.images.nbytes - 1)
    assert not make(dataset).resident
    assert make(dataset, "device").resident
    assert make(dataset).images_per_step == 6
    with pytest.raises(ValueError, match=r"config.data.placement='gpu' is unknown.*auto, device"):
        make(dataset, "gpu")
