"""Two processes save and restore one directory of checkpoints.

Run as a script this file is one of the two processes.
"""

import os
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.checkpoint import Checkpointer
from tests import two_processes

TIMEOUT = 120.0


def be_one_of_two(process, port, folder):
    jax.config.update("jax_num_cpu_devices", 1)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"localhost:{port}", 2, process, initialization_timeout=90)
    mesh = jax.sharding.Mesh(jax.devices(), ("data",))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    make = jax.jit(
        lambda: {"x": jnp.arange(5.0), "key": jax.random.key(1)}, out_shardings=everywhere
    )
    state = make()
    assert not state["x"].is_fully_addressable
    with Checkpointer(folder) as checkpointer:
        for step in (1, 2):
            checkpointer.save(step, state, {"step": step})
        checkpointer.wait()
        if process == 0:
            # The other process does not read: nothing here may wait for it.
            assert checkpointer.progress() == (2, {"step": 2})
            part = checkpointer.restore({"x": np.zeros(5, np.float32)}, partial=True)[1]
            np.testing.assert_array_equal(part["x"], np.arange(5.0))
            (folder / "2" / "record" / "metadata").write_text("{}")
        jax.experimental.multihost_utils.sync_global_devices("damaged")
        template = jax.eval_shape(make)
        template = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=everywhere), template
        )
        step, restored, _, warnings = checkpointer.restore(template)
        assert (step, len(warnings)) == (1, 1)
        for leaf in jax.tree.leaves(restored):
            assert leaf.sharding.is_equivalent_to(everywhere, leaf.ndim)
        np.testing.assert_array_equal(jax.device_get(restored["x"]), np.arange(5.0))
        checkpointer.save(2, restored, {"again": True})
    assert checkpointer.progress() == (2, {"again": True})


def test_two_processes_share_a_directory(tmp_path):
    folder = two_processes.run(__file__, lambda port: tmp_path / str(port), timeout=TIMEOUT)
    assert sorted(os.listdir(folder)) == ["1", "2", "damaged-2"]
    step, state, progress, warnings = Checkpointer(folder).restore()
    assert (step, progress, warnings) == (2, {"again": True}, [])
    np.testing.assert_array_equal(state["x"], np.arange(5.0))


if __name__ == "__main__":
    be_one_of_two(int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]))
