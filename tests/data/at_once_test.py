"""Processes that prepare and decode the same data at once: one does it, the others wait.

Run as a script this file forks the processes, which share its imports.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from PIL import Image

from gan_jax import data
from gan_jax.data import decoding, preparation

ROOT = pathlib.Path(__file__).parents[2]
PROCESSES = 4


class FakeBuilder:
    """What `preparation` asks of a builder of tfds."""

    name, url_infos = "fake", None

    def __init__(self, root):
        self.data_dir_root, self.data_path = root, root / "fake" / "1.0.0"
        self.data_dir = self.data_path

    def is_prepared(self):
        return (self.data_path / "whole").exists()

    def download_and_prepare(self, file_format):
        note(self.data_dir_root, "prepared")
        self.data_path.mkdir(parents=True)
        time.sleep(0.1)
        (self.data_path / "whole").touch()


def note(folder, what):
    """One line of a file for each process that does something."""
    with open(folder.parent / what, "a") as file:
        file.write(f"{os.getpid()}\n")


def work(folder):
    """What each process does; the identity of the data that it got."""
    preparation.has_tensorflow = lambda: True
    sys.modules["tensorflow_datasets"] = types.SimpleNamespace(disable_progress_bar=lambda: None)
    builder = FakeBuilder(folder / "prepared_data")
    preparation.prepare(builder, "fake", progress=False)
    assert builder.is_prepared()
    decode = decoding.decode_all

    def noting(*args, **kwargs):
        note(folder / "cache", "decoded")
        yield from decode(*args, **kwargs)

    decoding.decode_all = noting
    dataset = data.load(
        f"folder:{folder / 'images'}", image_size=4, cache_dir=folder / "cache", progress=False
    )
    return dataset.identity


def main(folder):
    go, pipes = time.monotonic() + 0.05, []
    for _ in range(PROCESSES):
        receive, send = os.pipe()
        if os.fork() == 0:
            try:
                time.sleep(max(0.0, go - time.monotonic()))
                os.write(send, work(folder).encode())
            finally:
                os._exit(0)
        os.close(send)
        pipes.append(receive)
    found = []
    for receive in pipes:
        with open(receive) as file:
            found.append(file.read())
    print(json.dumps(found))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The folder, and the identities of the data of each process."""
    folder = tmp_path_factory.mktemp("at_once")
    (folder / "images").mkdir()
    for value in range(20):
        Image.new("RGB", (4, 4), (value, 0, 0)).save(folder / "images" / f"{value:02d}.png")
    result = subprocess.run(
        [sys.executable, __file__, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert "Traceback" not in result.stderr, result.stderr
    return folder, json.loads(result.stdout)


def test_one_process_prepares(outcome):
    folder, _ = outcome
    assert len((folder / "prepared").read_text().splitlines()) == 1
    assert os.listdir(folder / "prepared_data") == ["fake"]


def test_one_process_decodes_and_all_have_the_same(outcome):
    folder, identities = outcome
    assert len((folder / "decoded").read_text().splitlines()) == 1
    dataset = data.load(
        f"folder:{folder / 'images'}", image_size=4, cache_dir=folder / "cache", progress=False
    )
    assert identities == [dataset.identity] * PROCESSES
    np.testing.assert_array_equal(dataset.arrays["image"][:, 0, 0, 0], np.arange(20))
    (kept,) = (folder / "cache").iterdir()
    assert kept.suffix == ".images"


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
