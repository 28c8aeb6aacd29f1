"""What is said while a program is being compiled."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import jax

from gan_jax.telemetry.progress import say

# A line each time so many seconds have passed: 10, 30, 70, ...
_FIRST_SECONDS = 10.0
_COMPILED = "/jax/core/compile/backend_compile_duration"
_READ = "/jax/compilation_cache/cache_retrieval_time_sec"


@contextlib.contextmanager
def compiling(what: str, *, enabled: bool = True) -> Iterator[None]:
    """Says that a program is being compiled in the block, for how long, and how it ended.

    The last line says whether the program was compiled or read from the persistent cache; there is
    none where JAX had it in memory.

    Args:
      what: Names the program: "the step".
      enabled: Whether to say anything; only one process of several should.
    """
    if not enabled:
        yield
        return
    seconds = {_COMPILED: 0.0, _READ: 0.0}

    def listen(event: str, duration: float, **_) -> None:
        if event in seconds:
            seconds[event] += duration

    ended = threading.Event()
    start = time.monotonic()
    thread = threading.Thread(
        target=_say_how_long, args=(what, start, ended), name="gan_jax.compiling", daemon=True
    )
    jax.monitoring.register_event_duration_secs_listener(listen)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        jax.monitoring.unregister_event_duration_listener(listen)
    taken = time.monotonic() - start
    # A start reads and compiles small programs along with the large one.
    if seconds[_READ] > seconds[_COMPILED] / 2:
        say(f"{what}: traced, and read from the cache of compiled programs, in {taken:.1f} s")
    elif seconds[_COMPILED]:
        say(f"{what}: traced and compiled in {taken:.1f} s")


def _say_how_long(what: str, start: float, ended: threading.Event) -> None:
    wait = _FIRST_SECONDS
    while not ended.wait(wait):
        say(f"{what}: compiling, {time.monotonic() - start:.0f} s until now")
        wait *= 2
