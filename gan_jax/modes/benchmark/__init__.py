"""Measures the training speed of a config: time, throughput, arithmetic, memory."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from ml_collections import ConfigDict

from gan_jax.ranges import Range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of `--mode=benchmark`."""

    config: Annotated[ConfigDict, "The experiment."]
    batch_sizes: Annotated[
        tuple[int, ...], "Batch sizes; the config's by default.", Range(least=1)
    ] = ()
    precisions: Annotated[
        tuple[str, ...], "float32, tfloat32, bfloat16 or several; the config's by default."
    ] = ()
    parallel_modes: Annotated[tuple[str, ...], "jit, pmap or both; the config's by default."] = ()
    rounds: Annotated[
        int, "Timed calls of each case; the cases alternate.", Range(least=1, most=100_000)
    ] = 5
    synthetic: Annotated[bool, "Noise instead of the config's data set."] = False
    json: Annotated[str | None, "A new file for the numbers."] = None


def main(flags: Flags) -> int:
    """Measures; prints a table, and returns the exit status."""
    from gan_jax.modes.benchmark.run import benchmark

    benchmark(
        flags.config,
        batch_sizes=flags.batch_sizes,
        precisions=flags.precisions,
        parallel_modes=flags.parallel_modes,
        rounds=flags.rounds,
        synthetic=flags.synthetic,
        json_path=flags.json,
    )
    return 0
