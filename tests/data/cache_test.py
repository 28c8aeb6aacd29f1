"""The cache file: whole or absent, whatever happens to its writer."""

import errno
import io
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from gan_jax.data import cache

KEY = {"identity": {"name": "numbers"}, "image_size": 2}


def make_batches(sizes=(3, 2), skipped=()):
    first = 0
    for size in sizes:
        values = np.arange(first, first + size)
        images = np.broadcast_to(values[:, None, None, None], (size, 2, 2, 3)).astype(np.uint8)
        yield cache.Decoded(images, values.astype(np.int32) - 1, tuple(skipped))
        first += size


def files_of(directory):
    return sorted(p.name for p in directory.rglob("*") if p.is_file())


def test_what_is_written_is_read(tmp_path):
    path = cache.path_for(tmp_path / "deep" / "er", "numbers/a b", KEY)
    assert cache.read(path, KEY) is None
    cache.write(path, KEY, make_batches(skipped=["x.png (broken)"]))
    decoded = cache.read(path, KEY)
    assert isinstance(decoded.images, np.memmap)
    assert decoded.images.shape == (5, 2, 2, 3)
    assert not decoded.images.flags.writeable
    np.testing.assert_array_equal(decoded.images[:, 1, 1, 2], np.arange(5))
    np.testing.assert_array_equal(decoded.labels, np.arange(-1, 4))
    assert decoded.labels.dtype == np.int32
    assert decoded.skipped == ("x.png (broken)",) * 2
    assert files_of(tmp_path) == [path.name]
    assert path.parent == tmp_path / "deep" / "er"


def test_another_key_has_another_file(tmp_path):
    other = {**KEY, "image_size": 4}
    path = cache.path_for(tmp_path, "numbers", KEY)
    assert path != cache.path_for(tmp_path, "numbers", other)
    cache.write(path, KEY, make_batches())
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
        lambda b: b[:60] + b"\x00" + b[61:],  # the first label
        lambda b: b[:-60] + b"?" + b[-59:],  # the description
        lambda b: b[:-48] + b"\xff" * 48,
    ],
)
def test_a_damaged_file_is_as_none(tmp_path, damage):
    path = cache.path_for(tmp_path, "numbers", KEY)
    cache.write(path, KEY, make_batches())
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert cache.read(path, KEY) is None
    cache.write(path, KEY, make_batches())
    assert path.read_bytes() == whole


def test_a_failing_source_leaves_nothing(tmp_path):
    def failing():
        yield from make_batches()
        raise RuntimeError("source failed")

    path = cache.path_for(tmp_path, "numbers", KEY)
    with pytest.raises(RuntimeError, match="source failed"):
        cache.write(path, KEY, failing())
    assert files_of(tmp_path) == []


def test_a_failing_rewrite_keeps_what_was_there(tmp_path):
    def failing():
        yield from make_batches()
        raise KeyboardInterrupt

    path = cache.path_for(tmp_path, "numbers", KEY)
    cache.write(path, KEY, make_batches())
    with pytest.raises(KeyboardInterrupt):
        cache.write(path, KEY, failing())
    assert cache.read(path, KEY).images.shape == (5, 2, 2, 3)
    assert files_of(tmp_path) == [path.name]


class FullDisk(io.FileIO):
    """Takes 20 bytes, then has no room."""

    def write(self, data):
        if self.tell() + memoryview(data).nbytes > 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.open", lambda path, mode: FullDisk(path, mode))
    path = cache.path_for(tmp_path, "numbers", KEY)
    with pytest.raises(OSError, match="disk is full") as caught:
        cache.write(path, KEY, make_batches())
    assert not isinstance(caught.value, cache.UnwritableError)
    assert caught.value.errno == errno.ENOSPC
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files_of(tmp_path) == []


def test_a_full_disk_at_the_last_moment(tmp_path, monkeypatch):
    def fsync(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="disk is full"):
        cache.write(cache.path_for(tmp_path, "numbers", KEY), KEY, make_batches())
    assert files_of(tmp_path) == []


def test_an_unwritable_folder_is_told_before_anything_is_decoded(tmp_path):
    (tmp_path / "file").write_text("in the way")

    def untouched():
        pytest.fail("read from the source")
        yield

    with pytest.raises(cache.UnwritableError, match="cannot write to"):
        cache.write(cache.path_for(tmp_path / "file", "numbers", KEY), KEY, untouched())


WRITER = """
import sys, time
import numpy as np
from pathlib import Path
from gan_jax.data import cache

def batches(count, pause):
    for i in range(count):
        images = np.full((50, 8, 8, 3), i, np.uint8)
        yield cache.Decoded(images, np.full(50, i, np.int32), ())
        print("batch", flush=True)
        time.sleep(pause)

cache.write(Path(sys.argv[1]), {"k": 1}, batches(int(sys.argv[2]), float(sys.argv[3])))
"""


def start_writer(path, count, pause):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(count), str(pause)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_writer_leaves_nothing_that_reads_as_whole(tmp_path):
    path = cache.path_for(tmp_path, "numbers", {"k": 1})
    with start_writer(path, 1000, 0.01) as writer:
        for _ in range(5):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    assert not path.exists()
    assert cache.read(path, {"k": 1}) is None
    (leftover,) = tmp_path.iterdir()
    # A later writer removes it once it cannot be another's work in progress.
    cache.write(path, {"k": 1}, make_batches())
    assert leftover.exists()
    day_ago = time.time() - 25 * 3600
    os.utime(leftover, (day_ago, day_ago))
    cache.write(path, {"k": 1}, make_batches())
    assert files_of(tmp_path) == [path.name]


def test_two_writers_at_once(tmp_path):
    path = cache.path_for(tmp_path, "numbers", {"k": 1})
    with start_writer(path, 20, 0.01) as one, start_writer(path, 20, 0.01) as two:
        one.communicate()
        two.communicate()
    assert one.returncode == two.returncode == 0
    decoded = cache.read(path, {"k": 1})
    np.testing.assert_array_equal(decoded.labels, np.repeat(np.arange(20), 50))
    np.testing.assert_array_equal(decoded.images[:, 3, 3, 1], decoded.labels)
    assert files_of(tmp_path) == [path.name]


def test_default_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.default_directory() == tmp_path / "gan_jax"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.default_directory() == tmp_path / ".cache" / "gan_jax"
