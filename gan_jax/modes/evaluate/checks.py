"""What an evaluation can be asked for, found out before anything is computed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax import sampling
from gan_jax.checkpoint import Checkpointer
from gan_jax.core import Category
from gan_jax.data import Dataset, Streams, arrays_of, specs_of
from gan_jax.evaluation import samples
from gan_jax.names import check_name
from gan_jax.runs import restored, setup, workdir


def check_options(
    path: str | Path | None,
    config: ConfigDict | None,
    images: str | Path | None,
    ready: str | Path | None,
    checkpoints: str,
    num_images: int | None,
    num_real: int,
    batch_size: int,
) -> None:
    """Refuses options that exclude each other or are out of their range; see `evaluate_run`.

    Raises:
      ValueError: In one line.
    """
    if images is not None and ready is not None:
        raise ValueError("--images and --features are two things to evaluate: give one of them")
    given, flag = (images, "--images") if ready is None else (ready, "--features")
    if path is None and given is None:
        raise ValueError("give a --workdir to evaluate, or --images with --config")
    if path is None and config is None:
        raise ValueError(f"{flag} needs --config=configs/X.py, whose data it is compared with")
    if path is not None and config is not None and given is not None:
        raise ValueError(f"{flag} is compared with the data of --workdir or of --config: give one")
    if given is not None and checkpoints:
        raise ValueError(f"{flag} and --checkpoints are two things to evaluate: give one of them")
    if ready is not None and num_images is not None:
        raise ValueError("--num_images is of images, and all of --features are scored")
    for name, value in (("--num_images", num_images), ("--eval_batch_size", batch_size)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be positive, not {value}")
    if num_real < 0:
        raise ValueError(f"--num_real must be at least 0, which is all, not {num_real}")


def steps_of(where: workdir.Workdir, asked: str) -> Sequence[int | None]:
    """The checkpoints that are asked for; None stands for the newest that can be read.

    Args:
      where: The run's folder.
      asked: The value of the option `checkpoints` of `evaluate_run`.

    Raises:
      ValueError: If there is no such checkpoint.
    """
    if asked in ("", "best"):
        return [None]
    with Checkpointer(where.checkpoints) as checkpointer:
        there = checkpointer.all_steps()
    if not there:
        return [None]
    if asked == "all":
        return list(there)
    if match := re.fullmatch(r"(\d*):(\d*)", asked):
        first, last = int(match[1] or 0), int(match[2] or there[-1])
        chosen = [step for step in there if first <= step <= last]
        if not chosen:
            raise ValueError(f"no checkpoint in {asked}: there are {', '.join(map(str, there))}")
        return chosen
    if not re.fullmatch(r"\d+(,\d+)*", asked):
        raise ValueError(
            f"--checkpoints={asked}: give all, best, steps as in 100,200, or a range as in 100:2000"
        )
    chosen = sorted({int(step) for step in asked.split(",")})
    if missing := [step for step in chosen if step not in there]:
        raise ValueError(
            f"there is no checkpoint of step {missing[0]} in {where.checkpoints}; "
            f"there are: {', '.join(map(str, there))}"
        )
    return chosen


def target_of(config: ConfigDict, streams: Streams, sampler: str | None) -> str:
    """The array of the data that images of a sampler of this config are to look like.

    Args:
      config: The experiment.
      streams: Its data.
      sampler: Its name; None for the game's first.

    Raises:
      ValueError: If there is no such sampler.
    """
    specs = specs_of(streams)
    experiment = setup.experiment_of(config, specs, parallel="jit")
    samplers = experiment.phases[0].gan.samplers
    if sampler is not None:
        check_name("sampler", sampler, samplers)
        return samplers[sampler].target
    images = (name for name, spec in specs.items() if len(spec.shape) == 3)
    return next((one.target for one in samplers.values()), None) or next(images)


def check_shape(shape: Sequence[int], dataset: Dataset, target: str) -> None:
    """Refuses images of another size than the real ones: the resize would be what is scored.

    Args:
      shape: (H, W, C) of the images, or of those that a run was trained on.
      dataset: What they are compared with.
      target: The name of its array.

    Raises:
      ValueError: If they differ in height or width.
    """
    height, width = dataset.arrays[target].shape[1:3]
    if tuple(shape[:2]) != (height, width):
        raise ValueError(
            f"the images to evaluate are {shape[1]}x{shape[0]}, the real ones {width}x{height}: "
            f"compare with --config.data.image_size={shape[0]}"
        )


def check_labels(run: restored.Restored, streams: Streams) -> None:
    """Refuses real images whose labels the sampler does not know, or was never trained on.

    Args:
      run: The run.
      streams: What its samples are compared with.

    Raises:
      ValueError: If there are such labels.
    """
    for one in run.sampler.inputs.values():
        if not isinstance(one, Category) or one.labels is None:
            continue
        dataset, known = samples.stream_of(streams, one.labels), run.info.class_names(one.labels)
        if tuple(dataset.class_names[one.labels]) != known:
            raise ValueError(
                f"the run in {run.where.path} knows the classes of {run.config.data.name}, not "
                f"those of {dataset.name}: compare it with the data that it was trained on"
            )
        trained_on = run.info.present_classes(one.labels)
        if unseen := set(dataset.present_classes(one.labels)) - set(trained_on):
            raise ValueError(
                f"the run in {run.where.path} was not trained on "
                f"{', '.join(known[label] for label in sorted(unseen))}: leave them out with "
                "--config.data.classes, or leave --config away"
            )


def check_sampler(
    run: restored.Restored, streams: Streams, options: Mapping[str, Any], seed: int
) -> None:
    """Refuses what the sampler cannot generate images by.

    Args:
      run: The run.
      streams: The data, of which the sampler may read rows.
      options: Values of some of the sampler's options.
      seed: Seed of the inputs.

    Raises:
      ValueError: If there is no such option, its value is refused, or rows are missing.
    """
    inputs = sampling.inputs(run.sampler, np.arange(1), seed=seed, rows=arrays_of(streams))
    sampling.image_shape(run.sampler, run.weights, inputs, options=options)
