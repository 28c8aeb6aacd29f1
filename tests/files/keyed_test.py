"""Values in files that processes share: whole or not there, and not more than they may be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gan_jax
from gan_jax.files import KeyedFiles


def make(folder, max_bytes=10**6, warnings=None):
    return KeyedFiles(
        folder, max_bytes=max_bytes, warn=([] if warnings is None else warnings).append
    )


def test_a_value_is_there_for_another_process_too(tmp_path):
    assert make(tmp_path / "new").get("a") is None
    make(tmp_path / "new").put("a", b"value")
    assert make(tmp_path / "new").get("a") == b"value"


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:-1] + b"X", lambda data: b""]
)
def test_a_damaged_value_is_not_there_and_can_be_put_again(tmp_path, damage):
    kept = make(tmp_path)
    kept.put("a", b"value")
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert kept.get("a") is None
    assert not file.exists()
    kept.put("a", b"value")
    assert kept.get("a") == b"value"


def test_what_was_not_read_for_the_longest_time_makes_way(tmp_path):
    kept = make(tmp_path, max_bytes=250)
    (tmp_path / "of another program").write_bytes(b"x" * 1000)
    for age, key in ((30, "a"), (20, "b")):
        kept.put(key, b"x" * 68)
        os.utime(tmp_path / f"{key}.kept", (10**9 - age, 10**9 - age))
    kept.get("a")
    kept.put("c", b"x" * 68)
    assert [kept.get(key) is not None for key in "abc"] == [True, False, True]
    kept.put("larger than all", b"x" * 251)
    assert kept.get("larger than all") is None
    assert (tmp_path / "of another program").exists()


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path):
    (tmp_path / "file").write_text("")
    warnings = []
    kept = make(tmp_path / "file" / "folder", warnings=warnings)
    kept.put("a", b"value")
    kept.put("b", b"value")
    assert kept.get("a") is None
    assert len(warnings) == 1


_HAMMER = """
import pathlib, sys, time
from gan_jax.files import KeyedFiles
kept = KeyedFiles(pathlib.Path(sys.argv[1]), max_bytes=2_000_000, warn=print)
end, found = time.monotonic() + 1.0, 0
while time.monotonic() < end:
    for key in "abcd":
        value = kept.get(key)
        if value is not None:
            found += 1
            assert value == key.encode() * 500_000, "half of a value"
        kept.put(key, key.encode() * 500_000)
assert found
"""


def test_two_processes_never_read_half_of_a_value(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(gan_jax.__file__).parents[1])}
    command = [sys.executable, "-c", _HAMMER, str(tmp_path)]
    started = [
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], outputs
    assert outputs == ["", ""]
