"""What a directory of checkpoints holds, and when."""

import json
import os
import threading

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.checkpoint import Checkpointer, CheckpointError, files


def test_save_returns_before_the_checkpoint_is_committed(tmp_path, monkeypatch):
    go_on, seal = threading.Event(), files.seal
    monkeypatch.setattr(files, "seal", lambda folder: (go_on.wait(60), seal(folder)))
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, {"x": jnp.ones(3)}, {})
        assert checkpointer.latest_step() is None
        checkpointer.save(1, {"x": jnp.zeros(3)}, {})
        go_on.set()
        checkpointer.wait()
        assert checkpointer.latest_step() == 1
        np.testing.assert_array_equal(checkpointer.restore()[1]["x"], np.ones(3))


def test_keeps_the_newest_and_never_overwrites(tmp_path):
    with Checkpointer(tmp_path / "new" / "folder", keep=2) as checkpointer:
        assert checkpointer.all_steps() == []
        for step in (0, 10, 20, 20):
            checkpointer.save(step, {"x": jnp.full(3, step)}, {"step": step})
        checkpointer.save(20, {"x": jnp.full(3, -1)}, {"step": -1})
        checkpointer.wait()
        assert checkpointer.all_steps() == [10, 20]
        assert sorted(os.listdir(tmp_path / "new" / "folder")) == ["10", "20"]
        assert checkpointer.restore(step=10)[2] == {"step": 10}
        assert checkpointer.restore()[2] == {"step": 20}


def test_reading_changes_nothing_on_disk(tmp_path):
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, {"x": jnp.ones(3)}, {})
    # What a run that is still training would be writing.
    (tmp_path / "2.orbax-checkpoint-tmp" / "state").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    with Checkpointer(tmp_path) as reader:
        assert reader.all_steps() == [1]
        assert reader.restore()[0] == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_missing_checkpoints_are_one_line(tmp_path):
    with Checkpointer(tmp_path / "none") as checkpointer:
        with pytest.raises(CheckpointError, match="there is no checkpoint in"):
            checkpointer.restore()
        assert not (tmp_path / "none").exists()
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(10, {"x": jnp.ones(1)}, {})
        checkpointer.save(20, {"x": jnp.ones(1)}, {})
        checkpointer.wait()
        with pytest.raises(CheckpointError, match=r"no checkpoint of step 15 .*there are: 10, 20"):
            checkpointer.restore(step=15)


def test_record_is_readable_json(tmp_path):
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, {"x": {"y": jnp.ones((2, 3))}}, {"epoch": 4})
    record = json.loads((tmp_path / "1" / "record" / "metadata").read_text())
    assert record["progress"] == {"epoch": 4}
    assert record["leaves"]["x/y"]["shape"] == [2, 3]
    assert record["leaves"]["x/y"]["dtype"] == "float32"


def test_keep_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="keep must be at least 1"):
        Checkpointer(tmp_path, keep=0)
