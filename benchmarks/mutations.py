"""Mutations of valid files, given to everything that reads files which strangers may have written.

A reader passes an example if it reads the file or refuses it: by ValueError or OSError, in one
line, without a warning, within `MAX_SECONDS`, and all examples without taking much more memory.

    python benchmarks/mutations.py --examples=10000 --json=benchmarks/results/mutations.json
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from mutated_readers import Reader, readers

from gan_jax import telemetry

MAX_SECONDS = 20.0
MAX_GROWTH_BYTES = 1 << 30


class TooSlowError(BaseException):
    """Not caught by any reader."""


def try_once(reader: Reader, number: int, folder: pathlib.Path) -> bool:
    """Gives a reader a mutated file.

    Args:
      reader: The reader.
      number: Which mutation.
      folder: Where to write the file.

    Returns:
      Whether it was read, and not refused.

    Raises:
      AssertionError: If it was refused in another way than it is to be.
      BaseException: What the reader raised and should not have.
    """
    rng = random.Random(number)
    path = folder / reader.name
    path.write_bytes(reader.mutate(rng.choice(reader.valid), rng))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module=r"PIL\.")  # As the command line does.
        try:
            reader.read(path)
            refused = None
        except (ValueError, OSError) as error:
            refused = str(error)
    assert not warned, f"a warning: {warned[0].message}"
    if refused is not None:
        assert refused, "an error without a word"
        assert len(refused.splitlines()) == 1, f"an error of several lines: {refused}"
        assert len(refused) < 1000, f"an error of {len(refused)} characters"
    return refused is None


def run(reader: Reader, folder: pathlib.Path, *, examples: int) -> dict[str, Any]:
    """Tries mutations until one fails or there are enough.

    Args:
      reader: The reader.
      folder: Where to write the files.
      examples: How many to try.

    Returns:
      How many were tried, read and refused, the longest time in seconds and the growth in bytes.

    Raises:
      BaseException: As `try_once`, of the simplest mutation that hypothesis finds.
    """
    found = {"examples": 0, "read": 0, "refused": 0, "longest_seconds": 0.0}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @seed(0)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**64 - 1))
    def check(number: int) -> None:
        start = time.perf_counter()
        found["read" if try_once(reader, number, folder) else "refused"] += 1
        found["examples"] += 1
        found["longest_seconds"] = max(found["longest_seconds"], time.perf_counter() - start)

    def stop(signum, frame):
        raise TooSlowError(f"longer than {MAX_SECONDS} s")

    handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, MAX_SECONDS + 0.1 * examples)
    try:
        check()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler)
    found["growth_bytes"] = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert found["longest_seconds"] < MAX_SECONDS
    assert found["growth_bytes"] < MAX_GROWTH_BYTES, "it took memory that no file holds"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000, help="of each reader")
    parser.add_argument("--readers", default="", help="separated by commas; all by default")
    parser.add_argument("--json", type=pathlib.Path, help="a file for the numbers")
    flags = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "made").mkdir()
        table = readers(folder / "made")
        for name in flags.readers.split(",") if flags.readers else table:
            (folder / name).mkdir()
            try:
                found[name] = run(table[name], folder / name, examples=flags.examples)
            except Exception as error:
                traceback.print_exception(error)
                found[name] = {"failed": f"{type(error).__name__}: {error}"[:500]}
            print(name, json.dumps(found[name]), flush=True)
    if flags.json:
        content = {"environment": telemetry.environment(), "readers": found}
        flags.json.write_text(json.dumps(content, indent=2) + "\n")
    return int(any("failed" in one for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
