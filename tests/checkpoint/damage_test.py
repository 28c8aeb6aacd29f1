"""A checkpoint with a damaged file is passed over for the next older one."""

import json
import os
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
import tensorstore

from gan_jax.checkpoint import Checkpointer, CheckpointError, leaves, orbax_manager
from gan_jax.checkpoint.record import checksum_of_json


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A folder of the checkpoints 1, 2 and 3, to be copied."""
    folder = tmp_path_factory.mktemp("three")
    with Checkpointer(folder) as checkpointer:
        for step in (1, 2, 3):
            checkpointer.save(step, {"x": jnp.full(1000, step), "y": jnp.ones(3)}, {"step": step})
    return folder


@pytest.fixture
def folder(three, tmp_path):
    return shutil.copytree(three, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize(
    ("damage", "sealed"),
    # Without the files' checksums all data files are damaged: Orbax may not need every one.
    [
        ("flip", True),
        ("truncate", True),
        ("remove", True),
        ("record", True),
        ("flip", False),
        ("record", False),
    ],
)
def test_damaged_newest_falls_back_and_is_set_aside(
    folder, damage, sealed, data_file, flip_a_bit, capfd
):
    if damage == "record":
        flip_a_bit(folder / "3" / "record" / "metadata")
    elif damage == "truncate":
        target = data_file(folder, 3)
        target.write_bytes(target.read_bytes()[:-7])
    elif damage == "remove":
        data_file(folder, 3).unlink()
    else:
        for target in [data_file(folder, 3)] if sealed else (folder / "3").rglob("d/*"):
            flip_a_bit(target)
    if not sealed:
        (folder / "3" / "checksums.json").unlink()
    with Checkpointer(folder) as checkpointer:
        step, state, progress, warnings = checkpointer.restore()
        assert (step, progress, len(warnings)) == (2, {"step": 2}, 1)
        assert "checkpoint 3 in" in warnings[0]
        assert "using checkpoint 2" in warnings[0]
        assert "\n" not in warnings[0]
        np.testing.assert_array_equal(state["x"], np.full(1000, 2))
        with pytest.raises(CheckpointError, match="all asked for are damaged"):
            checkpointer.restore(step=3)
        assert checkpointer.restore()[0] == 2
        assert capfd.readouterr() == ("", "")
        # The run goes on from 2 and comes to 3 again.
        checkpointer.save(3, {"x": jnp.full(1000, 33), "y": jnp.ones(3)}, {"step": 33})
    assert sorted(os.listdir(folder)) == ["1", "2", "3", "damaged-3"]
    assert Checkpointer(folder).restore()[2:] == ({"step": 33}, [])


def test_arrays_that_do_not_match_their_record_are_not_used(folder, monkeypatch):
    read = orbax_manager.read_arrays

    def read_wrong(checkpoint, wanted, shapes):
        arrays = read(checkpoint, wanted, shapes)
        if checkpoint.name == "3":
            arrays["x"][1] = 5
        return arrays

    monkeypatch.setattr(orbax_manager, "read_arrays", read_wrong)
    step, _, _, warnings = Checkpointer(folder).restore()
    assert step == 2
    assert "x does not match its checksum" in warnings[0]


def test_a_checkpoint_of_another_format_is_not_used(folder):
    record = leaves.describe(3, {"x": jnp.ones(3)}, {})[1]
    body = {key: value for key, value in record.items() if key != "crc32"} | {"format": 99}
    body["crc32"] = checksum_of_json(body)
    (folder / "3" / "record" / "metadata").write_text(json.dumps(body))
    with pytest.raises(CheckpointError, match="its format is 99, this version reads 1"):
        Checkpointer(folder).progress(3)


def test_all_damaged_is_one_line(folder, data_file, flip_a_bit):
    for step in (1, 2, 3):
        flip_a_bit(data_file(folder, step))
    with pytest.raises(CheckpointError, match="all asked for are damaged") as caught:
        Checkpointer(folder).restore()
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(folder)) == ["1", "2", "3"]


def test_an_array_that_claims_a_shape_of_its_own_is_not_read(tmp_path):
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, {"a": np.ones(3, np.float32)}, {})
    (tmp_path / "1" / "checksums.json").unlink()
    spec = {
        "driver": "zarr",
        "kvstore": {"driver": "ocdbt", "base": f"file://{tmp_path}/1/state", "path": "a/"},
        "metadata": {"shape": [2**50], "dtype": "<f4", "chunks": [2**20]},
    }
    tensorstore.open(spec, create=True, delete_existing=True).result()
    with (
        Checkpointer(tmp_path) as checkpointer,
        pytest.raises(CheckpointError, match="1: a is missing or has another shape"),
    ):
        checkpointer.restore({"a": np.ones(3, np.float32)})


def test_a_fifo_in_a_checkpoint_is_not_waited_for(tmp_path):
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, {"a": np.ones(3, np.float32)}, {})
    (tmp_path / "1" / "record" / "metadata").unlink()
    os.mkfifo(tmp_path / "1" / "record" / "metadata")
    with (
        Checkpointer(tmp_path) as checkpointer,
        pytest.raises(CheckpointError, match="record/metadata is a fifo, not a file"),
    ):
        checkpointer.restore({"a": np.ones(3, np.float32)})
