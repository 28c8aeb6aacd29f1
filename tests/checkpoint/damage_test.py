"""A checkpoint with a damaged file is passed over for the next older one."""

import os

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.checkpoint import Checkpointer, CheckpointError, orbax_manager


@pytest.mark.parametrize(
    ("damage", "sealed"),
    # Without the files' checksums TensorStore's own threads would print what they think of it.
    [("flip", True), ("truncate", True), ("remove", True), ("record", True), ("record", False)],
)
def test_damaged_newest_falls_back_and_is_set_aside(
    tmp_path, damage, sealed, data_file, flip_a_bit
):
    with Checkpointer(tmp_path) as checkpointer:
        for step in (1, 2, 3):
            checkpointer.save(step, {"x": jnp.full(1000, step), "y": jnp.ones(3)}, {"step": step})
    target = tmp_path / "3" / "record" / "metadata" if damage == "record" else None
    target = target or data_file(tmp_path, 3)
    if damage in ("flip", "record"):
        flip_a_bit(target)
    elif damage == "truncate":
        target.write_bytes(target.read_bytes()[:-7])
    else:
        target.unlink()
    if not sealed:
        (tmp_path / "3" / "checksums.json").unlink()
    with Checkpointer(tmp_path) as checkpointer:
        step, state, progress, warnings = checkpointer.restore()
        assert (step, progress, len(warnings)) == (2, {"step": 2}, 1)
        assert "checkpoint 3 in" in warnings[0]
        assert "using checkpoint 2" in warnings[0]
        assert "\n" not in warnings[0]
        np.testing.assert_array_equal(state["x"], np.full(1000, 2))
        with pytest.raises(CheckpointError, match="all asked for are damaged"):
            checkpointer.restore(step=3)
        assert checkpointer.restore()[0] == 2
        # The run goes on from 2 and comes to 3 again.
        checkpointer.save(3, {"x": jnp.full(1000, 33), "y": jnp.ones(3)}, {"step": 33})
    assert sorted(os.listdir(tmp_path)) == ["1", "2", "3", "damaged-3"]
    assert Checkpointer(tmp_path).restore()[2:] == ({"step": 33}, [])


def test_arrays_that_do_not_match_their_record_are_not_used(tmp_path, monkeypatch):
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, {"x": jnp.ones(3)}, {})
        checkpointer.save(2, {"x": jnp.ones(3)}, {})
    read = orbax_manager.read

    def read_wrong(directory, step):
        arrays, record = read(directory, step)
        if step == 2:
            arrays["x"][1] = 5
        return arrays, record

    monkeypatch.setattr(orbax_manager, "read", read_wrong)
    step, _, _, warnings = Checkpointer(tmp_path).restore()
    assert step == 1
    assert "x does not match its checksum" in warnings[0]


def test_all_damaged_is_one_line(tmp_path, data_file, flip_a_bit):
    with Checkpointer(tmp_path) as checkpointer:
        for step in (1, 2):
            checkpointer.save(step, {"x": jnp.ones(1000)}, {})
    for step in (1, 2):
        flip_a_bit(data_file(tmp_path, step))
    with pytest.raises(CheckpointError, match="all asked for are damaged") as caught:
        Checkpointer(tmp_path).restore()
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]
