"""Reading a part of a checkpoint reads, and depends on, that part alone."""

import pathlib
import shutil
import threading
import typing

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.checkpoint import Checkpointer, CheckpointError


@flax.struct.dataclass
class GameState:
    """The fields of a training state."""

    step: jax.Array
    params: typing.Any
    variables: typing.Any
    opt_state: typing.Any
    ema: typing.Any
    memory: typing.Any
    key: jax.Array


class Moments(typing.NamedTuple):
    mean: np.ndarray
    count: np.ndarray


def random_bytes(seed, size):
    # Random bytes are stored as they are, so that they can be found in the file.
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


@pytest.fixture(scope="module")
def game_state() -> GameState:
    def network(seed):
        return {"dense": {"kernel": random_bytes(seed, 300_000), "bias": np.ones(3, np.float32)}}

    params = {"generator": network(0), "discriminator": network(1)}
    return GameState(
        step=np.int32(5),
        params=params,
        variables={"generator": {"batch_stats": {"mean": np.ones(4, jnp.bfloat16)}}},
        opt_state={name: Moments(random_bytes(len(name), 700_000), np.int32(5)) for name in params},
        ema={
            "generator": {
                "params": network(2),
                "batch_stats": {"mean": np.zeros((0, 2), np.float32)},
            }
        },
        memory={"w_mean": np.float32(0.5), "frozen": np.bool_(True), "seen": np.int64(1 << 40)},
        key=jax.random.key(3),
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory, game_state) -> pathlib.Path:
    """A folder of the checkpoints 1 and 2, not to be changed."""
    folder = tmp_path_factory.mktemp("saved")
    with Checkpointer(folder) as checkpointer:
        for step in (1, 2):
            checkpointer.save(step, game_state, {"step": step})
    return folder


def weights(state: GameState) -> dict:
    """What sampling reads of a state."""
    return {
        "params": {"generator": state.params["generator"]},
        "variables": {"generator": state.variables["generator"]},
        "ema": {"generator": state.ema["generator"]},
        "memory": {"w_mean": state.memory["w_mean"]},
    }


def size_of(tree) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("structs", [False, True])
def test_a_dict_of_some_of_the_fields(saved, game_state, structs, assert_same_bits):
    expected = weights(game_state)
    template = expected
    if structs:
        template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), expected)
    step, part, progress, warnings = Checkpointer(saved).restore(template, partial=True)
    assert (step, progress, warnings) == (2, {"step": 2}, [])
    assert_same_bits(part, expected)
    kind = jax.Array if structs else np.ndarray | np.generic
    assert all(isinstance(leaf, kind) for leaf in jax.tree.leaves(part))


def test_a_dataclass_without_some_of_its_fields(saved, game_state, assert_same_bits):
    template = game_state.replace(params=None, ema=None, step=None)
    template = template.replace(opt_state={"generator": game_state.opt_state["generator"]})
    _, part, _, _ = Checkpointer(saved).restore(template, partial=True)
    assert_same_bits(part, template)
    assert isinstance(part.opt_state["generator"], Moments)


@pytest.mark.parametrize(
    "part",
    [
        lambda state: {"key": state.key},
        lambda state: {
            "ema": {"generator": {"batch_stats": state.ema["generator"]["batch_stats"]}}
        },
        lambda state: {"memory": state.memory},
        lambda state: {"params": {"generator": {}}, "ema": None},
    ],
    ids=["a typed key", "no elements", "scalars", "no leaves"],
)
def test_small_parts(saved, game_state, part, assert_same_bits):
    expected = part(game_state)
    assert_same_bits(Checkpointer(saved).restore(expected, partial=True)[1], expected)


def test_all_of_it_is_a_part_too(saved, game_state, assert_same_bits):
    assert_same_bits(Checkpointer(saved).restore(game_state, partial=True)[1], game_state)
    assert_same_bits(Checkpointer(saved).restore(game_state)[1], game_state)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"ema": {"discriminator": np.ones(3)}}, r"at ema/discriminator .* holds nothing, .*\[3\]"),
        ({"step": np.float32(5)}, r"at step .* holds int32\[\], .* float32\[\]"),
    ],
)
def test_a_part_that_is_not_there_is_one_line(saved, template, message):
    with pytest.raises(CheckpointError, match=message) as caught:
        Checkpointer(saved).restore(template, partial=True)
    assert "\n" not in str(caught.value)
    assert "checkpoint 2" in str(caught.value)


def test_a_whole_state_leaves_nothing_out(saved, game_state):
    with pytest.raises(CheckpointError, match=r"at ema/.* the config asks for nothing"):
        Checkpointer(saved).restore(game_state.replace(ema=None))


IO_COUNTERS = pathlib.Path("/proc/self/io")


