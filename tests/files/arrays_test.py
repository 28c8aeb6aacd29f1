"""A file is the old one or the new one, and an error is one line."""

import contextlib
import errno
import json
import os
import pathlib
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.files import (
    array_writer,
    atomic,
    read_arrays,
    write_bytes_atomically,
    write_json_atomically,
)
from gan_jax.files import arrays as array_files


@contextlib.contextmanager
def largest_file(size: int):
    """Makes the operating system refuse larger files, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "new" / "file"
    write_bytes_atomically(path, b"one")
    write_bytes_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file"]


def test_mode_is_that_of_any_new_file(tmp_path):
    write_bytes_atomically(tmp_path / "atomic", b"")
    (tmp_path / "plain").write_bytes(b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("atomic", "plain")}
    assert len(modes) == 1


def test_a_refused_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_bytes_atomically(path, b"old")
    with (
        largest_file(1024),
        pytest.raises(OSError, match=r"^could not write .*file: file too large$") as caught,
    ):
        write_bytes_atomically(path, bytes(5000))
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_refused_replace_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes_atomically(path, b"old")

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space left on device"):
        write_bytes_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_json_holds_what_a_run_has(tmp_path):
    path = tmp_path / "x.json"
    value = {
        "scalar": np.float32(0.1),
        "jax": jnp.arange(3),
        "path": pathlib.Path("a/b"),
        "bad": [float("nan"), float("inf"), jnp.float32(-jnp.inf)],
        "tuple": (1, True, None, "text"),
        3: {},
    }
    write_json_atomically(path, value)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads(path.read_text(), parse_constant=refuse) == {
        "scalar": float(np.float32(0.1)),
        "jax": [0, 1, 2],
        "path": "a/b",
        "bad": ["NaN", "Infinity", "-Infinity"],
        "tuple": [1, True, None, "text"],
        "3": {},
    }


def test_json_refuses_the_rest_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_json_atomically(path, 1)
    with pytest.raises(TypeError):
        write_json_atomically(path, {"x": object()})
    assert path.read_text() == "1\n"


IMAGES = np.random.default_rng(0).integers(0, 256, (7, 30, 20, 3), np.uint8)
ARRAYS = {
    "image": IMAGES,
    "label": np.arange(-3, 4, dtype=np.int32),
    "score": np.linspace(0, 1, 14, dtype=np.float64).reshape(7, 2),
}
LAST = slice(4, 7)


def write_arrays(path, *, max_rows=7, parts=(slice(0, 4), LAST), description=None):
    with array_writer(path, max_rows=max_rows) as writer:
        for part in parts:
            writer.append({name: array[part] for name, array in ARRAYS.items()})
        writer.description.update(description or {})


def names_in(folder):
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("max_rows", [7, 8, 5000])
@pytest.mark.parametrize("verify", [False, True])
def test_arrays_come_back_as_read_only_maps_from_pages_on(tmp_path, max_rows, verify):
    path = tmp_path / "deep" / "er" / "file"
    write_arrays(path, max_rows=max_rows, description={"key": ["a", None]})
    found, description = read_arrays(path, verify=verify)
    assert description == {"key": ["a", None]}
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
        assert isinstance(found[name], np.memmap)
        assert found[name].offset % 4096 == 0
        assert not found[name].flags.writeable
    assert names_in(path.parent) == ["file"]
    # Rows that did not come take no room.
    assert path.stat().st_blocks * 512 < max(2**17, path.stat().st_size / 10)


def test_how_rows_are_cut_into_blocks_does_not_matter(tmp_path):
    write_arrays(tmp_path / "one")
    write_arrays(tmp_path / "other", parts=[slice(i, i + 1) for i in range(7)])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    fortran = np.asfortranarray(IMAGES)
    with array_writer(tmp_path / "fortran", max_rows=7) as writer:
        writer.append({"image": fortran})
    np.testing.assert_array_equal(read_arrays(tmp_path / "fortran")[0]["image"], IMAGES)


def test_no_rows_are_rows_too(tmp_path):
    write_arrays(tmp_path / "file", parts=[slice(0, 0)])
    found, _ = read_arrays(tmp_path / "file")
    assert {name: array.shape for name, array in found.items()} == {
        "image": (0, 30, 20, 3),
        "label": (0,),
        "score": (0, 2),
    }


def test_any_changed_byte_of_an_array_or_its_description_is_noticed(tmp_path):
    path = tmp_path / "file"
    with array_writer(path, max_rows=4) as writer:
        writer.append({"label": ARRAYS["label"][:4]})
        writer.description["x"] = 1
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert read_arrays(path) is None, place
    for content in (b"", whole[:-1], whole + b"x", whole[1:], whole[8:], b"x" * len(whole)):
        path.write_bytes(content)
        assert read_arrays(path) is None
    path.unlink()
    assert read_arrays(path) is None
    path.write_bytes(whole)
    assert read_arrays(path) is not None


def test_large_arrays_are_checked_on_demand(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_arrays(path)
    changed = bytearray(path.read_bytes())
    changed[100] ^= 1
    path.write_bytes(changed)
    assert read_arrays(path) is None
    monkeypatch.setattr(array_files, "SMALL_BYTES", IMAGES.nbytes - 1)
    found, _ = read_arrays(path)
    assert (found["image"] != IMAGES).sum() == 1
    assert read_arrays(path, verify=True) is None


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"image": IMAGES[LAST]}, "no rows of"),
        ({**ARRAYS, "more": IMAGES}, "no rows of"),
        ({**ARRAYS, "image": IMAGES[:, :1]}, "no rows of"),
        ({**ARRAYS, "image": IMAGES.astype(np.int16)}, "no rows of"),
        ({**ARRAYS, "label": ARRAYS["label"][:6]}, "no rows of"),
        (ARRAYS, "8 rows came, at most 7 were to"),
    ],
)
def test_other_rows_than_the_first_are_refused_and_nothing_is_left(tmp_path, block, message):
    def write():
        with array_writer(tmp_path / "file", max_rows=7) as writer:
            writer.append({name: array[:1] for name, array in ARRAYS.items()})
            writer.append(block)

    with pytest.raises(ValueError, match=message):
        write()
    assert names_in(tmp_path) == []


def test_an_exception_while_writing_arrays_leaves_what_was_there(tmp_path):
    def write():
        with array_writer(tmp_path / "file", max_rows=1) as writer:
            writer.append({"x": np.zeros(1)})
            raise KeyboardInterrupt

    write_arrays(tmp_path / "file")
    with pytest.raises(KeyboardInterrupt):
        write()
    assert "image" in read_arrays(tmp_path / "file")[0]
    assert names_in(tmp_path) == ["file"]


def test_a_full_disk_is_one_line_whenever_it_is_noticed(tmp_path, monkeypatch):
    with (
        largest_file(4096),
        pytest.raises(OSError, match=r"^could not write .*file: file too large$") as caught,
    ):
        write_arrays(tmp_path / "file")
    assert caught.value.errno == errno.EFBIG

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for moment in ("fsync", "replace"):
        monkeypatch.setattr(os, moment, refuse)
        with pytest.raises(OSError, match=r"^could not write .*file: no space left on device$"):
            write_arrays(tmp_path / "file")
        monkeypatch.undo()
    assert names_in(tmp_path) == []
    # What fails in the block is none of the file's business.
    with (
        pytest.raises(OSError, match=r"^the source is gone$"),
        array_writer(tmp_path / "file", max_rows=1),
    ):
        raise OSError("the source is gone")


def test_a_folder_that_cannot_be_made_is_known_before_anything_is_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(OSError, match=r"could not write .*x: (file exists|not a directory)"),
        array_writer(tmp_path / "file" / "x", max_rows=1),
    ):
        pytest.fail("came into the block")


def test_arrays_are_on_the_disk_before_they_are_in_place(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda *a: done.append("fsync") or fsync(*a))
    monkeypatch.setattr(os, "replace", lambda *a: done.append("replace") or replace(*a))
    write_arrays(tmp_path / "file")
    write_bytes_atomically(tmp_path / "other", b"x")
    assert done == ["fsync", "replace"] * 2


WRITER = """
    import sys, time
    import numpy as np
    from gan_jax import files

    with files.array_writer(sys.argv[1], max_rows=10**6) as writer:
        for i in range(int(sys.argv[2])):
            values = np.full(50, i, np.int32)
            writer.append({"x": values, "y": np.repeat(values[:, None], 99, axis=1)})
            print("block", flush=True)
            time.sleep(0.01)
