"""The same bits at each start, as far as a platform can give them: `--deterministic`.

docs/design.md says what holds on which platform.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import telemetry
from gan_jax.runs.settings import MOST_STEPS_PER_CALL
from gan_jax.runs.workdir import Workdir
from gan_jax.untrusted import Anything, MapOf, read_json

PLATFORMS = ("cpu", "gpu", "tpu")
# XLA then takes no operation on a GPU whose sums come in no fixed order, and does not choose
# between programs by timing them.
_FLAG = "xla_gpu_deterministic_ops"
_ON = ("", "=true", "=True", "=1")
# What bits depend on, of `telemetry.environment`.
_SAME = ("jax", "jaxlib", "platform", "device", "devices", "processes", "cpu", "cpu_cores")
_MAX_BYTES = 2**16


def set_flags(environment: MutableMapping[str, str]) -> None:
    """Sets what XLA reads when the first device is asked for.

    Args:
      environment: The process's environment variables.

    Raises:
      ValueError: If they say the opposite.
    """
    flags = environment.get("XLA_FLAGS", "").split()
    for flag in flags:
        name, equals, value = flag.removeprefix("--").partition("=")
        if name == _FLAG and equals + value not in _ON:
            raise ValueError(f"--deterministic: XLA_FLAGS has {flag}: leave it out")
    environment["XLA_FLAGS"] = " ".join([*flags, f"--{_FLAG}=true"])


def fix(config: ConfigDict, path: str | Path) -> None:
    """Fixes what would follow measurements, and refuses a run that began elsewhere.

    Args:
      config: The experiment; on an accelerator it gets a `steps_per_call` where it has none.
      path: The workdir.

    Raises:
      ValueError: In one line: a platform of which nothing is known, or a run that was last trained
        with other versions, devices or processors.
    """
    platform = jax.default_backend()
    if platform not in PLATFORMS:
        raise ValueError(
            f"--deterministic: nothing is known of the platform {platform}, only of "
            f"{', '.join(PLATFORMS)}"
        )
    where = Workdir(Path(path))
    if where.checkpoints.is_dir() and where.environment.is_file():
        before = read_json(where.environment, MapOf(Anything()), most=_MAX_BYTES)
        _check_same(before, telemetry.environment())
    if platform != "cpu":
        # Programs of other lengths may differ in their last bits.
        config.steps_per_call = config.steps_per_call or MOST_STEPS_PER_CALL


def _check_same(before: dict[str, Any], now: dict[str, Any]) -> None:
    for name in _SAME:
        if before.get(name) != now[name]:
            raise ValueError(
                f"--deterministic: the run was last trained with {name} {before.get(name)}, here "
                f"it is {now[name]}, and its bits would differ: leave the flag out to train on"
            )
