"""Memory that a step frees is there for the next one, without new pages."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, json, resource, sys
from gan_jax.runs.allocator import keep_freed_memory

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
kept = keep_freed_memory() if sys.argv[1] == "keep" else False
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = library.malloc(ctypes.c_size_t(2**26))
    ctypes.memset(block, 1, 2**26)
    library.free(block)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(json.dumps([kept, pages]))
"""


def _run(how):
    command = [sys.executable, "-c", PROGRAM, how]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_memory_that_was_freed_is_not_cleared_again():
    kept, pages = _run("keep")
    if not kept:
        pytest.skip("the C library is not glibc")
    # 64 MiB are 16,384 pages of 4 KiB, or 32 large ones.
    assert pages < 16 < _run("leave")[1]


def test_nothing_happens_elsewhere(monkeypatch):
    from gan_jax.runs import allocator

    monkeypatch.setattr(sys, "platform", "darwin")
    assert not allocator.keep_freed_memory()
