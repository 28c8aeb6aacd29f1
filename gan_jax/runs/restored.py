"""A trained run, back from its folder: its game, and the weights of one of its checkpoints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import core, gans, sampling, telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.runs import workdir


@dataclasses.dataclass(frozen=True)
class Restored:
    """What sampling needs of a run; no data set has been read.

    Attributes:
      where: The run's folder.
      config: The experiment.
      info: What the run knows of its data, by `workdir.DATA_KEYS`.
      sampler: Of the generator.
      params: `{network: tree}` of the networks that sampling applies.
      variables: `{network: {collection: tree}}`.
      step: Of the checkpoint.
      averaged: Whether `params` are moving averages.
    """

    where: workdir.Workdir
    config: ConfigDict
    info: dict[str, Any]
    sampler: core.Sampler
    params: dict[str, Any]
    variables: dict[str, Any]
    step: int
    averaged: bool

    def draw(self, batch_size: int = 128) -> sampling.Draw:
        """From latents and labels to pictures; see `sampling.make_draw`."""
        return sampling.make_draw(self.sampler, self.params, self.variables, batch_size=batch_size)


def load(
    path: str | Path, *, step: int | None = None, ema: bool = True, best: bool = False
) -> Restored:
    """Loads a checkpoint of a run; damaged ones that are passed over are told of.

    Args:
      path: The workdir of the run.
      step: The checkpoint; None for the newest that can be read.
      ema: Averaged weights, where the run has them.
      best: From the checkpoint of the best score, which a run with `evaluate.every` keeps.

    Raises:
      WorkdirError: If the folder holds no run.
      CheckpointError: If no checkpoint can be read.
      ValueError: If the config is of no family that there is.
    """
    config, info = workdir.load(path)
    # A mapped axis means nothing outside training, and batch statistics are not computed here.
    config.parallel = "jit"
    data_info = gans.DataInfo(tuple(info["image_shape"]), len(info["class_names"]))
    try:
        gan = gans.build(config, data_info)[0].gan
    except (KeyError, AttributeError, TypeError) as error:
        reason = str(error.args[0]).splitlines()[0]
        raise ValueError(
            f"workdir {path}: the run's config.json is not of this version of gan_jax ({reason}): "
            "add what it lacks, as configs/common.py explains it"
        ) from None
    where = workdir.Workdir(Path(path))
    if best and not where.best.is_dir():
        raise ValueError(
            f"workdir {path} keeps no best checkpoint: train with --config.evaluate.every=N"
        )
    with Checkpointer(where.best if best else where.checkpoints) as checkpointer:
        template = jax.eval_shape(lambda: core.init_state(gan, config.seed))
        found, state, _, warnings = checkpointer.restore(template, step)
    for warning in warnings:
        telemetry.say(f"warning: {warning}")
    sampler = gan.samplers["generator"]
    params = core.sampling_params(state, ema=ema)
    return Restored(
        where,
        config,
        info,
        sampler,
        {name: params[name] for name in sampler.networks},
        {name: state.variables[name] for name in sampler.networks},
        found,
        averaged=bool(ema and state.ema),
    )
