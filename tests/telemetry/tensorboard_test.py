"""TensorBoard events: what was written is there once, also after a resume; TF is not imported."""

import os
import pathlib
import subprocess
import sys

import pytest

import gan_jax
from gan_jax.telemetry import TensorBoard

_ROOT = pathlib.Path(gan_jax.__file__).parents[1]

_WRITE_TWICE = """
import pathlib, sys
import numpy as np
from gan_jax.telemetry import TensorBoard
pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
with TensorBoard(sys.argv[1]) as board:
    for step in (10, 20, 30):
        board.write_scalars(step, {"loss/generator": step / 7, "epoch": 1})
        board.write_image(step, "samples", pixels)
# A killed process leaves a torn event behind.
path, = pathlib.Path(sys.argv[1]).glob("events*")
data = path.read_bytes()
path.write_bytes(data + data[-20:-7])
with TensorBoard(sys.argv[1], start=20) as board:
    board.write_scalars(30, {"loss/generator": 1.0})
assert "tensorflow" not in sys.modules

from tensorboard.backend.event_processing import event_file_loader
from tensorboard.util import tensor_util
for path in pathlib.Path(sys.argv[1]).glob("events*"):
    for event in event_file_loader.LegacyEventFileLoader(str(path)).Load():
        for value in event.summary.value:
            array = tensor_util.make_ndarray(value.tensor)
            image = value.metadata.plugin_data.plugin_name == "images"
            shown = [int(n) for n in array[:2]] if image else round(float(array), 4)
            print(value.tag, event.step, shown)
"""


def test_events_are_there_once_after_a_resume(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", _WRITE_TWICE, str(tmp_path)],
        # TensorBoard's reader, of the test alone, imports TensorFlow where it is installed.
        env=os.environ
        | {
            "PYTHONPATH": str(_ROOT),
            "JAX_PLATFORMS": "cpu",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "TF_ENABLE_ONEDNN_OPTS": "0",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    # Each event once; an image by its width and height. Its checksums are compared.
    assert sorted(result.stdout.splitlines()) == [
        "epoch 10 1.0",
        "epoch 20 1.0",
        "loss/generator 10 1.4286",
        "loss/generator 20 2.8571",
        "loss/generator 30 1.0",
        "samples 10 [6, 4]",
        "samples 20 [6, 4]",
    ]


def test_not_enabled_writes_nothing(tmp_path):
    with TensorBoard(tmp_path / "x", enabled=False) as board:
        board.write_scalars(1, {"a": 1.0})
        board.write_image(1, "a", None)
    assert not (tmp_path / "x").exists()


def test_a_closed_one_writes_nothing_more(tmp_path):
    with TensorBoard(tmp_path) as board:
        board.write_scalars(1, {"a": 1.0})
    (path,) = tmp_path.iterdir()
    size = path.stat().st_size
    board.write_scalars(2, {"a": 1.0})
    assert path.stat().st_size == size


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"could not write .*file"):
        TensorBoard(tmp_path / "file" / "run")
