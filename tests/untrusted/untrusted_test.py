"""Strict JSON, declared forms, and files that are opened only where they are regular ones."""

import os
import socket

import pytest

from gan_jax import untrusted
from gan_jax.untrusted import REAL, TEXT, Either, Keys, ListOf, MapOf, Whole

FORM = Keys(
    {"a": Whole(0, 9)}, {"b": MapOf(ListOf(Either((TEXT, REAL)), 2)), "c": Either((REAL, TEXT))}
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no JSON: Expecting value in line 1, column 1"),
        (b'{"a": 1', "no JSON"),
        (b'"\xff"', "not UTF-8"),
        (b'{"a": 1, "a": 2}', "the key 'a' is there twice"),
        (b"[NaN]", "NaN is no JSON"),
        (b"[-Infinity]", "-Infinity is no JSON"),
        (b"1e999", "1e999 is beyond the range of a float"),
        (b"1" + b"0" * 400, r"1000.*\.\.\. has more than 64 bits"),
        (b"18446744073709551616", "has more than 64 bits"),
        (b"[" * 34 + b"]" * 34, "deeper than 32 levels"),
        (b'{"a":' * 100_000, "deeper than 32 levels"),
    ],
)
def test_what_is_no_json_is_refused_in_one_line(text, message):
    with pytest.raises(ValueError, match=message) as refused:
        untrusted.parse_json(text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_json_is_read():
    text = b'{"a": [1, -2.5, "\\u00e9", null, true], "b": {}}'
    assert untrusted.parse_json(text) == {"a": [1, -2.5, "é", None, True], "b": {}}
    assert untrusted.parse_json(b"[" * 33 + b"]" * 33)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "it must be a group of keys, not a list"),
        ({}, "a is missing"),
        ({"a": True}, "a must be a whole number from 0 to 9, not True"),
        ({"a": 10}, "a must be a whole number from 0 to 9, not 10"),
        ({"a": 1, "b": {"x": 3}}, r"b\.x must be a list of up to 2 values, not 3"),
        ({"a": 1, "b": {"x": [1, {}]}}, r"b\.x\[1\] must be a string .* or a number, not a group"),
        ({"a": 1, "c": "\x1b]0;"}, r"c must be a number or a string .*, not '\\x1b\]0;'"),
        ({"a": 1, "c": "\ud800"}, r"c must be a number or a string .*, not '\\ud800'"),
        ({"a": 1, "\n": 2}, r"a key must be a string without control characters, not '\\n'"),
    ],
)
def test_what_has_another_form_is_refused_by_its_key(value, message):
    with pytest.raises(ValueError, match=f"^{message}") as refused:
        FORM.check(value, "")
    assert untrusted.printable(str(refused.value)) == str(refused.value)


def test_what_has_the_form_passes():
    FORM.check({"a": 9, "b": {"x": ["y", 1.5], "z": []}, "c": 2, "d": {"anything": [None]}}, "")


@pytest.mark.parametrize("what", ["a fifo", "a socket", "a device", "a folder"])
def test_nothing_but_files_is_opened(tmp_path, what):
    path = tmp_path / "x"
    made = []
    if what == "a fifo":
        os.mkfifo(path)
    elif what == "a socket":
        made.append(socket.socket(socket.AF_UNIX))
        made[0].bind(str(path))
    elif what == "a device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    assert untrusted.irregular(path) == what
    with pytest.raises(OSError, match=f"x is {what}, not a file"):
        untrusted.read_bytes(path, most=9)
    for one in made:
        one.close()


def test_links_and_large_files(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("x")
    assert untrusted.read_bytes(tmp_path / "link", most=5) == b"12345"
    with pytest.raises(ValueError, match="link has more than 4 bytes"):
        untrusted.read_bytes(tmp_path / "link", most=4)
    with pytest.raises(OSError, match="link is a symbolic link, not a file"):
        untrusted.open_regular(tmp_path / "link", follow=False)
    with pytest.raises(FileNotFoundError):
        untrusted.read_bytes(tmp_path / "nothing", most=4)
    assert 2**20 < untrusted.available_memory() < 2**50
