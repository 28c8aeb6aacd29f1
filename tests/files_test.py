"""A file is the old one or the new one, and an error is one line."""

import contextlib
import errno
import json
import os
import pathlib
import resource
import stat

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.files import write_bytes_atomically, write_json_atomically


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
