"""Trains the experiment of --config in --workdir, or resumes it there."""

from __future__ import annotations

import dataclasses
import os
from typing import Annotated

from ml_collections import ConfigDict

from gan_jax.ranges import Range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of `--mode=train`."""

    config: Annotated[ConfigDict, "The experiment."]
    workdir: Annotated[str, "The folder of the run."]
    distributed: Annotated[
        bool, "Join the other processes of this run (jax.distributed.initialize)."
    ] = False
    coordinator: Annotated[
        str | None, "With --distributed, where no cluster provides it: HOST:PORT of process 0."
    ] = None
    num_processes: Annotated[
        int | None, "With --coordinator: the number of processes.", Range(least=1)
    ] = None
    process_id: Annotated[
        int | None, "With --coordinator: the index of this process.", Range(least=0)
    ] = None
    join_timeout: Annotated[
        int, "With --coordinator: seconds to wait for the other processes.", Range(least=1)
    ] = 60
    compile_cache: Annotated[
        bool, "Keep compiled programs for the next start, in ~/.cache/gan_jax/programs."
    ] = True
    deterministic: Annotated[
        bool, "The same bits at each start, on a GPU too; refused where that cannot be."
    ] = False


def main(flags: Flags) -> int:
    """Trains; returns the exit status, 128 + the number of the signal that ended it early."""
    from gan_jax import telemetry
    from gan_jax.modes.train import deterministic, join
    from gan_jax.modes.train.interrupt import Interrupt
    from gan_jax.modes.train.loop import train
    from gan_jax.runs.compile_cache import kept_programs

    if flags.deterministic:
        deterministic.set_flags(os.environ)
    processes = (flags.coordinator, flags.num_processes, flags.process_id)
    join.check(flags.distributed, *processes)
    if flags.distributed:
        join.join(*processes, timeout=flags.join_timeout)
    if flags.deterministic:
        deterministic.fix(flags.config, flags.workdir)
    interrupt = Interrupt()
    with kept_programs(flags.compile_cache):
        step, complete = train(flags.config, flags.workdir, interrupt=interrupt)
    if complete or interrupt.signum is None:
        telemetry.say(f"done: {step} steps; grids in {flags.workdir}/samples")
        return 0
    telemetry.say(f"stopped after step {step}; the same command goes on from there")
    return 128 + interrupt.signum
