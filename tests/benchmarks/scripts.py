"""The programs of benchmarks/, imported by their tests."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@contextlib.contextmanager
def importable() -> Iterator[None]:
    """They import their siblings by bare name, as Python sets it up when they are run."""
    before = list(sys.path)
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield
    finally:
        sys.path[:] = before