"""


def start_writer(path, blocks):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(blocks)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_writer_leaves_no_file_and_the_next_removes_what_it_left(tmp_path):
    with start_writer(tmp_path / "file", 10**6) as writer:
        for _ in range(3):
            writer.stdout.readline()
        assert len(names_in(tmp_path)) == 1
        writer.kill()
    assert read_arrays(tmp_path / "file") is None
    assert len(names_in(tmp_path)) == 1
    write_arrays(tmp_path / "another")
    assert names_in(tmp_path) == ["another"]


def test_sigterm_leaves_nothing(tmp_path):
    with start_writer(tmp_path / "file", 10**6) as writer:
        writer.stdout.readline()
        writer.terminate()
        assert writer.wait(30) == 128 + signal.SIGTERM
    assert names_in(tmp_path) == []


def test_two_writers_at_once(tmp_path):
    with start_writer(tmp_path / "file", 9) as one, start_writer(tmp_path / "file", 9) as two:
        one.communicate()
        two.communicate()
    assert one.returncode == two.returncode == 0
    found, _ = read_arrays(tmp_path / "file", verify=True)
    np.testing.assert_array_equal(found["x"], np.repeat(np.arange(9), 50))
    np.testing.assert_array_equal(found["y"], np.repeat(found["x"][:, None], 99, axis=1))
    assert names_in(tmp_path) == ["file"]


def test_what_a_living_or_a_distant_writer_needs_is_not_removed(tmp_path):
    host = atomic._HOST
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    kept = [
        f".file.{host}.{os.getpid()}.0123abcd.partial",
        f".file.elsewhere.{ended.pid}.0123abcd.partial",
        ".short.partial",
        "no-temporary.partial",
        f".file.{host}.{ended.pid}.0123abcd.other",
    ]
    abandoned = [
        f".file.{host}.{ended.pid}.0123abcd.partial",
        f".file.elsewhere.{os.getpid()}.0123abcd.partial",
    ]
    for name in (*kept, *abandoned):
        (tmp_path / name).write_text("x")
    os.utime(tmp_path / abandoned[1], (time.time() - 90_000,) * 2)
    write_arrays(tmp_path / "file")
    assert names_in(tmp_path) == sorted(["file", *kept])


def test_whoever_handles_sigterm_goes_on_handling_it(tmp_path):
    def handler(signum, frame):
        pass

    seen = []

    def write():
        with array_writer(tmp_path / "file", max_rows=1):
            seen.append(signal.getsignal(signal.SIGTERM))

    old = signal.signal(signal.SIGTERM, handler)
    try:
        write()
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGTERM) is handler
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        write()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, old)
    assert seen[:2] == [handler, handler]
    assert seen[2] not in (handler, signal.SIG_DFL)
