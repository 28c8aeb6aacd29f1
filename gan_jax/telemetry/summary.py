"""What a run is: its parameters, and the software and hardware it runs on."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def parameter_table(params: Mapping[str, Any]) -> str:
    """Lists the parameters of every network.

    Args:
      params: {network: nested dict of arrays or ``jax.ShapeDtypeStruct``}.

    Returns:
      One table per network (name, shape, dtype and size of each parameter, and the total), then the
      total of all, as text of several lines.
    """
    from clu import parameter_overview

    sections = [
        f"{name}\n{parameter_overview.get_parameter_overview(dict(tree), include_stats=False)}"
        for name, tree in params.items()
    ]
    leaves = jax.tree.leaves(dict(params))
    number = sum(int(np.prod(leaf.shape)) for leaf in leaves)
    size = sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in leaves)
    sections.append(f"All networks: {number:,} parameters -- {size:,} bytes")
    return "\n\n".join(sections)


def environment() -> dict[str, Any]:
    """Describes where a number was measured: to be saved with it.

    Returns:
      A dict that JSON can hold: ``python``, the versions of the packages by name, ``platform``
      (cpu, gpu, tpu), ``device`` (its kind), ``devices`` and ``processes`` (how many), ``cpu``,
      ``cpu_cores``, ``system``, and ``commit``: the checkout's, "+changes" added where it has
      uncommitted ones, or None outside one.
    """
    device = jax.devices()[0]
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "platform": device.platform,
        "device": device.device_kind,
        "devices": jax.device_count(),
        "processes": jax.process_count(),
        "cpu": _cpu_model(),
        "cpu_cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "commit": _commit(pathlib.Path(__file__).resolve().parents[2]),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit(folder: pathlib.Path) -> str | None:
    # An installed package may lie inside somebody else's checkout, whose commit says nothing.
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or pathlib.Path(top).resolve() != folder:
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if commit and changes else commit


def _git(folder: pathlib.Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() if result.returncode == 0 else None
