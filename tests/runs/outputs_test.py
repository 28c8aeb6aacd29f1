"""What a flag names for writing: refused before the work is done, and nothing touched."""

import os

import pytest

from gan_jax.runs import outputs


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("file", FileExistsError, "file exists: give a new --json"),
        ("folder", FileExistsError, "folder is a folder: give a new --json"),
        ("link", FileExistsError, "link exists: give a new --json"),
        ("gone/new.json", FileNotFoundError, "there is no folder .*gone, make it first"),
        ("file/new.json", NotADirectoryError, "file is a file, not a folder"),
        ("x" * 240, OSError, "the name is too long, 240 characters"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, error, message):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(error, match=message):
        outputs.check_new("--json", tmp_path / name)
    outputs.check_new("--json", tmp_path / "new.json")
    assert sorted(os.listdir(tmp_path)) == before


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    # Whoever runs the tests may be allowed to write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(PermissionError, match="cannot be written to"):
        outputs.check_new("--output", tmp_path / "new.png")


def test_a_new_folder_may_be_an_empty_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    outputs.check_new_folder("--output", "empty")
    outputs.check_new_folder("--output", "new")
    (tmp_path / "empty" / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="exists and is not an empty folder"):
        outputs.check_new_folder("--output", "empty")
