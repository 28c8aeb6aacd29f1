"""The run's own keys of a config: default, meaning, type and range of each, and their check.

The keys of `config.model` are the settings of the family (`gan_jax.gans`), which `check` reads too.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from gan_jax import core, data, gans
from gan_jax.core.parallel import MODES
from gan_jax.data.decoding import LAYOUTS
from gan_jax.evaluation import protocols
from gan_jax.gans.settings import as_dict, flat, read, setting
from gan_jax.metrics import extractor as extractor_table
from gan_jax.runs import schema

# What reads no prepared data of tfds, and so no `config.data.dir`.
WITHOUT_DIR = ("digits", "folder:")
LARGEST_SIZE = 2**14
# Steps of a call to an accelerator at most, where `steps_per_call` leaves it open.
MOST_STEPS_PER_CALL = 50


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Evaluation while training, against the training data."""

    every: int = setting(
        0,
        "Steps between evaluations, 0 for none.",
        least=0,
    )
    metrics: tuple[str, ...] = setting(
        ("fid",),
        f"Scores, of {', '.join(protocols.METRICS)}; the first says which checkpoint is the best.",
    )
    extractor: str = setting(
        "inception",
        "What computes the features; efficientnet_lite0 needs no download.",
        choices=lambda: extractor_table.EXTRACTORS,
    )
    weights: str = setting("", "The extractor's file of weights; empty for where it looks.")
    num_images: int = setting(10_000, "Images generated for each evaluation.", least=1)
    num_real: int = setting(0, "Real images, chosen at random; 0 for all.", least=0)
    patience: int = setting(
        5, "Evaluations without a better score until a warning, 0 for never.", least=0
    )
    stop: bool = setting(False, "Whether the run then ends.")


@dataclasses.dataclass(frozen=True)
class Augment:
    """Augmentation of the real images, within the step."""

    flip: bool = setting(False, "Whether half of the images are mirrored.")
    crop_padding: int = setting(0, "Pixels of padding before a random crop.", least=0)
    rotation_degrees: float = setting(
        0.0, "Largest angle of a random rotation.", least=0.0, most=180.0
    )


@dataclasses.dataclass(frozen=True)
class Domain:
    """What a domain says for itself; what it leaves out is that of config.data."""

    name: str = setting("", "Its data set, as data.name.")
    dir: str = setting("", "As data.dir.")
    split: str = setting("", "As data.split.")
    classes: tuple[str | int, ...] = setting((), "As data.classes.")


@dataclasses.dataclass(frozen=True)
class Data:
    """What the run trains on."""

    name: str = setting("cifar10", "Any tfds image data set, digits, or folder:PATH.")
    dir: str = setting("", "Where tfds keeps its data; empty for TFDS_DATA_DIR, or tfds's default.")
    cache_dir: str = setting("", "Where decoded images are kept; empty for ~/.cache/gan_jax.")
    split: str = setting("train", "The split, or a part of one, as train[:1000].")
    classes: tuple[str | int, ...] = setting(
        (), "Names or labels of the classes to train on; empty for all."
    )
    fraction: float = setting(
        1.0, "Share of the examples to train on, chosen at random.", above=0.0, most=1.0
    )
    max_examples: int = setting(
        0, "The most examples to train on, chosen at random; 0 for all.", least=0
    )
    subset_seed: int = setting(
        0, "Seed of the choice of fraction and max_examples.", least=0, most=2**32 - 1
    )
    layout: str = setting(
        "image",
        "side_by_side: pairs, the two halves of one image.",
        choices=tuple(LAYOUTS),
    )
    domains: Mapping[str, Domain] = setting(
        {}, "{domain: {name, dir, split, classes}}, several data sets that are not paired."
    )
    image_size: int = setting(32, "Height and width in pixels.", least=1, most=LARGEST_SIZE)
    image_shape: tuple[int, ...] = setting(
        (),
        "(height, width) in place of image_size, where not square.",
        least=1,
        most=LARGEST_SIZE,
    )
    channels: int = setting(0, "0 for those of the data; 1: gray, 3: color.", least=0, most=3)
    placement: str = setting(
        "auto",
        "device: all images lie on the device; host: they are streamed; auto: by their size.",
        choices=data.PLACEMENTS,
    )
    augment: Augment = setting(Augment(), "Augmentation.")


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """The keys of every config, but for `config.model`."""

    name: str = setting("", "The name of the experiment, as in results and reports.")
    family: str = setting(
        "",
        "The family of GANs, whose settings are config.model.",
        choices=lambda: gans.FAMILIES,
    )
    steps: int = setting(23_450, "Steps of the whole run; raise it to continue a run.", least=1)
    batch_size: int = setting(64, "Examples in a batch, over all devices.", least=1)
    seed: int = setting(0, "Seed of all random numbers.", least=0, most=2**32 - 1)
    precision: str = setting(
        "float32",
        "Arithmetic: float32, on every device; tfloat32: float32 with products in TF32 where an "
        "NVIDIA GPU has them; bfloat16: networks in bfloat16, all else in float32.",
        choices=tuple(core.PRECISIONS),
    )
    parallel: str = setting(
        "jit",
        "jit: one device's mathematics on any number of them; pmap: data parallel.",
        choices=MODES,
    )
    steps_per_call: int = setting(
        0, "Steps sent to the device at once; 0: what takes a quarter of a second.", least=0
    )
    log_every: int = setting(100, "Steps between two lines of the log.", least=1)
    sample_every: int = setting(1_000, "Steps between two grids of samples, 0 for none.", least=0)
    sample_epochs: tuple[float, ...] = setting(
        (), "Epochs after which a grid is saved too.", least=0.0
    )
    checkpoint_every: int = setting(
        1_000, "Steps between two checkpoints, 0 for the last step alone.", least=0
    )
    keep_checkpoints: int = setting(3, "The newest so many are kept.", least=1)
    evaluate: Evaluate = setting(Evaluate(), "Evaluation while training.")
    data: Data = setting(Data(), "What the run trains on.")


