"""A run before its first step: its data loaded, its game built, its steps compiled."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
from ml_collections import ConfigDict

from gan_jax import core, data, gans, telemetry
from gan_jax.core import processes
from gan_jax.runs import memory, settings
from gan_jax.runs.config_data import load_streams, subset_of
from gan_jax.runs.workdir import DataInfo
from gan_jax.untrusted import shown

# Data that lies on every device by itself.
_SMALL_BYTES = 2**28


@dataclasses.dataclass(frozen=True)
class Setup:
    """A run before its first step: what the config asks for, built and checked.

    Attributes:
      config: The experiment.
      streams: What it trains on.
      experiment: Its phases.
      sampled: The same for its samplers, which are called outside of the compiled steps: no mapped
        axis is known there.
    """

    config: ConfigDict
    streams: data.Streams
    experiment: core.Experiment
    sampled: core.Experiment

    # Once: describing the data passes over its labels.
    @functools.cached_property
    def data_info(self) -> DataInfo:
        """What sampling must know of the data once it is gone."""
        return DataInfo({name: dataset.describe() for name, dataset in self.streams.items()})

    # Once, and only where it is read.
    @functools.cached_property
    def whole(self) -> data.Streams:
        """The data of which a part may be trained on: what is scored is compared with all of it."""
        if subset_of(self.config) == data.Subset():
            return self.streams
        return load_streams(self.config, whole=True)

    @property
    def epoch(self) -> int:
        """Examples of an epoch: those of the first stream."""
        return len(next(iter(self.streams.values())))

    @functools.cached_property
    def _resident_bytes(self) -> int:
        """The largest data that lies on the device by itself, the same on every process."""
        arrays = data.arrays_of(self.streams).values()
        if sum(array.nbytes for array in arrays) <= _SMALL_BYTES:
            return _SMALL_BYTES  # To know more would be to trace the start of the game.
        gan, seed = self.experiment.phases[0].gan, self.config.seed
        state = jax.eval_shape(lambda: core.init_state(gan, seed))
        (size,) = processes.broadcast((float(memory.resident_bytes(state)),))
        return int(size)

    def feed(self, phase: core.Phase, rows: slice = slice(None)) -> data.Feed:
        """The inputs of a phase's steps.

        Args:
          phase: A phase of the experiment.
          rows: The examples of a batch that this process reads.
        """
        return data.make_feed(
            self.streams,
            updates=phase.gan.updates,
            batch_size=phase.batch_size,
            seed=self.config.seed,
            placement=self.config.data.placement,
            resident_bytes=self._resident_bytes,
            rows=rows,
        )


def check_complete(config: ConfigDict, path: str | Path) -> None:
    """Refuses the config of a run of another version, which lacks what this one reads.

    Args:
      config: The config of the run.
      path: Its workdir, for the message.

    Raises:
      ValueError: Naming the first key that is missing.
    """
    if missing := settings.missing_key(config):
        raise ValueError(
            f"workdir {path}: the run's config.json is not of this version of gan_jax "
            f"(config.{missing} is missing): add what it lacks, as --mode=show explains it"
        )


def reader_config(config: ConfigDict, *, trusted: bool) -> ConfigDict:
    """A run's config as a reader of its folder obeys it, who may not be the one who trained it.

    The folder of a run may be a stranger's: its config.json says which data it was trained on, but
    not where on this machine to read and to keep files.

    Args:
      config: The config of the run.
      trusted: Whether the run is the reader's own.

    Returns:
      The config, without the folders that it names for data and cache unless `trusted`. A line says
      which are not obeyed.
    """
    if trusted:
        return config
    own = ConfigDict(config.to_dict())
    for group in (own.data, *own.data.domains.values()):
        for key in ("dir", "cache_dir"):
            if group.get(key):
                telemetry.say(
                    f"config.data.{key}={shown(group[key])} of the run is not obeyed: give "
                    "--trust_workdir if the run is your own"
                )
                group[key] = ""
    return own


def experiment_of(
    config: ConfigDict, specs: Mapping[str, core.ArraySpec], *, parallel: str | None = None
) -> core.Experiment:
    """The experiment of a config on arrays of these shapes.

    Args:
      config: The experiment.
      specs: `{array: ArraySpec}`.
      parallel: Another mode than the config's: outside of training a mapped axis means nothing.

    Raises:
      ValueError: As `gans.build`, or in JAX's 64-bit mode, in which the same run has other bits.
    """
    if jax.config.jax_enable_x64:
        raise ValueError("JAX's 64-bit mode is not supported: unset JAX_ENABLE_X64")
    run = gans.Run(
        steps=config.steps,
        batch_size=config.batch_size,
        precision=config.precision,
        axis_name=core.axis_name_of(parallel or config.parallel),
        monitor_every=config.log_every,
    )
    experiment = gans.build(config.family, config.model.to_dict(), specs, run)
    return _sampled_with_precision(experiment, config.precision)


def _sampled_with_precision(experiment: core.Experiment, precision: str) -> core.Experiment:
    """The experiment with samplers that compute in the precision of the training."""

    def of(phase: core.Phase) -> core.Phase:
        samplers = {
            name: dataclasses.replace(sampler, apply=core.with_precision(sampler.apply, precision))
            for name, sampler in phase.gan.samplers.items()
        }
        return dataclasses.replace(phase, gan=dataclasses.replace(phase.gan, samplers=samplers))

    return dataclasses.replace(experiment, phases=tuple(map(of, experiment.phases)))


def likely_specs(config: ConfigDict) -> dict[str, core.ArraySpec]:
    """The arrays as they will probably be, before any data has been read."""
    settings = config.data
    height, width = settings.image_shape or (settings.image_size, settings.image_size)
    image = core.ArraySpec((height, width, settings.channels or 3))
    if settings.domains:
        return dict.fromkeys(settings.domains, image)
    if settings.layout == "side_by_side":
        return {"left": image, "right": image}
    return {"image": image, "label": core.ArraySpec((), 1)}


def set_up(config: ConfigDict, *, streams: data.Streams | None = None) -> Setup:
    """Loads the data, where none is given, and builds the game.

    Raises:
      ValueError: In one line, if the config asks for what does not exist or contradicts itself.
      OSError: If the data set is not available.
    """
    settings.check(config)
    # A misspelled loss should not cost a download: first the game on arrays of likely shapes.
    likely = likely_specs(config)
    _check_batches(experiment_of(config, likely), likely)
    streams = load_streams(config) if streams is None else streams
    specs = data.specs_of(streams)
    experiment = experiment_of(config, specs)
    _check_batches(experiment, specs)
    _check_samplers(experiment, specs)
    setup = Setup(config, streams, experiment, experiment_of(config, specs, parallel="jit"))
    setup.feed(experiment.phases[0])  # Refuses a placement that there is not.
    return setup


def _check_batches(experiment: core.Experiment, specs: Mapping[str, core.ArraySpec]) -> None:
    for phase in experiment.phases:
        core.check_batch_size(phase.batch_size, jax.device_count())
        memory.check_batch(phase, specs)


def _check_samplers(experiment: core.Experiment, specs: Mapping[str, core.ArraySpec]) -> None:
    for phase in experiment.phases:
        for array in core.data_inputs(phase.gan):
            if array not in specs:
                raise ValueError(
                    f"the game samples from an array '{array}', the data has {', '.join(specs)}"
                )


def prepare_function(setup: Setup, phase: core.Phase) -> Callable:
    """What gets a phase's images ready within a step; see `data.make_prepare`."""
    return data.make_prepare(
        {name: dataset.specs for name, dataset in setup.streams.items()},
        image_size=phase.image_size,
        **setup.config.data.augment.to_dict(),
    )


def chunk_function(setup: Setup, phase: core.Phase, *, parallel: str | None = None) -> Callable:
    """The pure chunk of steps of a phase's game; see `core.make_chunk`."""
    prepare = prepare_function(setup, phase)
    axis_name = core.axis_name_of(parallel or setup.config.parallel)
    step = core.make_step(phase.gan, prepare=prepare, axis_name=axis_name)
    return core.make_chunk(core.with_precision(step, setup.config.precision))


def compile_steps(setup: Setup, phase: core.Phase) -> core.Compiled:
    """The compiled chunk of steps of a phase's game."""
    return core.compile_chunk(chunk_function(setup, phase), mode=setup.config.parallel)
