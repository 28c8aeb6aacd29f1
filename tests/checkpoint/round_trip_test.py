"""Checkpoints come back bit for bit, wherever they were written, or say what does not fit."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.checkpoint import Checkpointer, CheckpointError


@pytest.mark.parametrize("asynchronous", [True, False])
def test_round_trip_is_bit_exact(tmp_path, asynchronous, state, assert_same_bits):
    progress = {"epoch": 3, "nested": {"list": [1, 2.5, None]}}
    with Checkpointer(tmp_path, asynchronous=asynchronous) as checkpointer:
        checkpointer.save(7, state, progress)
        step, restored, held, warnings = checkpointer.restore(state)
    assert (step, held, warnings) == (7, progress, [])
    assert_same_bits(restored, state)
    assert isinstance(restored["count"], int)
    assert isinstance(restored["host"], np.ndarray)
    # A restored key must be as good as the one that was saved.
    np.testing.assert_array_equal(
        jax.random.bits(restored["rbg"], (3,)),
        jax.random.bits(jax.random.clone(state["rbg"]), (3,)),
    )


def test_restore_without_a_template_gives_named_host_arrays(tmp_path, state, bits):
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, state, {})
    _, tree, _, _ = Checkpointer(tmp_path).restore()
    assert isinstance(tree["params"]["generator"]["kernel"], np.ndarray)
    assert bits(tree["params"]["generator"]["odd"]) == bits(state["params"]["generator"]["odd"])
    assert tree["variables"] == {"generator": {}}
    assert set(tree["opt_state"]["0"]) == {"count", "mu", "nu"}
    assert bits(tree["keys"]) == bits(state["keys"])


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"nothing": np.zeros((0, 3))},
        {"none": None, "empty": {"dict": {}}},
        (np.zeros((), np.int8), [np.zeros((), jnp.bfloat16), np.ones((1, 1), np.complex64)]),
        {"a.b": np.ones(2, np.float16), "c/d": np.ones(1, bool), "": np.ones(3, jnp.float8_e4m3fn)},
    ],
    ids=["{}", "no elements", "no leaves", "scalars in tuples", "odd names"],
)
def test_odd_states_come_back(tmp_path, state, assert_same_bits):
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, state, {"step": 1})
        checkpointer.save(2, {"x": np.ones(1)}, {})
        step, restored, progress, warnings = checkpointer.restore(state, 1)
    assert (step, progress, warnings) == (1, {"step": 1}, [])
    assert_same_bits(restored, state)


def test_another_byte_order_comes_back_as_the_same_numbers(tmp_path):
    numbers = np.array([1, -2, 3], ">i4")
    with Checkpointer(tmp_path) as checkpointer:
        checkpointer.save(1, {"x": numbers}, {})
        restored = checkpointer.restore({"x": numbers})[1]["x"]
    np.testing.assert_array_equal(restored, numbers)
    assert restored.dtype == np.int32


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


@pytest.mark.parametrize("saved_on", [1, 4])
@pytest.mark.parametrize("restored_on", [1, 4])
def test_restores_on_other_devices(tmp_path, saved_on, restored_on, bits):
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
        assert bits(leaf) == bits(state[name])


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


@pytest.mark.parametrize(
    ("state", "progress", "message"),
    [
        ({"x": "text"}, {}, "cannot save x: str is no array"),
        ({"x": np.array([None])}, {}, "cannot save x: its dtype is object"),
        ({"x": np.array(["text"])}, {}, "cannot save x: its dtype is <U4"),
        ({"a": {"b": 1.0}, "a/b": 2.0}, {}, "two leaves of the state are both named a/b"),
        ({"a": {"b": 1.0}, "a.b": 2.0}, {}, r"two leaves of the state are both named a\.b"),
        (np.ones(3), {}, "has to be a container of arrays"),
        ({"x": 1}, {"path": pathlib.Path()}, "has to be JSON"),
    ],
)
def test_refuses_what_it_could_not_restore(tmp_path, state, progress, message):
    with Checkpointer(tmp_path) as checkpointer, pytest.raises(ValueError, match=message):
        checkpointer.save(1, state, progress)
    assert list(tmp_path.iterdir()) == []
