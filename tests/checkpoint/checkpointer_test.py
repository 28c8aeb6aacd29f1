"""Checkpoints: bit-exact, donation-safe, and whole after kill -9, a full disk or a flipped bit."""

import errno
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
import typing

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gan_jax
from gan_jax.checkpoint import Checkpointer, CheckpointError, files, orbax_manager

_ROOT = pathlib.Path(gan_jax.__file__).parents[1]


class _Pair(typing.NamedTuple):
    first: jax.Array
    second: jax.Array


def _state(seed: int = 0) -> dict:
    """Every kind of leaf a training state may hold, with NaNs, infinities and signed zeros."""
    kernel = jax.random.normal(jax.random.key(seed), (16, 9))
    odd = jnp.array([jnp.nan, -jnp.nan, jnp.inf, -jnp.inf, 0.0, -0.0, 1e-45, 3.4e38])
    return {
        "step": jnp.int32(seed),
        "params": {"generator": {"kernel": kernel, "odd": odd}, "discriminator": {"b": kernel[0]}},
        "variables": {"generator": {}},
        "opt_state": optax.adam(1e-3).init({"kernel": kernel}),
        "pair": _Pair(odd.astype(jnp.bfloat16), kernel.astype(jnp.float16)),
        "memory": (jnp.arange(7, dtype=jnp.uint32) * 613_566_757, jnp.array([True, False])),
        "nothing": jnp.zeros((0, 3)),
        "key": jax.random.key(seed),
        "keys": jax.random.split(jax.random.key(seed + 1), 3),
        "rbg": jax.random.key(seed, impl="rbg"),
        "host": np.arange(4, dtype=np.int64) << 40,
        "count": 3,
        "rate": 0.1,
        "flag": True,
    }


def _bits(leaf) -> tuple:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return str(leaf.dtype), leaf.shape, np.asarray(jax.random.key_data(leaf)).tobytes()
    array = np.asarray(leaf)
    return array.dtype.name, array.shape, array.tobytes()


def _assert_same_bits(actual, expected) -> None:
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert _bits(one) == _bits(other)


def _data_file(directory: pathlib.Path, step: int) -> pathlib.Path:
    """The largest file of a checkpoint: the one with the arrays' bytes."""
    return max(directory.joinpath(str(step)).rglob("d/*"), key=lambda path: path.stat().st_size)


def _flip_a_bit(path: pathlib.Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("asynchronous", [True, False])
def test_round_trip_is_bit_exact(tmp_path, asynchronous):
    state = _state()
    progress = {"epoch": 3, "nested": {"list": [1, 2.5, None]}}
    with Checkpointer(tmp_path, asynchronous=asynchronous) as checkpointer:
        checkpointer.save(7, state, progress)
        step, restored, held, warnings = checkpointer.restore(state)
    assert (step, held, warnings) == (7, progress, [])
    _assert_same_bits(restored, state)
    assert isinstance(restored["count"], int)
    assert isinstance(restored["host"], np.ndarray)
    # A restored key must be as good as the one that was saved.
    np.testing.assert_array_equal(
        jax.random.bits(restored["rbg"], (3,)), jax.random.bits(_state()["rbg"], (3,))
    )


def test_restore_without_a_template_gives_named_host_arrays(tmp_path):
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, _state(), {})
    _, tree, _, _ = Checkpointer(tmp_path).restore()
    assert isinstance(tree["params"]["generator"]["kernel"], np.ndarray)
    assert _bits(tree["params"]["generator"]["odd"]) == _bits(
        _state()["params"]["generator"]["odd"]
    )
    assert tree["variables"] == {"generator": {}}
    assert set(tree["opt_state"]["0"]) == {"count", "mu", "nu"}
    assert _bits(tree["keys"]) == _bits(_state()["keys"])


def test_restore_a_part_of_the_state(tmp_path):
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, _state(), {})
    template = {"params": jax.eval_shape(lambda: _state()["params"])}
    _, part, _, _ = Checkpointer(tmp_path).restore(template, partial=True)
    _assert_same_bits(part, {"params": _state()["params"]})
    with pytest.raises(CheckpointError, match="the config asks for nothing"):
        Checkpointer(tmp_path).restore(template)


