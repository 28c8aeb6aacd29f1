"""What a checkpoint draws for the page: samples by class, interpolations, many for neighbours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from gan_jax import sampling
from gan_jax.data import ImageDataset
from gan_jax.runs import restored

MAX_ROWS = 20  # Classes: more rows are no longer looked at.
PER_CLASS = 8
UNLABELLED = 24
PATHS, PATH_STEPS = 6, 9


@dataclasses.dataclass(frozen=True)
class Row:
    """Pictures of one kind beside one another.

    Attributes:
      name: The class; empty where there are none.
      generated: uint8 [N, H, W, C], N may be 0.
      real: uint8 [M, H, W, C], M may be 0.
    """

    name: str
    generated: np.ndarray
    real: np.ndarray


@dataclasses.dataclass(frozen=True)
class Path:
    """An interpolation.

    Attributes:
      name: Its class; empty where there are none.
      images: uint8 [PATH_STEPS, H, W, C].
    """

    name: str
    images: np.ndarray


def rows(
    run: restored.Restored, draw: sampling.Draw, dataset: ImageDataset | None, *, seed: int
) -> list[Row]:
    """Generated beside real pictures: a row a class where the run is conditional, else one row.

    Args:
      run: The run.
      draw: Its `Restored.draw`.
      dataset: What it was trained on, or None.
      seed: Of the latents, and of the choice of real pictures.

    Returns:
      The rows; without a data set their `real` is empty.
    """
    classes = _classes(run)
    key = _key(seed, 0)
    count = PER_CLASS if classes else UNLABELLED
    latents = sampling.draw_latents(key, count * max(1, len(classes)), run.sampler.latent_dim)
    labels = np.repeat(np.asarray(classes, np.int32), count) if classes else None
    images = draw(latents, labels)
    generated = images.reshape(-1, count, *images.shape[1:])
    random = np.random.default_rng(seed)
    names = [_name(run, label) for label in classes] or [""]
    return [
        Row(name, part, _real(dataset, label, count, random, like=part))
        for name, part, label in zip(names, generated, classes or (None,), strict=True)
    ]


def _real(dataset, label, count: int, random: np.random.Generator, *, like) -> np.ndarray:
    if dataset is None:
        return like[:0]
    members = np.arange(len(dataset)) if label is None else np.flatnonzero(dataset.labels == label)
    chosen = random.permutation(members)[:count]
    return np.asarray(dataset.images[np.sort(chosen)])


def paths(run: restored.Restored, draw: sampling.Draw, *, seed: int) -> list[Path]:
    """Great-circle interpolations from one latent to another, within a class where there are.

    Args:
      run: The run.
      draw: Its `Restored.draw`.
      seed: Of the latents.

    Returns:
      PATHS of them.
    """
    classes = _classes(run)
    ends = sampling.draw_latents(_key(seed, 1), 2 * PATHS, run.sampler.latent_dim)
    start, stop = ends.reshape(2, PATHS, -1)
    latents = sampling.interpolate_latents(start, stop, PATH_STEPS)
    labels = np.resize(np.asarray(classes, np.int32), PATHS) if classes else None
    repeated = None if labels is None else np.repeat(labels, PATH_STEPS)
    images = draw(latents.reshape(PATHS * PATH_STEPS, -1), repeated)
    images = images.reshape(PATHS, PATH_STEPS, *images.shape[1:])
    names = [""] * PATHS if labels is None else [_name(run, label) for label in labels]
    return [Path(name, part) for name, part in zip(names, images, strict=True)]


def many(
    run: restored.Restored, draw: sampling.Draw, count: int, *, seed: int
) -> tuple[np.ndarray, list[str]]:
    """Pictures to look for neighbours of, the classes in turn.

    Args:
      run: The run.
      draw: Its `Restored.draw`.
      count: How many.
      seed: Of the latents.

    Returns:
      uint8 [count, H, W, C], and the name of each one's class, empty where there are none.
    """
    classes: Sequence[int] = run.info["present_classes"] if run.sampler.num_classes else ()
    latents = sampling.draw_latents(_key(seed, 2), count, run.sampler.latent_dim)
    labels = np.resize(np.asarray(classes, np.int32), count) if classes else None
    names = [""] * count if labels is None else [_name(run, label) for label in labels]
    return draw(latents, labels), names


def _key(seed: int, purpose: int) -> jax.Array:
    return jax.random.fold_in(jax.random.key(seed), purpose)


def _classes(run: restored.Restored) -> tuple[int, ...]:
    return tuple(run.info["present_classes"])[:MAX_ROWS] if run.sampler.num_classes else ()


def _name(run: restored.Restored, label: int) -> str:
    return str(run.info["class_names"][label])
