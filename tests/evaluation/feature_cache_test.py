"""What is kept of real images: whole, or not at all."""

import errno
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from gan_jax import data, metrics
from gan_jax.evaluation import feature_cache as feature_store
from gan_jax.evaluation.feature_cache import Entry

COUNT, DIM = 40, 12
FEATURES = np.random.default_rng(1).normal(size=(COUNT, DIM)).astype(np.float32)


@pytest.fixture
def dataset():
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 3), np.uint8)
    return data.from_arrays({"image": images}, name="näme/of it.2")


@pytest.fixture
def entry(toy_extractor, dataset, tmp_path):
    return Entry.of(toy_extractor, dataset, cache_dir=tmp_path / "cache")


class Unreadable(np.ndarray):
    """Images that must not be read."""

    def __getitem__(self, index):
        raise AssertionError("the images were read")


def files_of(entry):
    folder = entry.path.parent
    return sorted(folder.iterdir()) if folder.exists() else []


def test_features_come_back_as_a_read_only_map(entry):
    assert entry.read_features() is None
    assert entry.read_moments() is None
    for found in (entry.write_features([FEATURES[:30], FEATURES[30:]]), entry.read_features()):
        np.testing.assert_array_equal(found, FEATURES)
        assert isinstance(found, np.memmap)
        assert found.dtype == np.float32
        assert not found.flags.writeable
    (file,) = files_of(entry)
    assert file.name.isascii()
    assert file.name.startswith("n_me_of_it.2-train-toy-40-")


def test_moments_come_back(entry):
    want = metrics.moments(FEATURES)
    entry.write_moments(want)
    found = entry.read_moments()
    assert found.count == COUNT
    np.testing.assert_array_equal(found.mean, want.mean)
    np.testing.assert_array_equal(found.scatter, want.scatter)


def test_rows_that_are_all_of_them_and_none_are_the_same_entry(toy_extractor, dataset, tmp_path):
    def of(rows):
        return Entry.of(toy_extractor, dataset, rows, cache_dir=tmp_path)

    assert of(np.arange(COUNT)) == of(None)
    assert of(np.arange(COUNT - 1)).path != of(None).path
    assert of(np.arange(1, COUNT)).path != of(np.arange(COUNT - 1)).path


def test_the_entry_is_of_the_chosen_images_and_not_of_where_they_came_from(toy_extractor, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 3), np.uint8)
    pairs = {"left": images, "right": images[::-1]}

    def identity(arrays, array, rows=None, **options):
        dataset = data.from_arrays(arrays, **options)
        entry = Entry.of(toy_extractor, dataset, rows, array=array, cache_dir=tmp_path)
        return entry.images_identity

    known = identity(pairs, "left")
    assert identity(dict(pairs), "left", name="copy", split="all") == known
    others = [
        identity(pairs, "right"),
        identity(pairs, "left", np.arange(3)),
        identity(pairs, "left", np.arange(4)),
        identity({**pairs, "left": images ^ 1}, "left"),
    ]
    assert len({known, *others}) == 5


def test_naming_an_entry_reads_no_images(toy_extractor, tmp_path):
    images = Unreadable((9, 8, 8, 1), np.uint8)
    dataset = data.Dataset({"image": images}, {}, "x", "train", "0f")
    for rows, count in ((None, 9), (np.arange(4), 4)):
        assert Entry.of(toy_extractor, dataset, rows, cache_dir=tmp_path).count == count
    with pytest.raises(AssertionError, match="were read"):
        next(feature_store.batches(dataset, None, 2))


def test_any_changed_byte_is_noticed(entry):
    entry.write_features([FEATURES])
    (file,) = files_of(entry)
    whole = file.read_bytes()
    for place in [*range(0, len(whole), 97), *range(len(whole) - 60, len(whole))]:
        changed = bytearray(whole)
        changed[place] ^= 1
        file.write_bytes(changed)
        assert entry.read_features() is None, place
    for content in (b"", whole[:-1], whole + b"x", whole[1:], b"x" * len(whole)):
        file.write_bytes(content)
        assert entry.read_features() is None
    file.write_bytes(whole)
    assert entry.read_features() is not None


def test_a_file_of_other_images_is_not_taken_for_this(entry, toy_extractor, dataset, tmp_path):
    entry.write_features([FEATURES])
    other = Entry.of(toy_extractor, dataset, np.arange(COUNT)[::-1], cache_dir=tmp_path / "cache")
    entry.path.with_name(f"{entry.path.name}.features").rename(
        other.path.with_name(f"{other.path.name}.features")
    )
    assert other.read_features() is None


@pytest.mark.parametrize(
    "blocks",
    [
        [FEATURES[:-1]],
        [FEATURES, FEATURES[:1]],
        [FEATURES[:, 1:]],
        [FEATURES.astype(np.float64)],
    ],
)
def test_other_blocks_than_promised_are_refused_and_nothing_is_left(entry, blocks):
    with pytest.raises(ValueError, match="rows"):
        entry.write_features(blocks)
    assert files_of(entry) == []


def test_an_exception_leaves_what_was_there(entry):
    entry.write_features([FEATURES])

    def blocks():
        yield FEATURES[:10]
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        entry.write_features(blocks())
    np.testing.assert_array_equal(entry.read_features(), FEATURES)
    assert len(files_of(entry)) == 1


def test_a_full_disk_is_one_line_and_leaves_nothing(entry, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"could not write .*\.features: no space left on device"):
        entry.write_features([FEATURES])
    assert files_of(entry) == []


def test_sigterm_leaves_nothing(tmp_path):
    code = """
        import pathlib, sys, time
        import numpy as np
        from gan_jax.evaluation.feature_cache import Entry

        entry = Entry(pathlib.Path(sys.argv[1]) / "x", {"images_shape": [4], "feature_dim": 3})

        def blocks():
            yield np.zeros((1, 3), np.float32)
            print(*(p.suffix for p in entry.path.parent.iterdir()), flush=True)
            time.sleep(60)

        entry.write_features(blocks())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().split() == [".partial"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_batches_are_the_chosen_rows_in_order(dataset):
    rows = np.array([3, 1, 4, 1, 5])
    found = list(feature_store.batches(dataset, rows, 2))
    assert [len(part) for part in found] == [2, 2, 1]
    images = dataset.arrays["image"]
    np.testing.assert_array_equal(np.concatenate(found), images[rows])
    whole = np.concatenate(list(feature_store.batches(dataset, None, 7)))
    np.testing.assert_array_equal(whole, images)
