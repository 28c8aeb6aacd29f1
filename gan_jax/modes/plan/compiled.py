"""The steps of a phase, compiled for a TPU slice that is not there: memory and communication."""

from __future__ import annotations

import re
import time
from typing import Any

import jax

from gan_jax import core
from gan_jax.layers import platform
from gan_jax.modes.plan import hlo
from gan_jax.modes.plan.chips import Topology
from gan_jax.modes.plan.hand_count import inputs_of, shapes_of, state_of
from gan_jax.runs.setup import Setup, chunk_function


def compile_phase(
    setup: Setup, phase: core.Phase, topology: Topology, devices: list[Any], *, steps: int
) -> dict[str, Any]:
    """Compiles what training compiles, ahead of time, with shapes for arguments.

    Args:
      setup: The run; see `gan_jax.modes.plan.assumed`.
      phase: A phase of `setup.experiment`.
      topology: The slice.
      devices: Its devices.
      steps: Steps of a call.

    Returns:
      JSON-able: "compile_seconds", "steps_per_call"; bytes on one device: "arguments", "outputs",
      "aliased", "temporaries", "program", "peak" (arguments, temporaries, program and the outputs
      that take no argument's place) and "there_is"; "collectives", "collectives_in_conditionals"
      and "products" per step, see `gan_jax.modes.plan.hlo.Counts`.

    Raises:
      ValueError: In one line, if it does not fit a chip's memory.
    """
    with platform.compiling_for("tpu"):
        compiled = core.compile_chunk(
            chunk_function(setup, phase), mode=setup.config.parallel, devices=devices
        )
        resident = shapes_of(setup.feed(phase).resident_data())
        inputs = inputs_of(setup, phase, steps)
        if compiled.axis_name is not None:
            inputs = jax.tree.map(lambda x: _divided(x, len(devices)), inputs)
        begin = time.perf_counter()
        lowered = compiled.lower(state_of(phase), inputs, resident)
    try:
        program = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        raise _too_large(error, topology) from error
    seconds = time.perf_counter() - begin
    sizes = program.memory_analysis()
    arguments, outputs = sizes.argument_size_in_bytes, sizes.output_size_in_bytes
    aliased, temporaries = sizes.alias_size_in_bytes, sizes.temp_size_in_bytes
    code = sizes.generated_code_size_in_bytes
    counts = hlo.count(program.as_text(), steps=steps)
    return {
        "compile_seconds": seconds,
        "steps_per_call": steps,
        "arguments": arguments,
        "outputs": outputs,
        "aliased": aliased,
        "temporaries": temporaries,
        "program": code,
        "peak": arguments + outputs - aliased + temporaries + code,
        "there_is": topology.chip.memory / topology.chip.devices,
        "collectives": counts.collectives,
        "collectives_in_conditionals": counts.in_conditionals,
        "products": counts.products,
    }


def _divided(shape: jax.ShapeDtypeStruct, devices: int) -> jax.ShapeDtypeStruct:
    """The shape in which pmap takes an array [steps, updates, B, ...]: its devices come first."""
    steps, updates, batch, *rest = shape.shape
    return jax.ShapeDtypeStruct((devices, steps, updates, batch // devices, *rest), shape.dtype)


def _too_large(error: Exception, topology: Topology) -> Exception:
    """The line for a program that does not fit; any other error as it is."""
    if "RESOURCE_EXHAUSTED" not in str(error):
        return error
    used = re.search(r"Used ([\d.]+\w) of ([\d.]+\w) hbm", str(error))
    how = f"{used[1]} of {used[2]}" if used else "more than there is"
    return ValueError(
        f"a step does not fit a chip of {topology.name}, it takes {how}: lower "
        "--batch_size_per_chip or config.model.width, or take --config.data.placement=host"
    )
