"""How fast a config trains here: time, throughput, arithmetic and memory of its compiled steps.

All cases of a call are compiled first and then timed in turn, round after round, along with a
large matrix product: what disturbs the machine disturbs them alike, and the share of the peak is a
ratio within a round.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from gan_jax import core, data, layers, telemetry
from gan_jax.core import arithmetic
from gan_jax.files import write_json_atomically
from gan_jax.modes.benchmark import peak
from gan_jax.ranges import Range
from gan_jax.runs import memory, outputs, settings
from gan_jax.runs.setup import chunk_function, compile_steps, likely_specs, set_up

# No monitor is computed within a timed call: it is a matter of logging, not of training.
_NEVER = 2**30


@dataclasses.dataclass
class Case:
    """One config, ready to be timed.

    Attributes:
      name: The name that distinguishes it from the other cases.
      settings: batch_size, precision, parallel, JSON-able.
      steps: Steps per call.
      images: Real images that a call consumes, those of all critic steps.
      flops: Arithmetic of a call's matrix products and convolutions (`core.arithmetic`).
      compile_seconds: Tracing, lowering and compiling.
      peak_bytes: Arguments, results and temporaries of the compiled call on one device, as XLA
        plans them.
      call: Runs the steps and waits for them.
    """

    name: str
    settings: dict[str, Any]
    steps: int
    images: int
    flops: float
    compile_seconds: float
    peak_bytes: int
    call: Callable[[], None]


def synthetic_data(config: ConfigDict, *, size: int = 4096) -> data.Streams:
    """Noise in the shape of a config's data, where the data set is not at hand.

    Speed does not depend on what the images show. Three channels and ten classes unless
    `config.data.channels` says otherwise.
    """
    random = np.random.default_rng(0)

    def noise(spec: core.ArraySpec) -> np.ndarray:
        if spec.shape:
            return random.integers(0, 256, (size, *spec.shape), dtype=np.uint8)
        return random.integers(0, 10, size).astype(np.int32)

    arrays = {name: noise(spec) for name, spec in likely_specs(config).items()}
    names = {name: tuple(map(str, range(10))) for name, one in arrays.items() if one.ndim == 1}
    if config.data.domains:
        return {
            name: data.from_arrays({name: array}, name="synthetic")
            for name, array in arrays.items()
        }
    return {"data": data.from_arrays(arrays, class_names=names, name="synthetic")}


def make_case(config: ConfigDict, *, steps: int, streams: data.Streams | None = None) -> Case:
    """Compiles the steps of a config's first phase.

    Args:
      config: The experiment.
      steps: Steps per call, one compiled `lax.scan`.
      streams: What to train on; the config's own data by default.

    Returns:
      The case, warmed up by one call.
    """
    config = config.copy_and_resolve_references()
    config.log_every = _NEVER
    setup = set_up(config, streams=streams)
    phase = setup.experiment.phases[0]
    compiled = compile_steps(setup, phase)
    feed = setup.feed(phase, compiled.rows(phase.batch_size))
    state = compiled.put_state(core.start(phase.gan, config.seed, check=memory.check_state))
    # Lazy players train at step 0; most steps are not theirs.
    state = state.replace(step=compiled.put_state(jnp.ones((), jnp.int32)))
    resident = compiled.put_state(feed.resident_data())
    with feed.chunks([(0, steps)], setup.experiment.examples_before) as chunks:
        inputs = next(chunks)
    one_device = set_up(_by_jit(config), streams=setup.streams)
    counted = chunk_function(one_device, one_device.experiment.phases[0])
    # The textbook's products, not those of a form that saves some.
    with layers.preferring("lax"):
        operations = arithmetic.count(counted, state, inputs, resident)
    begin = time.perf_counter()
    program = compiled.lower(state, compiled.put_inputs(inputs), resident).compile()
    compile_seconds = time.perf_counter() - begin
    holder = [state]

    def call() -> None:
        placed = compiled.put_inputs(inputs)
        holder[0], metrics = compiled.run(holder[0], placed, resident)
        jax.block_until_ready((holder[0], metrics))

    call()
    settings = {
        "batch_size": phase.batch_size,
        "precision": config.precision,
        "parallel": config.parallel,
    }
    return Case(
        name=", ".join(str(value) for value in settings.values()),
        settings=settings,
        steps=steps,
        images=steps * phase.examples_per_step,
        flops=operations,
        compile_seconds=compile_seconds,
        peak_bytes=_peak_bytes(program.memory_analysis()),
        call=call,
    )


def _by_jit(config: ConfigDict) -> ConfigDict:
    """The same without a mapped axis, to count its arithmetic."""
    config = config.copy_and_resolve_references()
    config.parallel = "jit"
    return config


def _peak_bytes(memory: Any) -> int:
    if memory is None:
        return 0
    return int(
        memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        + memory.temp_size_in_bytes
        - memory.alias_size_in_bytes
    )


def _seconds(call: Callable[[], None]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def measure(cases: Sequence[Case], *, rounds: int) -> list[dict[str, Any]]:
    """Times cases in turn.

    Args:
      cases: At least one.
      rounds: Timed calls of each, at least 1.

    Returns:
      One JSON-able row per case: its settings, "milliseconds_per_step" (median), every round's
      "seconds", "images_per_second", "compile_seconds", "gigaflops_per_step", "peak_share" (of
      this machine's matrix product in the same precision times the number of devices, median of
      the rounds' ratios) and "peak_megabytes".
    """
    products = {p: peak.make_matmul(p) for p in {case.settings["precision"] for case in cases}}
    seconds: list[list[float]] = [[] for _ in cases]
    shares: list[list[float]] = [[] for _ in cases]
    for _ in range(rounds):
        peaks = {p: operations / _seconds(call) for p, (call, operations) in products.items()}
        for case, taken, share in zip(cases, seconds, shares, strict=True):
            taken.append(_seconds(case.call))
            limit = peaks[case.settings["precision"]] * peak.devices_with_own_arithmetic()
            share.append(case.flops / taken[-1] / limit)
    return [
        _row(case, taken, share) for case, taken, share in zip(cases, seconds, shares, strict=True)
    ]


def _row(case: Case, seconds: list[float], shares: list[float]) -> dict[str, Any]:
    median = statistics.median(seconds)
    return {
        **case.settings,
        "devices": jax.device_count(),
        "steps_per_call": case.steps,
        "milliseconds_per_step": 1e3 * median / case.steps,
        "images_per_second": case.images / median,
        "compile_seconds": case.compile_seconds,
        "gigaflops_per_step": case.flops / case.steps / 1e9,
        "peak_share": statistics.median(shares),
        "peak_megabytes": case.peak_bytes / 1e6,
        "seconds": seconds,
    }


_COLUMNS = (
    ("batch_size", "batch", "d"),
    ("precision", "precision", "s"),
    ("parallel", "mode", "s"),
    ("milliseconds_per_step", "ms/step", ".1f"),
    ("images_per_second", "images/s", ",.0f"),
    ("compile_seconds", "compile s", ".1f"),
    ("gigaflops_per_step", "GFLOP/step", ".2f"),
    ("peak_share", "of peak", ".0%"),
    ("peak_megabytes", "peak MB", ",.0f"),
)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows of `measure` as text."""
    cells = [[title for _, title, _ in _COLUMNS]]
    cells += [[format(row[key], spec) for key, _, spec in _COLUMNS] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    )


def _chosen(config: ConfigDict, batch_size: int, precision: str, parallel: str) -> ConfigDict:
    """The config of one case, checked."""
    config = config.copy_and_resolve_references()
    config.batch_size, config.precision, config.parallel = batch_size, precision, parallel
    settings.check(config)
    return config


def benchmark(
    config: ConfigDict,
    *,
    batch_sizes: Sequence[int] = (),
    precisions: Sequence[str] = (),
    parallel_modes: Sequence[str] = (),
    rounds: int = 5,
    synthetic: bool = False,
    json_path: str | Path | None = None,
) -> list[dict[str, Any]]:
    """Times a config over batch sizes, precisions and parallel modes; prints a table.

    Args:
      config: The experiment; each empty list below stands for the config's own value.
      batch_sizes: Examples per batch.
      precisions: Keys of `core.PRECISIONS`.
      parallel_modes: "jit", "pmap".
      rounds: Timed calls of each case.
      synthetic: Noise instead of the config's data set.
      json_path: A new file, where to write the rows with the environment and the config.

    Returns:
      The rows of `measure`.

    Raises:
      ValueError: If `rounds` is below 1, or as `set_up`.
      OSError: If the data set is not available or the JSON cannot be written.
    """
    Range(least=1).check("--rounds", rounds)
    if json_path is not None:
        outputs.check_new("--json", json_path)
    choices = itertools.product(
        batch_sizes or [config.batch_size],
        precisions or [config.precision],
        parallel_modes or [config.parallel],
    )
    chosen = [_chosen(config, *choice) for choice in choices]
    streams = synthetic_data(config) if synthetic else None
    most = 1 if jax.default_backend() == "cpu" else settings.MOST_STEPS_PER_CALL
    steps = config.steps_per_call or most
    cases = []
    for one in chosen:
        cases.append(make_case(one, steps=steps, streams=streams))
        telemetry.say(f"compiled {cases[-1].name} in {cases[-1].compile_seconds:.1f} s")
    rows = measure(cases, rounds=rounds)
    telemetry.say(table(rows))
    if json_path is not None:
        content = {
            "config": config.to_dict(),
            "data": "synthetic" if synthetic else config.data.name,
            "environment": telemetry.environment(),
            "rows": rows,
        }
        write_json_atomically(json_path, content)
    return rows
