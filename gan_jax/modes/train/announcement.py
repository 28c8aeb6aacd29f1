"""What a start says of the run before its first step."""

from __future__ import annotations

from typing import Any

import jax

from gan_jax import data, telemetry
from gan_jax.modes.train.pace import Pace
from gan_jax.runs.setup import Setup


def announce(setup: Setup, params: Any, first: int) -> None:
    """Prints the networks, the run in a line, and where it goes on.

    Args:
      setup: The run.
      params: `{network: tree}`.
      first: The step that it starts at.
    """
    telemetry.say(telemetry.parameter_table(params))
    telemetry.say(_description(setup))
    fewest = min(len(dataset) for dataset in setup.streams.values())
    largest = max(phase.batch_size for phase in setup.experiment.phases)
    if largest > fewest:
        telemetry.say(
            f"warning: a batch of {largest:,} holds images more than once, as there are {fewest:,}"
        )
    last = setup.experiment.steps
    if first == last:
        telemetry.say(f"all {first} steps are done; raise config.steps to train on")
    elif first:
        telemetry.say(f"going on at step {first} of {last}")


def announce_pace(pace: Pace, left: int) -> None:
    """Prints how long the rest of the run will take.

    Args:
      pace: The pace, measured.
      left: Steps to the end of the run.
    """
    seconds = pace.seconds_per_step
    assert seconds is not None
    telemetry.say(f"{left:,} steps at {1 / seconds:.3g} steps/s: about {about(left * seconds)}")


def announce_early_stop(step: int) -> None:
    """Prints why the run ends before its last step."""
    telemetry.say(
        f"stopped after step {step}, because the score has not improved; "
        "config.evaluate.stop=False trains on"
    )


def about(seconds: float) -> str:
    """A length of time in the two largest units that say something: "2 h 6 min", "41 s"."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    if minutes < 100:
        return f"{minutes} min"
    hours = round(minutes / 60)
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} days {hours % 24} h"


def _description(setup: Setup) -> str:
    """The run in a line: data, batch, devices, arithmetic."""
    config = setup.config
    batches = dict.fromkeys(str(phase.batch_size) for phase in setup.experiment.phases)
    resident = setup.feed(setup.experiment.phases[0]).resident
    return (
        f"{config.name} on {', '.join(map(_shape, setup.streams.values()))}, "
        f"{'on the device' if resident else 'streamed'}; batch {', '.join(batches)}, "
        f"{jax.device_count()} {jax.devices()[0].platform} device(s), {config.parallel}, "
        f"{config.precision}"
    )


def _shape(dataset: data.Dataset) -> str:
    shapes = {"x".join(map(str, spec.shape)) for spec in dataset.specs.values() if spec.shape}
    return f"{dataset.name}: {len(dataset):,} images {', '.join(sorted(shapes))}"
