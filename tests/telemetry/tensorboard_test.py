"""TensorBoard events: what was written is there once, also after a resume; nothing without TF."""

import importlib.util
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
assert "tensorflow" not in sys.modules
pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
with TensorBoard(sys.argv[1]) as board:
    for step in (10, 20, 30):
        board.write_scalars(step, {"loss/generator": step / 7, "epoch": 1})
        board.write_image(step, "samples", pixels)
    board.flush()
# A killed process leaves a torn event behind.
path, = pathlib.Path(sys.argv[1]).glob("events*")
data = path.read_bytes()
path.write_bytes(data + data[-20:-7])
with TensorBoard(sys.argv[1], start=20) as board:
    board.write_scalars(30, {"loss/generator": 1.0})

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
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed")
    result = subprocess.run(
        [sys.executable, "-c", _WRITE_TWICE, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(_ROOT), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    # Each event once; an image by its width and height.
    assert sorted(result.stdout.splitlines()) == [
        "epoch 10 1.0",
        "epoch 20 1.0",
        "loss/generator 10 1.4286",
        "loss/generator 20 2.8571",
        "loss/generator 30 1.0",
        "samples 10 [6, 4]",
        "samples 20 [6, 4]",
    ]


def test_without_tensorflow_nothing_is_written(tmp_path, monkeypatch, caplog):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorflow" else find_spec(name)
    )
    with caplog.at_level("WARNING", logger="absl"), TensorBoard(tmp_path / "x") as board:
        board.write_scalars(1, {"a": 1.0})
        board.write_image(1, "a", None)
        board.flush()
    assert not (tmp_path / "x").exists()
    assert "pip install" in caplog.text


def test_not_enabled_writes_nothing(tmp_path):
    with TensorBoard(tmp_path / "x", enabled=False) as board:
        board.write_scalars(1, {"a": 1.0})
    assert not (tmp_path / "x").exists()


def test_a_run_that_goes_on_hears_nothing_of_tensorflow(tmp_path):
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed")
    with TensorBoard(tmp_path) as board:
        board.write_scalars(1, {"loss": 1.0})
    program = (
        "import sys; from gan_jax.telemetry import TensorBoard; TensorBoard(sys.argv[1]).close()"
    )
    # What this process has set must not help the other one.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env=environment | {"PYTHONPATH": str(_ROOT), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (result.returncode, result.stderr) == (0, "")
