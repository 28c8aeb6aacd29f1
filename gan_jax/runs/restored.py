"""A trained run, back from its folder: its game, and the weights of one of its checkpoints."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax
from ml_collections import ConfigDict

from gan_jax import core, telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.names import check_name
from gan_jax.runs import setup, workdir


@dataclasses.dataclass(frozen=True)
class Restored:
    """What sampling needs of a run; no data set has been read.

    Attributes:
      where: The run's folder.
      config: The experiment.
      info: What the run knows of its data.
      name: The name of the sampler.
      sampler: The sampler of the phase that made the checkpoint.
      weights: The weights that the sampler reads.
      step: The step of the checkpoint.
      averaged: Whether weights are moving averages.
      phase: The index of the phase that made the checkpoint.
    """

    where: workdir.Workdir
    config: ConfigDict
    info: workdir.DataInfo
    name: str
    sampler: core.Sampler
    weights: core.Weights
    step: int
    averaged: bool
    phase: int


def load(
    path: str | Path,
    *,
    step: int | None = None,
    ema: bool = True,
    best: bool = False,
    sampler: str | None = None,
) -> Restored:
    """Loads what a sampler reads of a checkpoint; damaged ones are passed over with a warning.

    Args:
      path: The workdir of the run.
      step: The checkpoint; None for the newest that can be read.
      ema: Averaged weights, where the run has them.
      best: Whether to take the checkpoint of the best score, which a run with
        `evaluate.every` keeps.
      sampler: Its name; None for the game's first.

    Raises:
      WorkdirError: If the folder holds no run.
      CheckpointError: If no checkpoint can be read.
      ValueError: If the config is of no family that there is, or there is no such sampler.
    """
    config, info = workdir.load(path)
    experiment = _experiment(path, config, info)
    samplers = experiment.phases[0].gan.samplers
    name = sampler or experiment.default_sampler
    check_name("sampler", name, samplers)
    where = workdir.Workdir(Path(path))
    if best and not where.best.is_dir():
        raise ValueError(
            f"workdir {path} keeps no best checkpoint: train with --config.evaluate.every=N"
        )
    gan = experiment.phases[0].gan
    state = jax.eval_shape(lambda: core.init_state(gan, config.seed))
    with Checkpointer(where.best if best else where.checkpoints) as checkpointer:
        template = core.sampling_part(state, _of_all_phases(experiment, name), ema=ema)
        found, part, _, warnings = checkpointer.restore(template, step, partial=True)
    for warning in warnings:
        telemetry.say(f"warning: {warning}")
    phase = experiment.index_reached(found)
    chosen = experiment.phases[phase].gan.samplers[name]
    return Restored(
        where,
        config,
        info,
        name,
        chosen,
        core.sampling_weights(part, chosen, ema=ema),
        found,
        averaged=bool(part.ema),
        phase=phase,
    )


def _of_all_phases(experiment: core.Experiment, name: str) -> core.Sampler:
    """The first phase's sampler, but reading what that of any phase reads.

    Which phase made a checkpoint is known only once it has been read.
    """
    samplers = [phase.gan.samplers[name] for phase in experiment.phases]
    return dataclasses.replace(
        samplers[0],
        networks=tuple(dict.fromkeys(n for one in samplers for n in one.networks)),
        memory=tuple(dict.fromkeys(n for one in samplers for n in one.memory)),
    )


def _experiment(path: str | Path, config: ConfigDict, info: workdir.DataInfo) -> core.Experiment:
    setup.check_complete(config, path)
    # A mapped axis means nothing outside training.
    return setup.experiment_of(config, info.specs, parallel="jit")
