"""Two processes on localhost train the state that one process of two devices trains.

Run as a script this file is one of the two processes.
"""

import contextlib
import json
import os
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.experimental.multihost_utils import sync_global_devices as barrier

from gan_jax import core
from gan_jax.core import processes
from gan_jax.files import locks
from gan_jax.runs.occupied import occupied
from tests import two_processes

MODES = ("jit", "pmap")
TIMEOUT = 180.0


def make_game():
    def init(key):
        gen_key, disc_key = jax.random.split(key)
        params = {
            "gen": jax.random.normal(gen_key, (4, 4)),
            "disc": jax.random.normal(disc_key, (4,)),
        }
        return core.Networks(params, {}, {"norm": jnp.float32(0.0)})

    def generate(params, context):
        return jnp.tanh(context.batch["z"] @ params["gen"])

    def disc(params, context):
        gap = jnp.mean(jnp.tanh(generate(params, context) @ params["disc"]))
        gap -= jnp.mean(jnp.tanh(context.batch["x"] @ params["disc"]))
        # Under pmap each device draws its own number; what is reported is their mean.
        return gap, core.Aux({"drawn": jax.random.uniform(context.key)})

    def gen(params, context):
        fake = generate(params, context)
        norm = 0.9 * context.memory["norm"] + 0.1 * jnp.mean(fake**2)
        return -jnp.mean(jnp.tanh(fake @ params["disc"])), core.Aux(memory={"norm": norm})

    return core.Gan(
        init,
        {"gen": optax.adam(0.01), "disc": optax.adam(0.01)},
        (
            core.Player("disc", ("disc",), "disc", disc, updates=2),
            core.Player("gen", ("gen",), "gen", gen),
        ),
        monitors=(core.Monitor("fake", lambda p, c: {"mean": jnp.mean(generate(p, c))}),),
        ema=core.Ema(0.9, ("gen",)),
        draw_noise=lambda key, batch: {"z": jax.random.normal(key, batch["x"].shape)},
        memory_is_mean=True,
    )


def prepare(key, inputs, resident):
    del key
    return {"x": resident[inputs["index"]].astype(jnp.float32) / 255.0}


def train(mode):
    """Two chunks of three steps on two devices, of however many processes; `{leaf: array}`."""
    gan, devices = make_game(), jax.devices()[:2]
    step = core.make_step(gan, prepare=prepare, axis_name=core.axis_name_of(mode))
    compiled = core.compile_chunk(core.make_chunk(step), mode=mode, devices=devices)
    generator, rows = np.random.default_rng(0), compiled.rows(8)
    resident = compiled.put_state(generator.integers(0, 256, (32, 4), np.uint8))
    state = compiled.put_state(core.init_state(gan, 0))
    for _ in range(2):
        before = jax.tree.leaves(state.params)
        index = generator.integers(0, 32, (3, 2, 8)).astype(np.int32)
        # Of the batch every process reads its own rows.
        inputs = compiled.put_inputs({"index": index[:, :, rows]})
        # Waited for: the collectives of forced devices on few cores may otherwise time out.
        state, metrics = jax.block_until_ready(compiled.run(state, inputs, resident))
        assert all(leaf.is_deleted() for leaf in before)
    for leaf in jax.tree.leaves(state):
        assert leaf.sharding.is_fully_replicated
        assert leaf.sharding.device_set == set(devices)
    state = state.replace(key=jax.random.key_data(state.key))
    named, _ = jax.tree_util.tree_flatten_with_path((state, metrics))
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in named}


def be_one_of_two(process, port, folder):
    jax.config.update("jax_num_cpu_devices", 1)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", 2, process, initialization_timeout=120)
    assert (jax.process_count(), jax.local_device_count(), jax.device_count()) == (2, 1, 2)
    for mode in MODES:
        compiled = core.compile_chunk(lambda s, i, r: (s, i), mode=mode)
        assert compiled.rows(8) == slice(4 * process, 4 * process + 4)
        np.savez(folder / f"{mode}_{process}.npz", **train(mode))
    learn_from_the_first(process)
    hold_a_folder(process, folder)


def hold_a_folder(process, folder):
    """The first process holds the folder of a run for all of them, and all fail if it cannot."""
    with occupied(folder / "run") as claim:
        claim.confirm()
        barrier("held")
        assert [path.name for path in (folder / "run").iterdir()] == [".lock"]
        holder = json.loads((folder / "run" / ".lock").read_text())
        assert (holder["pid"] == os.getpid()) == (process == 0)
        barrier("seen")
    error = locks.LockedError if process == 0 else processes.OtherProcessError
    message = "busy is in use by process" if process == 0 else "process 0 failed"
    with contextlib.ExitStack() as stack:
        if process == 0:
            (folder / "busy").mkdir()
            stack.enter_context(locks.held(folder / "busy" / ".lock", "it", "wait"))
        with pytest.raises(error, match=message):
            stack.enter_context(occupied(folder / "busy"))


def learn_from_the_first(process):
    """Numbers arrive to the bit, and a failure of process 0 is one of all, and no waiting."""
    assert processes.broadcast((1 / 3 + process, float(process))) == (1 / 3, 0.0)
    assert processes.by_first_process(lambda: process + 10, -1) == (10 if process == 0 else -1)

    def fail():
        raise ValueError("broken")

    error = ValueError if process == 0 else processes.OtherProcessError
    with pytest.raises(error, match="broken" if process == 0 else "process 0 failed"):
        processes.by_first_process(fail, None)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """`{mode: (first process's leaves, second's)}`."""
    folder = tmp_path_factory.mktemp("distributed")
    two_processes.run(__file__, lambda port: folder, timeout=TIMEOUT)
    return {
        mode: tuple(dict(np.load(folder / f"{mode}_{process}.npz")) for process in range(2))
        for mode in MODES
    }


@pytest.mark.parametrize("mode", MODES)
def test_two_processes_train_what_one_process_trains(mode, results):
    expected = train(mode)
    first, second = results[mode]
    assert expected["[0].step"] == 6
    assert set(first) == set(second) == set(expected)
    for name, array in expected.items():
        # Both processes hold the same bits; one process may sum in another order.
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
        np.testing.assert_allclose(first[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


if __name__ == "__main__":
    be_one_of_two(int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]))