def bytes_read() -> int:
    return int(IO_COUNTERS.read_text().split()[1])


@pytest.mark.skipif(not IO_COUNTERS.exists(), reason="the system does not count what is read")
def test_reads_about_as_many_bytes_as_are_asked_for(saved, game_state):
    reader, wanted = Checkpointer(saved), weights(game_state)
    before = bytes_read()
    reader.restore(wanted, partial=True)
    part = bytes_read()
    reader.progress()
    record = bytes_read()
    reader.restore(game_state)
    whole = bytes_read()
    assert size_of(wanted) < part - before < size_of(wanted) + 100_000
    assert 0 < record - part < 20_000
    assert whole - record > size_of(game_state.replace(key=None)) > 3 * size_of(wanted)


def change_a_byte_of(folder: pathlib.Path, array: np.ndarray) -> None:
    """Changes one byte of an array of random bytes in the file that holds it."""
    start = array[1000:1100].tobytes()
    holding = [path for path in folder.rglob("d/*") if start in path.read_bytes()]
    assert holding
    for path in holding:
        data = bytearray(path.read_bytes())
        data[data.index(start)] ^= 1
        path.write_bytes(data)


def test_damage_of_the_part_that_is_read_and_of_the_rest(tmp_path, saved, game_state):
    for step in (1, 2):
        shutil.copytree(saved / str(step), tmp_path / str(step))
    reader, wanted = Checkpointer(tmp_path), weights(game_state)
    change_a_byte_of(tmp_path / "2", game_state.opt_state["generator"].mean)
    assert reader.restore(wanted, partial=True)[::3] == (2, [])
    step, _, progress, warnings = reader.restore(game_state)
    assert (step, progress, len(warnings)) == (1, {"step": 1}, 1)
    change_a_byte_of(tmp_path / "2", game_state.ema["generator"]["params"]["dense"]["kernel"])
    step, _, progress, warnings = reader.restore(wanted, partial=True)
    assert (step, progress, len(warnings)) == (1, {"step": 1}, 1)
    assert "ema/generator/params/dense/kernel does not match its checksum" in warnings[0]
    assert "using checkpoint 1" in warnings[0]
    with pytest.raises(CheckpointError, match="all asked for are damaged"):
        reader.restore(wanted, 2, partial=True)


def test_a_file_cut_short_is_noticed_by_its_size(tmp_path, saved, game_state, data_file):
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    path = data_file(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:-7])
    step, _, _, warnings = Checkpointer(tmp_path).restore({"step": game_state.step}, partial=True)
    assert step == 1
    assert "bytes instead of" in warnings[0]


def test_many_damaged_arrays_print_nothing(tmp_path, saved, game_state, capfd):
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "2").rglob("d/*"):
        path.write_bytes(bytes(path.stat().st_size))
    step, _, _, warnings = Checkpointer(tmp_path).restore(weights(game_state), partial=True)
    assert (step, len(warnings)) == (1, 1)
    assert "\n" not in warnings[0]
    assert capfd.readouterr() == ("", "")


def test_progress_needs_no_arrays(tmp_path, saved):
    shutil.copytree(saved, tmp_path, ignore=shutil.ignore_patterns("state"), dirs_exist_ok=True)
    reader = Checkpointer(tmp_path)
    assert reader.progress() == (2, {"step": 2})
    assert reader.progress(1) == (1, {"step": 1})


def test_progress_passes_over_a_damaged_record(tmp_path, saved, flip_a_bit, caplog):
    shutil.copytree(saved, tmp_path, ignore=shutil.ignore_patterns("state"), dirs_exist_ok=True)
    flip_a_bit(tmp_path / "2" / "record" / "metadata")
    reader = Checkpointer(tmp_path)
    assert reader.progress() == (1, {"step": 1})
    (line,) = caplog.messages
    assert "checkpoint 2 in" in line
    assert "using checkpoint 1" in line
    with pytest.raises(CheckpointError, match="all asked for are damaged"):
        reader.progress(2)


def test_progress_of_no_checkpoint_is_one_line(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint in"):
        Checkpointer(tmp_path / "none").progress()
    assert not (tmp_path / "none").exists()


def test_a_reader_starts_no_thread_and_makes_no_folder(tmp_path, saved, game_state):
    before = set(threading.enumerate())
    with Checkpointer(tmp_path / "none") as reader:
        assert (reader.all_steps(), reader.latest_step()) == ([], None)
        with pytest.raises(CheckpointError, match="there is no checkpoint in"):
            reader.restore()
    assert not (tmp_path / "none").exists()
    with Checkpointer(saved) as reader:
        assert (reader.all_steps(), reader.latest_step()) == ([1, 2], 2)
        reader.progress()
        reader.restore(weights(game_state), partial=True)
        reader.restore(game_state)
        assert set(threading.enumerate()) <= before