def defaults(name: str, family: str) -> dict[str, Any]:
    """The values of a config where nothing is set but for `model`, nested."""
    return as_dict(RunSettings(name=name, family=family))


def check(config: ConfigDict) -> None:
    """Refuses a config that cannot be, before anything is read or computed.

    Every key is checked, also one that has no effect until another is set: those of
    `config.evaluate` while `evaluate.every` is 0.

    Args:
      config: The experiment.

    Raises:
      ValueError: In one line: a key that is missing or unknown, a value of the wrong type, out of
        its range or unknown, keys that contradict each other, or one that is set and has no effect.
    """
    if missing := missing_key(config):
        raise ValueError(
            f"the config has no key config.{missing}: begin it with common.base(NAME), which has "
            "all keys with their defaults"
        )
    values = dict(config.items())
    model = values.pop("model")
    found = read(RunSettings, values, prefix="config")
    _check_data(found.data)
    _check_evaluate(found.evaluate)
    gans.read_settings(found.family, dict(model.items()))
    # What is written as config.json must be read again.
    schema.check_config(json.loads(json.dumps(config.to_dict())))


def missing_key(config: ConfigDict) -> str | None:
    """The first key that every config has and this one lacks, as "data.name"; None if it has all.

    Args:
      config: A config, whose values may be of wrong types.
    """
    for key in ("model", *(name for name, _ in flat(RunSettings()))):
        group: Any = config
        for part in key.split("."):
            if not hasattr(group, "items"):
                break  # Another type than it must have is told by `read`.
            if part not in group:
                return key
            group = group[part]
    return None


def _check_data(found: Data) -> None:
    for key in ("name", "split"):
        if not getattr(found, key) and not found.domains:
            raise ValueError(f"config.data.{key} is empty: give one")
    if found.channels == 2:
        raise ValueError("config.data.channels must be 0, 1 or 3, not 2")
    if len(found.image_shape) not in (0, 2):
        raise ValueError(
            f"config.data.image_shape must be (height, width), or () for squares, not "
            f"{found.image_shape}"
        )
    if found.domains and found.layout != "image":
        raise ValueError(
            f"config.data.layout={found.layout} has no effect with config.data.domains: leave it "
            "at its default, image"
        )
    if found.subset_seed and found.fraction == 1.0 and not found.max_examples:
        raise ValueError(
            f"config.data.subset_seed={found.subset_seed} has no effect with fraction=1.0 and "
            "max_examples=0: leave it at its default, 0"
        )
    places: dict[str, Data | Domain] = {} if found.domains else {"config.data": found}
    places |= {f"config.data.domains.{name}": one for name, one in found.domains.items()}
    for place, one in places.items():
        name = one.name or found.name
        if name == "folder:":
            raise ValueError(f"{place}.name=folder: names no folder: give folder:PATH")
        if one.dir and name.startswith(WITHOUT_DIR):
            raise ValueError(f"{place}.dir={one.dir} has no effect with name={name}: leave it out")


def _check_evaluate(found: Evaluate) -> None:
    try:
        protocols.check_metrics(found.metrics)
    except ValueError as error:
        raise ValueError(f"config.evaluate.metrics: {error}") from None
    if found.stop and not found.patience:
        raise ValueError("config.evaluate.stop=True needs config.evaluate.patience of 1 or more")
    if found.weights and not os.path.isfile(os.path.expanduser(found.weights)):
        raise ValueError(
            f"config.evaluate.weights={found.weights}: there is no such file; leave it empty for "
            "where the extractor looks"
        )
