"""The devices of a TPU slice that is not there: enough for its compiler, which runs anywhere."""

from __future__ import annotations

import glob
import importlib.metadata
import importlib.util
import os
from typing import Any

import jax

from gan_jax.modes.plan.chips import Topology

# Device files of a TPU machine.
_TPU_FILES = ("/dev/accel*", "/dev/vfio/[0-9]*")
# Anywhere else libtpu asks a server for the machine's metadata, minute after minute, and then says
# in several lines what it misses.
_NO_TPU = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    # Several processes may compile at once, where none of them drives a chip.
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}
# One device per chip, as JAX has it on a v4 machine; the compiler's own default is one per core.
_OPTIONS: dict[str, dict[str, Any]] = {"v4": {"chip_config_name": "megacore"}}


def devices_of(topology: Topology) -> list[Any]:
    """The devices of a slice, to compile for.

    Args:
      topology: The slice.

    Raises:
      ValueError: In one line, if libtpu is not installed, or knows no such slice.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise ValueError(
            f"--topology={topology.name} needs the TPU's compiler: pip install 'gan_jax[tpu]'"
        )
    if not any(glob.glob(pattern) for pattern in _TPU_FILES):
        for name, value in _NO_TPU.items():
            os.environ.setdefault(name, value)
    from jax.experimental import topologies

    # A host has 2x2 chips, but where the slice is narrower.
    across, along, *_ = (min(2, side) for side in topology.axes)
    options: dict[str, Any] = dict(_OPTIONS.get(topology.kind, {}))
    if (across, along) != (2, 2):
        options["chips_per_host_bounds"] = (across, along, 1)
    try:
        description = topologies.get_topology_desc(
            platform="tpu",
            topology_name=topology.name,
            **options,
        )
    except (jax.errors.JaxRuntimeError, RuntimeError, NotImplementedError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(
            f"--topology={topology.name}: the TPU's compiler refuses it: {reason}"
        ) from error
    return list(description.devices)


def version() -> str | None:
    """The version of the TPU's compiler; None where it is not installed."""
    try:
        return importlib.metadata.version("libtpu")
    except importlib.metadata.PackageNotFoundError:
        return None
