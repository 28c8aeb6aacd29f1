"""The cache file: whole or absent, whatever happens to its writer."""

import errno
import os
import zlib

import numpy as np
import pytest

from gan_jax.data import cache
from gan_jax.data.dataset import ContentHash
from gan_jax.files import arrays

KEY = {"identity": {"name": "numbers"}, "image_size": 2}


def make_batches(sizes=(3, 2), skipped=()):
    first = 0
    for size in sizes:
        values = np.arange(first, first + size)
        images = np.broadcast_to(values[:, None, None, None], (size, 2, 2, 3)).astype(np.uint8)
        rows = {"image": images, "label": values.astype(np.int32) - 1}
        yield cache.Block(rows, tuple(skipped))
        first += size


def write(path, blocks=None, key=KEY):
    cache.write(path, key, make_batches() if blocks is None else blocks, max_rows=8)


def files_of(directory):
    return sorted(p.name for p in directory.rglob("*") if p.is_file())


def test_what_is_written_is_read(tmp_path):
    path = cache.path_for(tmp_path / "deep" / "er", "numbers/a b", KEY)
    assert cache.read(path, KEY) is None
    write(path, make_batches(skipped=["x.png (broken)"]))
    decoded = cache.read(path, KEY)
    images, labels = decoded.arrays["image"], decoded.arrays["label"]
    assert isinstance(images, np.memmap)
    assert images.shape == (5, 2, 2, 3)
    assert not images.flags.writeable
    np.testing.assert_array_equal(images[:, 1, 1, 2], np.arange(5))
    np.testing.assert_array_equal(labels, np.arange(-1, 4))
    assert labels.dtype == np.int32
    assert decoded.skipped == ("x.png (broken)",) * 2
    assert files_of(tmp_path) == [path.name]
    assert path.parent == tmp_path / "deep" / "er"


def test_another_key_has_another_file(tmp_path):
    other = {**KEY, "image_size": 4}
    path = cache.path_for(tmp_path, "numbers", KEY)
    assert path != cache.path_for(tmp_path, "numbers", other)
    write(path)
    assert cache.read(path, other) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[: len(b) // 2],
        lambda b: b[:-1],
        lambda b: b + b"\0",
        lambda b: b"",
        lambda b: b"\0" * len(b),
        lambda b: b[12:],  # pixels lost before an intact tail
        lambda b: b[:59] + b"\xff" + b[60:],  # the last pixel
        lambda b: b[:-60] + b"?" + b[-59:],  # the description
        lambda b: b[:-48] + b"\xff" * 48,
    ],
)
def test_a_damaged_file_is_as_none(tmp_path, damage):
    path = cache.path_for(tmp_path, "numbers", KEY)
    write(path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert cache.read(path, KEY) is None
    write(path)
    assert path.read_bytes() == whole


def test_a_failing_source_leaves_nothing(tmp_path):
    def failing():
        yield from make_batches()
        raise RuntimeError("source failed")

    path = cache.path_for(tmp_path, "numbers", KEY)
    with pytest.raises(RuntimeError, match="source failed"):
        write(path, failing())
    assert files_of(tmp_path) == []


def test_a_failing_rewrite_keeps_what_was_there(tmp_path):
    def failing():
        yield from make_batches()
        raise KeyboardInterrupt

    path = cache.path_for(tmp_path, "numbers", KEY)
    write(path)
    with pytest.raises(KeyboardInterrupt):
        write(path, failing())
    assert len(cache.read(path, KEY).arrays["image"]) == 5
    assert files_of(tmp_path) == [path.name]


def test_identity_is_of_the_contents(tmp_path):
    def identity(blocks, key=KEY):
        path = cache.path_for(tmp_path, "numbers", key)
        write(path, blocks, key)
        return cache.read(path, key).identity

    known = identity(make_batches())
    assert identity(make_batches((1, 4))) == known
    assert identity(make_batches(), {"another": "place"}) == known
    assert identity(make_batches((1, 3))) != known
    # As of the same arrays in memory.
    content = ContentHash()
    content.update(
        {
            name: np.concatenate([block.arrays[name] for block in make_batches()])
            for name in ("image", "label")
        }
    )
    assert content.hexdigest() == known


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, moment):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, moment, full)
    with pytest.raises(OSError, match="disk is full") as caught:
        write(cache.path_for(tmp_path, "numbers", KEY))
    assert not isinstance(caught.value, cache.UnwritableError)
    assert caught.value.errno == errno.ENOSPC
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files_of(tmp_path) == []


def untouched():
    pytest.fail("read from the source")
    yield


def test_an_unwritable_folder_is_known_before_anything_is_decoded(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(cache.UnwritableError, match=r"^cannot write to [^:]*/file: [^:]*$"):
        write(cache.path_for(tmp_path / "file", "numbers", KEY), untouched())


def test_what_is_there_is_not_made_again(tmp_path):
    def through(blocks):
        return cache.through_cache(tmp_path, "numbers", KEY, blocks, max_rows=8)

    made, found = through(make_batches()), through(untouched())
    assert made.identity == found.identity
    np.testing.assert_array_equal(made.arrays["image"], found.arrays["image"])


def test_what_cannot_be_kept_is_the_same(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    decoded = [
        cache.through_cache(folder, "numbers", KEY, make_batches(skipped=["x"]), max_rows=8)
        for folder in (tmp_path / "file", tmp_path / "folder")
    ]
    assert "in memory only" in caplog.text
    assert decoded[0].identity == decoded[1].identity
    assert decoded[0].skipped == decoded[1].skipped == ("x", "x")
    for name, array in decoded[1].arrays.items():
        np.testing.assert_array_equal(decoded[0].arrays[name], array, strict=True)


def test_default_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.default_directory() == tmp_path / "gan_jax"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.default_directory() == tmp_path / ".cache" / "gan_jax"


def test_pixels_are_verified_once_for_each_version_of_a_large_file(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(arrays, "SMALL_BYTES", 1)
    monkeypatch.setattr(cache, "SMALL_BYTES", 1)
    verified, check = [], zlib.crc32
    monkeypatch.setattr(zlib, "crc32", lambda *a: verified.append(1) or check(*a))
    path = cache.path_for(tmp_path, "numbers", KEY)
    write(path)
    for expected in (2, 0):  # The images and the labels; then nothing.
        verified.clear()
        assert cache.read(path, KEY).arrays["image"].max() == 4
        assert len(verified) == expected
    # An all-zero file of the right size and description, as a disk that is failing leaves.
    with open(path, "r+b") as file:
        file.write(bytes(60))
    os.utime(path, ns=(1, 1))
    assert cache.read(path, KEY) is None
    assert f"{path} is damaged; it is made again" in caplog.text
    made = cache.through_cache(tmp_path, "numbers", KEY, make_batches(), max_rows=8)
    assert made.arrays["image"].max() == 4


def test_what_could_not_be_read_is_tried_again(tmp_path):
    missing = tmp_path / "image.png"

    def through(blocks):
        folder = tmp_path / "cache"
        return len(cache.through_cache(folder, "numbers", KEY, blocks, max_rows=8).arrays["image"])

    first = (block._replace(unread=(str(missing),)) for block in make_batches((3,)))
    assert through(first) == 3
    assert through(untouched()) == 3
    missing.write_text("it can be read now")
    assert through(make_batches()) == 5
    assert through(untouched()) == 5
