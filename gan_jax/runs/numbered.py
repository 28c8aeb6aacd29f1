"""The inputs of a run's images by their numbers, with the labels that were asked for."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from gan_jax import sampling
from gan_jax.core import Category, FromData
from gan_jax.data import arrays_of, class_labels
from gan_jax.runs import restored, setup

Chosen = Mapping[str, tuple[int, ...]]


def inputs_of(
    run: restored.Restored, *, seed: int, split: str = "", trusted: bool = False
) -> sampling.InputsOf:
    """Maps numbers of images to inputs; see `sampling.inputs`.

    Data is read only if the sampler transforms images of it.

    Args:
      run: The run.
      seed: Seed of the inputs, in 0..2**32 - 1.
      split: Split of the data that the sampler transforms; empty for the one that was trained on.
      trusted: Whether the run is the reader's own; see `setup.reader_config`. Of another no data is
        downloaded.

    Raises:
      ValueError: If a split is given to a sampler that reads no data.
      OSError: If the data is not available.
    """
    rows = {}
    if any(isinstance(one, FromData) for one in run.sampler.inputs.values()):
        config = setup.reader_config(run.config, trusted=trusted)
        rows = arrays_of(setup.load_streams(config, split=split, whole=True, download=trusted))
    elif split:
        raise ValueError(f"--split: the sampler '{run.name}' reads no data")
    return functools.partial(
        sampling.inputs,
        run.sampler,
        seed=seed,
        frequencies=run.info.label_frequencies,
        rows=rows,
    )


def chosen_labels(run: restored.Restored, classes: Sequence[str | int]) -> dict[str, tuple]:
    """The labels of some classes: `{input of labels: labels}`, empty where none were asked for.

    Args:
      run: The run.
      classes: Names or labels, of all the data's classes; their order is kept.

    Raises:
      ValueError: If there is no such class, or the sampler has no input of labels.
    """
    if not classes:
        return {}
    for name, one in run.sampler.inputs.items():
        if isinstance(one, Category) and one.labels is not None:
            data_name = run.info.streams[run.info.stream_of(one.labels)]["name"]
            names = run.info.class_names(one.labels)
            found = (class_labels([item], names, name=data_name) for item in classes)
            return {name: tuple(dict.fromkeys(label for labels in found for label in labels))}
    raise ValueError(
        f"--classes: the sampler '{run.name}' has no input of labels, it has "
        f"{', '.join(run.sampler.inputs)}"
    )


def with_labels(inputs: sampling.InputsOf, chosen: Chosen) -> sampling.InputsOf:
    """The same inputs but for the labels, which come in turn where some were chosen."""

    def with_chosen(numbers: np.ndarray) -> dict[str, np.ndarray]:
        cycled = {
            name: np.asarray(labels, np.int32)[numbers % len(labels)]
            for name, labels in chosen.items()
        }
        return {**inputs(numbers), **cycled}

    return with_chosen
