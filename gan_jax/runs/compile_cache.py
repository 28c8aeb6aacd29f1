"""Compiled programs kept between runs: JAX's persistent cache, in files that are whole.

JAX's own files are written in place, so a second process may read half of one. Here JAX's cache
gets `files.KeyedFiles` to keep its entries in. A damaged entry is compiled anew.

The keys are JAX's: program, options, flags, versions, kind of device. A program for a CPU is made
for the instructions of its processor, which JAX's keys leave out and those here name.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import jax

from gan_jax import files, telemetry
from gan_jax.data import cache_directory

MAX_BYTES = 2 * 2**30
# Programs that compile faster are not kept: they are many, and reading one takes as long.
LEAST_SECONDS = 0.05


class Programs(files.KeyedFiles):
    """Compiled programs as JAX asks for them, of this kind of processor alone."""

    def get(self, key: str) -> bytes | None:
        """The program of a key, or None."""
        return super().get(f"{key}-{_processor()}")

    def put(self, key: str, value: bytes) -> None:
        """Keeps a program."""
        super().put(f"{key}-{_processor()}", value)


@contextlib.contextmanager
def kept_programs(enabled: bool = True) -> Iterator[None]:
    """Keeps the programs that are compiled within the block, and reads those that were kept.

    They lie in `$JAX_COMPILATION_CACHE_DIR` where that is set, else in `programs` of gan_jax's
    cache. `JAX_ENABLE_COMPILATION_CACHE=false` turns it off; `JAX_COMPILATION_CACHE_MAX_SIZE` and
    `JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS` mean what they mean to JAX. Where the program set
    up JAX's cache by itself (`jax.config`), that is used as it is. Afterwards JAX's settings are
    as before.

    Args:
      enabled: Whether there is to be a cache.
    """
    chosen = os.environ.get("JAX_COMPILATION_CACHE_DIR") or None
    if not enabled:
        with _settings(jax_enable_compilation_cache=False):
            yield
        return
    configured = jax.config.jax_compilation_cache_dir not in (None, chosen)
    if configured or not jax.config.jax_enable_compilation_cache:
        yield
        return
    folder = Path(chosen) if chosen else cache_directory(None) / "programs"
    settings: dict[str, str | float] = {"jax_compilation_cache_dir": str(folder)}
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        settings["jax_persistent_cache_min_compile_time_secs"] = LEAST_SECONDS
    programs = Programs(folder, max_bytes=_most_bytes(), warn=_warn)
    with _used_by_jax(programs) as used:
        if not used:
            _warn("this version of JAX keeps them in another way")
        with _settings(**settings if used else {}):
            yield


def _most_bytes() -> int:
    """What JAX was told, of which -1 is no limit; ours where it was told nothing."""
    most = jax.config.jax_compilation_cache_max_size
    if most >= 0:
        return most
    return sys.maxsize if "JAX_COMPILATION_CACHE_MAX_SIZE" in os.environ else MAX_BYTES


def _warn(reason: str) -> None:
    telemetry.say(f"warning: compiled programs are not kept: {reason}")


@contextlib.contextmanager
def _used_by_jax(programs: Programs) -> Iterator[bool]:
    """Lets JAX's persistent cache keep its entries in `programs`; whether that is possible."""
    try:
        # JAX asks this function for its cache. No public name takes a cache of one's own.
        from jax._src import compilation_cache

        original, reset = compilation_cache.get_file_cache, compilation_cache.reset_cache
    except (ImportError, AttributeError):
        yield False
        return
    compilation_cache.get_file_cache = lambda path: (programs, path)
    reset()
    try:
        yield True
    finally:
        compilation_cache.get_file_cache = original
        reset()


@contextlib.contextmanager
def _settings(**values) -> Iterator[None]:
    """Settings of JAX within a block."""
    before = {name: getattr(jax.config, name) for name in values}
    try:
        for name, value in values.items():
            jax.config.update(name, value)
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


@functools.cache
def _processor() -> str:
    """Names the instructions that this machine's processor has."""
    lines = [platform.machine(), platform.processor()]
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.partition(":")[0].strip() in ("flags", "Features", "model name"):
                lines.append(line)
    return hashlib.sha256("\n".join(dict.fromkeys(lines)).encode()).hexdigest()[:8]
