"""The devices of this process, for work that every process does on its own."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_AXIS = "devices"


class Devices(NamedTuple):
    """How arrays lie on the devices that take part.

    Attributes:
      divided: The first axis is shared out.
      whole: Every device holds all of it.
      count: Number of devices.
    """

    divided: NamedSharding
    whole: NamedSharding
    count: int  # type: ignore[assignment]  # hides tuple.count


def local_devices() -> Devices:
    """This process's devices, in a row."""
    mesh = Mesh(np.asarray(jax.local_devices()), (_AXIS,))
    return Devices(
        NamedSharding(mesh, PartitionSpec(_AXIS)), NamedSharding(mesh, PartitionSpec()), mesh.size
    )


def fitting_batch_size(wanted: int, devices: int) -> int:
    """The smallest multiple of `devices` that is at least `wanted`."""
    return -(-wanted // devices) * devices
