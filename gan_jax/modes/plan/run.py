"""What training a config takes, before anything is trained, read or rented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import core, telemetry
from gan_jax.files import write_json_atomically
from gan_jax.modes.plan import chips, tpu
from gan_jax.modes.plan.assumed import assume
from gan_jax.modes.plan.compiled import compile_phase
from gan_jax.modes.plan.hand_count import count_step, networks, state_of
from gan_jax.modes.plan.roofline import roofline
from gan_jax.modes.plan.table import compiled_table, networks_table, step_table
from gan_jax.runs import memory, outputs
from gan_jax.runs.settings import MOST_STEPS_PER_CALL
from gan_jax.runs.setup import Setup


def plan(
    config: ConfigDict,
    *,
    topology: str = "",
    batch_size_per_chip: int | None = None,
    num_images: int | None = None,
    num_classes: int | None = None,
    json_path: str | Path | None = None,
) -> dict[str, Any]:
    """Plans a run; prints tables.

    Args:
      config: The experiment. Its data is not read, see `gan_jax.modes.plan.assumed`.
      topology: A TPU slice to compile for, as "v5e:2x2"; empty for the devices here.
      batch_size_per_chip: With a topology: a chip's part of a batch; config.batch_size by default.
      num_images: Images of the data set, where its size is not known.
      num_classes: Classes of its labels.
      json_path: A new file for the numbers.

    Returns:
      JSON-able: "config", "topology", "environment" (with libtpu's version), "networks", and
      "phases", of each "step" (by hand count, of one device), and with a topology "compiled" and
      "roofline".

    Raises:
      ValueError: In one line: the config cannot be, its data set is not known, the topology is not
        there or its compiler is not, or the step does not fit.
      OSError: If the file exists or cannot be written.
    """
    if json_path is not None:
        outputs.check_new("--json", json_path)
    where = chips.parse(topology) if topology else None
    if where is None and batch_size_per_chip is not None:
        raise ValueError(
            "--batch_size_per_chip has no effect without --topology: set --config.batch_size"
        )
    if where is not None:
        config = config.copy_and_resolve_references()
        config.batch_size = (batch_size_per_chip or config.batch_size) * where.chips
    setup = assume(config, num_images=num_images, num_classes=num_classes)
    devices = tpu.devices_of(where) if where else []
    count = where.devices if where else jax.device_count()
    found = networks(state_of(setup.sampled.phases[0]))
    telemetry.say(_title(setup, count, where))
    telemetry.say(networks_table(found))
    phases: list[dict[str, Any]] = []
    for phase in setup.sampled.phases:
        core.check_batch_size(phase.batch_size, count)
        step = count_step(setup, phase, devices=count)
        there_is = where.chip.memory / where.chip.devices if where else memory.device_bytes()
        phases.append({"step": {**step, "there_is": there_is}})
    name = f"a device of {where.name}" if where else "a device here"
    telemetry.say(step_table([one["step"] for one in phases], where=name))
    if where is not None:
        _compile(setup, phases, where, devices)
        telemetry.say(compiled_table(phases, topology=where.name))
    content = {
        "config": config.to_dict(),
        "topology": where.name if where else None,
        "environment": {**telemetry.environment(), "libtpu": tpu.version()},
        "networks": found,
        "phases": phases,
    }
    if json_path is not None:
        write_json_atomically(json_path, content)
    return content


def _compile(
    setup: Setup, phases: list[dict[str, Any]], where: chips.Topology, devices: list[Any]
) -> None:
    """Adds to every phase what the compiler makes of it, and what the chips allow."""
    steps = setup.config.steps_per_call or MOST_STEPS_PER_CALL
    for phase, found in zip(setup.experiment.phases, phases, strict=True):
        telemetry.say(f"compiling {steps} steps for {where.devices} devices; this takes minutes")
        found["compiled"] = compile_phase(setup, phase, where, devices, steps=steps)
        collectives = found["compiled"]["collectives"]
        found["roofline"] = roofline(found["step"], collectives, where)


def _title(setup: Setup, devices: int, where: chips.Topology | None) -> str:
    config = setup.config
    data = ", ".join(
        f"{len(dataset):,} images of {'x'.join(map(str, spec.shape))}"
        for dataset in setup.streams.values()
        for spec in list(dataset.specs.values())[:1]
    )
    batches = dict.fromkeys(str(phase.batch_size) for phase in setup.experiment.phases)
    kind = where.kind if where else jax.devices()[0].platform
    return (
        f"{config.name}: {data} (assumed, not read), batch {', '.join(batches)} on {devices} "
        f"{kind} device(s), {config.parallel}, {config.precision}"
    )
