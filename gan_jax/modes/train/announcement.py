"""What a start says of the run before its first step."""

from __future__ import annotations

from typing import Any

import jax

from gan_jax import data, telemetry
from gan_jax.runs.setup import Setup


def announce(setup: Setup, params: Any, first: int, per_call: int) -> None:
    """Prints the networks, the run in a line, and where it goes on.

    Args:
      setup: The run.
      params: `{network: tree}`.
      first: The step that it starts at.
      per_call: Steps that are sent to the device at once.
    """
    telemetry.say(telemetry.parameter_table(params))
    telemetry.say(_description(setup, per_call))
    last = setup.experiment.steps
    if first == last:
        telemetry.say(f"all {first} steps are done; raise config.steps to train on")
    elif first:
        telemetry.say(f"going on at step {first} of {last}")


def _description(setup: Setup, per_call: int) -> str:
    """The run in a line: data, batch, devices, arithmetic."""
    config = setup.config
    batches = dict.fromkeys(str(phase.batch_size) for phase in setup.experiment.phases)
    resident = setup.feed(setup.experiment.phases[0]).resident
    return (
        f"{config.name} on {', '.join(map(_shape, setup.streams.values()))}, "
        f"{'on the device' if resident else 'streamed'}; batch {', '.join(batches)}, "
        f"{jax.device_count()} {jax.devices()[0].platform} device(s), {config.parallel}, "
        f"{config.precision}, {per_call} steps per call"
    )


def _shape(dataset: data.Dataset) -> str:
    shapes = {"x".join(map(str, spec.shape)) for spec in dataset.specs.values() if spec.shape}
    return f"{dataset.name}: {len(dataset):,} images {', '.join(sorted(shapes))}"
