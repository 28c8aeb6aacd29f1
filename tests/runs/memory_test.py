"""Estimates of memory: what cannot fit is refused by its shapes, before it is there."""

import jax
import jax.numpy as jnp
import optax
import pytest

from gan_jax import core
from gan_jax.runs import memory


def game(count):
    """A game of one network with `count` parameters, trained by plain gradient descent."""
    return core.Gan(
        lambda key: core.Networks({"net": {"w": jnp.zeros(count)}}, {}),
        {"sgd": optax.sgd(1.0)},
        (core.Player("only", ("net",), "sgd", None),),
    )


def test_the_bytes_of_a_tree_are_those_of_its_shapes():
    tree = {"a": jnp.zeros((3, 4)), "b": [jnp.zeros(5, jnp.int8), None]}
    assert memory.tree_bytes(tree) == 48 + 5
    assert memory.tree_bytes(jax.eval_shape(lambda: tree)) == 48 + 5


def test_what_does_not_fit_is_named_with_what_there_is(monkeypatch):
    monkeypatch.setattr(memory, "host_bytes", lambda: 3 * 2**30)
    memory.check({"one": 2**30, "two": 2**30}, "nothing")
    with pytest.raises(ValueError, match="lower nothing") as error:
        memory.check({"one": 2**30, "two": 5 * 2**29}, "nothing")
    assert str(error.value) == (
        "this needs at least 3.5 GiB of memory (one 1.0 GiB, two 2.5 GiB), and a device here has "
        "3.0 GiB: lower nothing"
    )


def test_there_is_some_memory_here():
    assert 2**28 < memory.host_bytes() < 2**50
    assert memory.device_bytes() == memory.host_bytes()


def test_files_that_do_not_fit_the_disk(tmp_path):
    memory.check_files(tmp_path / "new.npz", 10, (32, 32, 3))
    with pytest.raises(ValueError, match=r"100000000000 images are .* GiB, and the disk of .*new"):
        memory.check_files(tmp_path / "new.npz", 10**11, (32, 32, 3))


def test_a_state_is_refused_before_it_is_there(monkeypatch):
    monkeypatch.setattr(memory, "host_bytes", lambda: 2**30)
    with pytest.raises(ValueError, match=r"state of the networks 4,096.0 GiB, gradients 4,096.0"):
        core.start(game(2**40), 0, check=memory.check_state)


class Device:
    """What a device says of its memory."""

    def __init__(self, size):
        self._size = size

    def memory_stats(self):
        return {"bytes_limit": self._size} if self._size else None


def test_data_may_take_half_of_what_the_state_leaves(monkeypatch):
    state = jax.eval_shape(lambda: core.init_state(game(2**20), 0))
    of_state = memory.tree_bytes(state) + 2**22  # And the gradients.
    monkeypatch.setattr(jax, "local_devices", lambda: [Device(2**30)] * 2)
    assert memory.resident_bytes(state) == (2**30 - of_state) // 2
    monkeypatch.setattr(jax, "local_devices", lambda: [Device(2**20)])
    assert memory.resident_bytes(state) == 0
    # On a CPU each device has a copy of everything in the one memory.
    monkeypatch.setattr(jax, "local_devices", lambda: [Device(None)] * 4)
    monkeypatch.setattr(memory, "host_bytes", lambda: 2**30)
    assert memory.resident_bytes(state) == (2**30 - 4 * of_state) // 8