def test_state_may_be_donated_and_progress_changed_after_save(tmp_path):
    step = jax.jit(lambda x: x * 0 - 1, donate_argnums=0)
    progress = {"seen": [1]}
    with Checkpointer(tmp_path) as checkpointer:
        # Big enough that the write is still under way when the buffer is overwritten.
        x = jnp.arange(2_000_000, dtype=jnp.float32)
        checkpointer.save(1, {"x": x}, progress)
        step(x).block_until_ready()
        progress["seen"].append(2)
        assert x.is_deleted()
        _, restored, held, _ = checkpointer.restore({"x": jax.ShapeDtypeStruct((2_000_000,), "f4")})
    np.testing.assert_array_equal(restored["x"], np.arange(2_000_000, dtype=np.float32))
    assert held == {"seen": [1]}


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


@pytest.mark.parametrize("saved_on", [1, 4])
@pytest.mark.parametrize("restored_on", [1, 4])
def test_restores_on_other_devices(tmp_path, saved_on, restored_on):
    def sharding(count, spec):
        mesh = jax.sharding.Mesh(np.array(jax.devices()[:count]), ("data",))
        return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*spec))

    values = jnp.arange(8.0)
    key = jax.device_put(jax.random.key(5), sharding(saved_on, ()))
    state = {
        "replicated": jax.device_put(values, sharding(saved_on, ())),
        "split": jax.device_put(values, sharding(saved_on, ("data",))),
        "key": key,
    }
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, state, {})
    template = {
        "replicated": jax.ShapeDtypeStruct((8,), "f4", sharding=sharding(restored_on, ())),
        "split": jax.ShapeDtypeStruct((8,), "f4", sharding=sharding(restored_on, ("data",))),
        "key": jax.ShapeDtypeStruct((), key.dtype, sharding=sharding(restored_on, ())),
    }
    _, restored, _, _ = Checkpointer(tmp_path).restore(template)
    for name, leaf in restored.items():
        assert leaf.sharding.is_equivalent_to(template[name].sharding, leaf.ndim)
        assert _bits(leaf) == _bits(state[name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": jnp.ones((3, 4))}, r"at x the checkpoint holds float32\[3\], .* float32\[3, 4\]"),
        ({"x": jnp.ones(3, jnp.bfloat16)}, r"float32\[3\], the config asks for bfloat16\[3\]"),
        ({"y": jnp.ones(2)}, r"at y the checkpoint holds nothing, .* asks for float32\[2\]"),
        ({"key": jax.random.key(0, impl="rbg")}, r"PRNG key threefry2x32\[\], .* PRNG key rbg\[\]"),
        ({"key": jnp.zeros(2, jnp.uint32)}, r"PRNG key threefry2x32\[\], .* uint32\[2\]"),
    ],
)
def test_names_the_first_leaf_that_differs(tmp_path, change, message):
    state = {"x": jnp.ones(3), "key": jax.random.key(0)}
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(4, state, {})
        with pytest.raises(CheckpointError, match=message) as caught:
            checkpointer.restore(state | change)
    assert "\n" not in str(caught.value)
    assert "checkpoint 4" in str(caught.value)


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


@pytest.mark.parametrize(
    ("state", "progress", "message"),
    [
        ({"x": "text"}, {}, "cannot save x: str is no array"),
        ({"x": np.array([None])}, {}, "cannot save x: its dtype is object"),
        ({"a": {"b": 1.0}, "a/b": 2.0}, {}, "two leaves of the state are both named a/b"),
        ({"x": 1}, {"path": pathlib.Path()}, "has to be JSON"),
    ],
)
def test_refuses_what_it_could_not_restore(tmp_path, state, progress, message):
    with Checkpointer(tmp_path) as checkpointer, pytest.raises(ValueError, match=message):
        checkpointer.save(1, state, progress)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "sealed"),
    # Without the files' checksums TensorStore's own threads would print what they think of it.
    [("flip", True), ("truncate", True), ("remove", True), ("record", True), ("record", False)],
)
def test_damaged_newest_falls_back_and_is_set_aside(tmp_path, damage, sealed):
    with Checkpointer(tmp_path) as checkpointer:
        for step in (1, 2, 3):
            checkpointer.save(step, {"x": jnp.full(1000, step), "y": jnp.ones(3)}, {"step": step})
    target = tmp_path / "3" / "record" / "metadata" if damage == "record" else None
    target = target or _data_file(tmp_path, 3)
    if damage in ("flip", "record"):
        _flip_a_bit(target)
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


def test_all_damaged_is_one_line(tmp_path):
    with Checkpointer(tmp_path) as checkpointer:
        for step in (1, 2):
            checkpointer.save(step, {"x": jnp.ones(1000)}, {})
    for step in (1, 2):
        _flip_a_bit(_data_file(tmp_path, step))
    with pytest.raises(CheckpointError, match="all asked for are damaged") as caught:
        Checkpointer(tmp_path).restore()
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]


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
