"""Leaves of a game compared with the digests that a file of PyTorch's numbers holds."""

from collections.abc import Mapping, Sequence

import numpy as np

from tests.benchmarks.scripts import importable

with importable():
    import step_inputs


def check_digests(
    leaves: Mapping[str, np.ndarray], golden: Mapping[str, Sequence[float]], *, tolerance: float
) -> None:
    """Asserts that every leaf of `golden`, and no other, is there, each to a share of its norm."""
    assert {*leaves, "losses"} == set(golden)
    for path, leaf in leaves.items():
        weighted, norm = golden[path]
        found = step_inputs.digest(path, leaf)
        assert abs(found[0] - weighted) < tolerance * norm, path
        assert abs(found[1] - norm) < tolerance * norm, path
