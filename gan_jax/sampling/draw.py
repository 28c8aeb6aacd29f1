"""Pictures from a trained game: latents, labels, grids, files.

Everything here takes a `gan_jax.core.Sampler` and arrays; the modes add config and checkpoint.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.core import GanState, Sampler, sampling_params
from gan_jax.images import image_grid, labelled_grid, quantize, save_png

PyTree = Any
Draw = Callable[[jax.Array, jax.Array | None], np.ndarray]


def draw_latents(key: jax.Array, count: int, dim: int, *, truncation: float = 0.0) -> jax.Array:
    """Latents of the training distribution, or of its middle.

    Args:
      key: Typed PRNG key.
      count: Number of latents.
      dim: Their length.
      truncation: 0 for N(0, 1); above 0, N(0, 1) given that every entry lies within
        [-truncation, truncation], which trades variety for quality (Brock et al. 2019,
        arXiv:1809.11096).

    Returns:
      float32 [count, dim].

    Raises:
      ValueError: If `truncation` is negative.
    """
    if truncation < 0.0:
        raise ValueError(f"truncation must be positive, or 0 for none, not {truncation}")
    if truncation == 0.0:
        return jax.random.normal(key, (count, dim), jnp.float32)
    return jax.random.truncated_normal(key, -truncation, truncation, (count, dim), jnp.float32)


def interpolate_latents(start: jax.Array, stop: jax.Array, steps: int) -> jax.Array:
    """Great-circle interpolation, which keeps the length that a Gaussian latent has.

    White 2016, arXiv:1609.04468.

    Args:
      start: float [N, D].
      stop: float [N, D].
      steps: Pictures from one to the other, both ends included, at least 2.

    Returns:
      float32 [N, steps, D].

    Raises:
      ValueError: If `steps` is below 2.
    """
    if steps < 2:
        raise ValueError(f"an interpolation has at least 2 steps, not {steps}")
    cosine = jnp.sum(start * stop, -1) / jnp.maximum(
        jnp.linalg.norm(start, axis=-1) * jnp.linalg.norm(stop, axis=-1), 1e-12
    )
    angle = jnp.arccos(jnp.clip(cosine, -1.0, 1.0))[:, None, None]
    t = jnp.linspace(0.0, 1.0, steps)[None, :, None]
    start, stop = start[:, None], stop[:, None]
    sine = jnp.sin(angle)
    # Latents of nearly the same or opposite direction span no great circle to follow.
    safe = jnp.where(sine < 1e-4, 1.0, sine)
    sphere = (jnp.sin((1.0 - t) * angle) * start + jnp.sin(t * angle) * stop) / safe
    return jnp.where(sine < 1e-4, (1.0 - t) * start + t * stop, sphere)


def make_draw(
    sampler: Sampler,
    params: Mapping[str, PyTree],
    variables: Mapping[str, PyTree],
    *,
    batch_size: int = 128,
) -> Draw:
    """A function from latents and labels to pictures.

    Args:
      sampler: Of the game.
      params: `{network: tree}`, averaged or raw.
      variables: `{network: {collection: tree}}`.
      batch_size: Pictures at a time. Every batch is filled up to it, so that there is one
        compilation and a picture does not depend on how many others were asked for.

    Returns:
      `draw(latents [N, latent_dim], labels [N] int32 or None) -> uint8 [N, H, W, C]`, quantised as
      a saved PNG is.
    """
    params = {name: params[name] for name in sampler.networks}
    variables = {name: variables[name] for name in sampler.networks}
    compiled = make_compiled_draw(sampler)

    def draw(latents, labels):
        return draw_batches(compiled, params, variables, latents, labels, batch_size)

    return draw


def make_compiled_draw(sampler: Sampler) -> Callable[..., jax.Array]:
    """`(params, variables, latents, labels) -> uint8 [B, H, W, C]`, compiled once for a run."""
    return jax.jit(
        lambda params, variables, latents, labels: quantize(
            sampler.apply(params, variables, latents, labels)
        )
    )


def draw_batches(compiled, params, variables, latents, labels, batch_size: int) -> np.ndarray:
    """Applies a compiled draw to any number of latents; see `make_draw`."""
    latents = np.asarray(latents, np.float32)
    count = len(latents)
    filled = -count % batch_size
    latents = np.concatenate([latents, np.zeros((filled, latents.shape[1]), np.float32)])
    if labels is not None:
        labels = np.concatenate([np.asarray(labels, np.int32), np.zeros(filled, np.int32)])
    pictures = []
    for start in range(0, len(latents), batch_size):
        part = slice(start, start + batch_size)
        chosen = None if labels is None else labels[part]
        pictures.append(np.asarray(compiled(params, variables, latents[part], chosen)))
    return np.concatenate(pictures)[:count]


def grid_inputs(
    sampler: Sampler,
    *,
    seed: int,
    classes: Sequence[int] = (),
    columns: int = 10,
    truncation: float = 0.0,
) -> tuple[jax.Array, np.ndarray | None, int]:
    """Fixed noise for a grid.

    Args:
      sampler: Of the game.
      seed: Of the noise.
      classes: For a conditional sampler: a row each, the same latents in every row, so that what
        differs between rows is the label alone.
      columns: Pictures in a row.
      truncation: As `draw_latents`.

    Returns:
      latents [rows * columns, latent_dim], labels int32 [rows * columns] or None, rows. An
      unconditional grid is square.

    Raises:
      ValueError: If a conditional sampler is given no class.
    """
    key = jax.random.key(seed)
    if not sampler.num_classes:
        latents = draw_latents(key, columns**2, sampler.latent_dim, truncation=truncation)
        return latents, None, columns
    if not classes:
        raise ValueError("a grid of a conditional game needs at least one class")
    latents = draw_latents(key, columns, sampler.latent_dim, truncation=truncation)
    return (
        jnp.tile(latents, (len(classes), 1)),
        np.repeat(np.asarray(classes, np.int32), columns),
        len(classes),
    )


def make_grid(images: np.ndarray, *, rows: int, names: Sequence[str] = ()) -> np.ndarray:
    """A picture of pictures.

    Args:
      images: uint8 [rows * columns, H, W, C], row by row.
      rows: Number of rows.
      names: One for every row, written at its left; empty for none.

    Returns:
      uint8 [H', W', C], or [H', W', 3] with names.
    """
    if names:
        return labelled_grid(images, names)
    return image_grid(images, columns=len(images) // rows)


class FixedGrid:
    """Draws the same noise again and again as training goes on."""

    def __init__(
        self,
        sampler: Sampler,
        path_of: Callable[[int], Path],
        *,
        seed: int,
        classes: Sequence[int],
        class_names: Sequence[str],
    ):
        """Fixes the noise; see `grid_inputs`.

        Args:
          sampler: Of the game.
          path_of: From a step to the PNG of its grid.
          seed: Of the noise.
          classes: A row each, for a conditional sampler.
          class_names: Of all classes.
        """
        self._sampler, self._path_of = sampler, path_of
        self._draw = make_compiled_draw(sampler)
        self._names = [class_names[label] for label in classes] if sampler.num_classes else []
        self._latents, self._labels, self._rows = grid_inputs(sampler, seed=seed, classes=classes)

    def save(self, state: GanState) -> np.ndarray:
        """Draws the grid of a state, writes its PNG, and returns it, uint8 [H, W, C]."""
        params = sampling_params(state)
        images = draw_batches(
            self._draw,
            {name: params[name] for name in self._sampler.networks},
            {name: state.variables[name] for name in self._sampler.networks},
            self._latents,
            self._labels,
            len(self._latents),
        )
        grid = make_grid(images, rows=self._rows, names=self._names)
        save_png(self._path_of(int(state.step)), grid)
        return grid


def save_images(folder: str | Path, images: np.ndarray, labels: np.ndarray | None) -> None:
    """Writes PNGs `00000.png`, ... to a new folder; `00000_label3.png` where there are labels.

    The folder appears whole or not at all.

    Raises:
      FileExistsError: If the folder is there already and not empty.
      OSError: If it cannot be written; nothing is left then.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists and is not an empty folder: give a new --output")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        whole = Path(temporary) / "images"
        whole.mkdir()
        for i, image in enumerate(images):
            label = "" if labels is None else f"_label{labels[i]}"
            save_png(whole / f"{i:05d}{label}.png", image)
        os.replace(whole, folder)


def save_npz(path: str | Path, images: np.ndarray, labels: np.ndarray | None) -> None:
    """Writes `images` uint8 [N, H, W, C], and `labels` int32 [N] where there are any.

    Raises:
      FileExistsError: If the file is there already.
      OSError: If it cannot be written; nothing is left then.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists: give a new --output")
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"images": images} if labels is None else {"images": images, "labels": labels}
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
