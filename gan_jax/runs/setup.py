"""A run before its first step: its data loaded, its game built, its steps compiled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import core, data, gans
from gan_jax.data.feed import Feed, make_feed, make_prepare


@dataclasses.dataclass(frozen=True)
class Setup:
    """A run before its first step: what the config asks for, built and checked.

    Attributes:
      config: The experiment.
      dataset: What it trains on.
      experiment: Its phases.
      feed: The inputs of its steps.
      image_classes: Labels that occur in the data, ascending.
    """

    config: ConfigDict
    dataset: data.ImageDataset
    experiment: core.Experiment
    feed: Feed
    image_classes: tuple[int, ...]

    @property
    def data_info(self) -> dict[str, Any]:
        """What sampling must know of the data once it is gone, JSON-able."""
        return {
            "image_shape": list(self.dataset.images.shape[1:]),
            "class_names": list(self.dataset.class_names),
            "present_classes": list(self.image_classes),
            "size": len(self.dataset),
        }


def load_data(config: ConfigDict, *, split: str = "") -> data.ImageDataset:
    """Loads the data set of a config, or another split of it; raises as `gan_jax.data.load`."""
    settings = config.data
    classes = tuple(settings.classes)
    if len(classes) == 1 and isinstance(classes[0], str):
        classes = classes[0]  # `--config.data.classes=cat,dog` arrives as one string.
    return data.load(
        settings.name,
        split=split or settings.split,
        data_dir=settings.dir or None,
        image_size=settings.image_size,
        channels=settings.channels or None,
        classes=classes or None,
        cache_dir=settings.cache_dir or None,
    )


def set_up(config: ConfigDict, *, dataset: data.ImageDataset | None = None) -> Setup:
    """Loads the data, where none is given, and builds the game.

    Raises:
      ValueError: In one line, if the config asks for what does not exist or does not fit together.
      OSError: If the data set cannot be had.
    """
    core.check_batch_size(config.batch_size, jax.device_count())
    core.axis_name_of(config.parallel)
    # A misspelt loss should not cost a download: first the game in the data's likely shape.
    side, channels = config.data.image_size, config.data.channels or 3
    gans.build(config, gans.DataInfo((side, side, channels), 1))
    dataset = load_data(config) if dataset is None else dataset
    info = gans.DataInfo(tuple(dataset.images.shape[1:]), len(dataset.class_names))
    experiment = gans.build(config, info)
    feed = make_feed(
        dataset,
        updates=experiment[0].gan.updates,
        batch_size=config.batch_size,
        seed=config.seed,
        placement=config.data.placement,
    )
    return Setup(config, dataset, experiment, feed, dataset.present_classes)


def chunk_function(setup: Setup) -> Callable[..., tuple[core.GanState, Any]]:
    """The pure chunk of steps of the run's game; see `core.make_chunk`."""
    step = core.make_step(
        setup.experiment[0].gan,
        prepare=make_prepare(**setup.config.data.augment.to_dict()),
        axis_name=core.axis_name_of(setup.config.parallel),
    )
    return core.make_chunk(step)


def compile_steps(setup: Setup) -> core.Compiled:
    """The compiled chunk of steps of the run's game."""
    return core.compile_chunk(chunk_function(setup), mode=setup.config.parallel)
