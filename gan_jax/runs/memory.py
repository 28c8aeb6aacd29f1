"""Memory that something needs at least, estimated by shapes before it is asked for.

The estimates are lower bounds: what fits may still be too much, but what does not is refused in a
line instead of ending the process, or the machine.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from gan_jax import core

PyTree = Any
# Where a container's limit stands, of both versions of Linux's control groups.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def host_bytes() -> int:
    """The memory of this machine, or of the container."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for place in _LIMITS:
        if os.path.exists(place) and (text := Path(place).read_text().strip()).isdigit():
            total = min(total, int(text))
    return total


def device_bytes() -> int:
    """The memory of one device of this process."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return stats.get("bytes_limit") or host_bytes()


def resident_bytes(state: core.GanState) -> int:
    """The largest data that is to lie on the device by itself, next to a run's state.

    Half of what the state and its gradients leave: the rest is for activations and temporaries,
    which only the compiled step knows. Devices of a CPU share the memory of the machine, in which
    each has its own copy.

    Args:
      state: The state, or its shapes.
    """
    devices = 1 if (jax.local_devices()[0].memory_stats() or {}) else jax.local_device_count()
    left = device_bytes() - devices * (tree_bytes(state) + _gradient_bytes(state))
    return max(0, left // (2 * devices))


def _gradient_bytes(state: core.GanState) -> int:
    return max(map(tree_bytes, state.params.values()))


def tree_bytes(tree: PyTree) -> int:
    """The bytes of a tree of arrays, or of their shapes."""
    leaves = (leaf for leaf in jax.tree.leaves(tree) if hasattr(leaf, "shape"))
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)


def check(needs: Mapping[str, int], advice: str, *, device: bool = True) -> None:
    """Refuses what does not fit.

    Args:
      needs: `{what: bytes}`, all at the same time.
      advice: What to lower, for the message.
      device: Whether it lies on one device; else on the host.

    Raises:
      ValueError: In one line, with the estimate and what there is.
    """
    wanted, there = sum(needs.values()), device_bytes() if device else host_bytes()
    if wanted > there:
        parts = ", ".join(f"{what} {gibibytes(size)}" for what, size in needs.items())
        where = "a device here" if device else "this machine"
        raise ValueError(
            f"this needs at least {gibibytes(wanted)} of memory ({parts}), and {where} has "
            f"{gibibytes(there)}: lower {advice}"
        )


def check_batch(phase: core.Phase, specs: Mapping[str, core.ArraySpec]) -> None:
    """Refuses a phase whose batch alone, real images as float32, does not fit a device.

    Args:
      phase: A phase of an experiment.
      specs: The arrays of its data.

    Raises:
      ValueError: In one line.
    """
    example = sum(math.prod(spec.shape) for spec in specs.values())
    batch = 4 * example * phase.gan.updates * phase.batch_size // jax.device_count()
    check({"a batch of images": batch}, "config.batch_size or config.data.image_size")


def check_state(state: core.GanState) -> None:
    """Refuses a state that does not fit a device along with its gradients.

    Args:
      state: The state, or its shapes.

    Raises:
      ValueError: In one line.
    """
    check(
        {"the state of the networks": tree_bytes(state), "gradients": _gradient_bytes(state)},
        "config.model.width, config.model.latent_dim or config.data.image_size",
    )


def check_files(path: str | Path, count: int, shape: Sequence[int]) -> None:
    """Refuses images of which fewer would fill the disk.

    Args:
      path: The file or folder that they are written to; its folder is there.
      count: How many.
      shape: Of one.

    Raises:
      ValueError: In one line.
    """
    wanted = count * math.prod(shape)
    there = shutil.disk_usage(Path(path).absolute().parent).free
    if wanted > there:
        raise ValueError(
            f"{count} images are {gibibytes(wanted)}, and the disk of {path} has "
            f"{gibibytes(there)} left: lower --num_images"
        )


def gibibytes(size: int) -> str:
    """As in "1.5 GiB"."""
    return f"{size / 2**30:,.1f} GiB"
