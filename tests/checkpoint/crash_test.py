"""Checkpoints are whole after kill -9 and a full disk."""

import errno
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import jax.numpy as jnp
import numpy as np
import pytest

import gan_jax
from gan_jax.checkpoint import Checkpointer, CheckpointError, files

_ROOT = pathlib.Path(gan_jax.__file__).parents[1]


def test_full_disk_is_one_line_and_loses_nothing(tmp_path, monkeypatch):
    seal = files.seal

    def no_room(folder):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))

    with Checkpointer(tmp_path, keep=1) as checkpointer:
        checkpointer.save(1, {"x": jnp.ones(3)}, {})
        checkpointer.wait()
        monkeypatch.setattr(files, "seal", no_room)
        checkpointer.save(2, {"x": jnp.ones(3)}, {})
        expected = r"could not write checkpoint 2 .*: no space left on device; .* whole one is 1$"
        with pytest.raises(CheckpointError, match=expected):
            checkpointer.save(3, {"x": jnp.ones(3)}, {})
        assert os.listdir(tmp_path) == ["1"]
        monkeypatch.setattr(files, "seal", seal)
        # Room was made: the run can go on saving.
        checkpointer.save(3, {"x": jnp.ones(3)}, {})
        checkpointer.wait()
        assert os.listdir(tmp_path) == ["3"]


def _child(script: str, *arguments, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(_ROOT), "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


_WRITE_TOO_MUCH = """
import resource, signal, sys
import numpy as np
from gan_jax.checkpoint import Checkpointer, CheckpointError
checkpointer = Checkpointer(sys.argv[1], keep=1)
checkpointer.save(1, {"x": np.ones(3)}, {})
checkpointer.wait()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
checkpointer.save(2, {"x": np.random.default_rng(0).normal(size=100_000)}, {})
try:
    checkpointer.close()
except CheckpointError as error:
    print(error)
"""


def test_a_write_the_system_refuses_prints_one_line_only(tmp_path):
    output, _ = _child(_WRITE_TOO_MUCH, tmp_path).communicate(timeout=300)
    assert output.splitlines() == [
        f"could not write checkpoint 2 in {tmp_path}: file too large; the last whole one is 1"
    ]
    assert os.listdir(tmp_path) == ["1"]


_STOP_BEFORE_COMMIT = """
import sys, time
import numpy as np
from gan_jax.checkpoint import Checkpointer, files
checkpointer = Checkpointer(sys.argv[1])
checkpointer.save(1, {"x": np.ones(3)}, {})
checkpointer.wait()
files.seal = lambda folder: (print("written", flush=True), time.sleep(600))
checkpointer.save(2, {"x": np.ones(3)}, {})
time.sleep(600)
"""


def test_killed_between_write_and_commit(tmp_path):
    child = _child(_STOP_BEFORE_COMMIT, tmp_path)
    assert child.stdout.readline() == "written\n"
    child.kill()
    child.communicate()
    half_written = [path for path in tmp_path.iterdir() if path.name != "1"]
    assert len(half_written) == 1
    assert half_written[0].joinpath("state").is_dir()
    with Checkpointer(tmp_path) as checkpointer:
        assert checkpointer.all_steps() == [1]
        assert checkpointer.restore()[0] == 1
        checkpointer.save(2, {"x": jnp.zeros(3)}, {})
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]
    assert Checkpointer(tmp_path).restore()[0] == 2


_SAVE_FOR_EVER = """
import itertools, sys
import numpy as np
from gan_jax.checkpoint import Checkpointer
checkpointer = Checkpointer(sys.argv[1], keep=2)
start = 0 if checkpointer.latest_step() is None else checkpointer.restore()[0]
print("ready", flush=True)
for step in itertools.count(start + 1):
    checkpointer.save(step, {"x": np.full(300_000, step), "y": np.full(7, -step)}, {"step": step})
"""


def test_killed_at_random_moments(tmp_path):
    moments = random.Random(0)
    before = 0
    for _ in range(2):
        child = _child(_SAVE_FOR_EVER, tmp_path)
        assert child.stdout.readline() == "ready\n"
        while (Checkpointer(tmp_path).latest_step() or 0) <= before:
            assert child.poll() is None, child.stdout.read()
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        step, state, progress, warnings = Checkpointer(tmp_path).restore()
        assert step > before
        assert (progress, warnings) == ({"step": step}, [])
        np.testing.assert_array_equal(state["x"], np.full(300_000, step))
        np.testing.assert_array_equal(state["y"], np.full(7, -step))
        before = step
