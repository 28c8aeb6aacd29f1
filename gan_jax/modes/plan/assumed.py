"""A run on data of known size and shape, of which no byte is read or held."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from gan_jax import core, data
from gan_jax.runs import settings
from gan_jax.runs.config_data import subset_of
from gan_jax.runs.setup import Setup, experiment_of, likely_specs


class KnownData(NamedTuple):
    """What is published of a data set.

    Attributes:
      images: In the split "train".
      classes: 0 for no labels.
      channels: 1 gray, 3 color.
    """

    images: int
    classes: int
    channels: int


# The pages of the data sets in the catalog of TensorFlow Datasets; digits: scikit-learn's.
KNOWN = {
    "cifar10": KnownData(50_000, 10, 3),
    "cifar100": KnownData(50_000, 100, 3),
    "digits": KnownData(1_797, 10, 1),
    "fashion_mnist": KnownData(60_000, 10, 1),
    "kmnist": KnownData(60_000, 10, 1),
    "mnist": KnownData(60_000, 10, 1),
    "svhn_cropped": KnownData(73_257, 10, 3),
}


def assume(
    config: ConfigDict, *, num_images: int | None = None, num_classes: int | None = None
) -> Setup:
    """The setup of a run, as `gan_jax.runs.setup.set_up` would make it, on data that is not read.

    Args:
      config: The experiment.
      num_images: Images of every stream; by default those of a known data set. A part of its split
        or of its classes counts as the whole.
      num_classes: Classes of the labels, 0 for none; by default those of a known data set.

    Returns:
      The setup. Its arrays have shapes and no memory: every entry is the same zero.

    Raises:
      ValueError: If the config cannot be, or its data set is not a known one and `num_images` is
        not given.
    """
    settings.check(config)
    domains = config.data.domains or {data.order.MAIN_STREAM: config.data}
    streams = {}
    for stream, domain in domains.items():
        known = KNOWN.get(domain.get("name") or config.data.name)
        if known is None and num_images is None:
            raise ValueError(
                f"the data set {domain.get('name') or config.data.name} is not one whose size is "
                f"known here ({', '.join(KNOWN)}): give --num_images"
            )
        known = known or KnownData(0, 0, 3)
        known = known._replace(
            images=known.images if num_images is None else num_images,
            classes=known.classes if num_classes is None else num_classes,
        )
        images = known.images and subset_of(config).count(known.images)
        streams[stream] = _dataset(_specs(config, stream, known), images)
    specs = data.specs_of(streams)
    return Setup(
        config,
        streams,
        experiment_of(config, specs),
        experiment_of(config, specs, parallel="jit"),
    )


def _specs(config: ConfigDict, stream: str, known: KnownData) -> dict[str, core.ArraySpec]:
    specs = {}
    for name, spec in likely_specs(config).items():
        if spec.shape:
            channels = config.data.channels or known.channels
            specs[name] = spec._replace(shape=(*spec.shape[:2], channels))
        elif known.classes:
            specs[name] = spec._replace(num_classes=known.classes)
    return {stream: specs[stream]} if config.data.domains else specs


def _dataset(specs: dict[str, core.ArraySpec], images: int) -> data.Dataset:
    def zeros(spec: core.ArraySpec) -> np.ndarray:
        zero = np.uint8(0) if spec.shape else np.int32(0)
        return np.broadcast_to(zero, (images, *spec.shape))

    return data.Dataset(
        arrays={name: zeros(spec) for name, spec in specs.items()},
        class_names={
            name: tuple(map(str, range(spec.num_classes)))
            for name, spec in specs.items()
            if not spec.shape
        },
        name="assumed",
        split="train",
        identity="assumed",
    )
