"""Samples of a trained run, from its folder alone: no data set is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax import sampling
from gan_jax.data.dataset import class_labels
from gan_jax.images import save_png
from gan_jax.runs import restored


def sample_run(
    path: str | Path,
    *,
    output: str | Path | None = None,
    num_images: int | None = None,
    step: int | None = None,
    best: bool = False,
    classes: Sequence[str | int] = (),
    columns: int = 10,
    interpolate: bool = False,
    truncation: float = 0.0,
    ema: bool = True,
    seed: int = 0,
) -> str:
    """Draws samples from a checkpoint of a run.

    Args:
      path: The workdir of the run.
      output: A `.png` for a grid, a `.npz`, or a new folder of PNGs. None: a grid in the run's
        `samples` folder.
      num_images: For a folder or `.npz`: how many, 64 by default, dealt evenly over the classes.
      step: The checkpoint; None for the newest that can be read.
      best: From the checkpoint of the best score, where the run keeps one.
      classes: Names or labels, of all the data's classes; empty for those trained on.
      columns: Pictures in a row of a grid, or of an interpolation.
      interpolate: Each row of a grid goes from one latent to another.
      truncation: Bound on the latents' entries; 0 for none.
      ema: Averaged weights, where the run has them.
      seed: Of the noise.

    Returns:
      A line that says what was written where.

    Raises:
      ValueError: If an option does not fit the run.
      CheckpointError: If no checkpoint can be read.
      OSError: If the output exists already or cannot be written.
    """
    _check_options(output, num_images, columns, interpolate)
    run = restored.load(path, step=step, ema=ema, best=best)
    sampler, draw = run.sampler, run.draw()
    labels = _labels(classes, run.info, sampler.num_classes, run.config.data.name)
    if output is None:
        chosen = labels if classes else ()
        raw = run.config.ema_decay > 0.0 and not ema
        suffix = _suffix(chosen, interpolate, truncation, raw=raw)
        output = run.where.samples / f"grid_{run.step:08d}_seed{seed}{suffix}.png"
    output = Path(output)
    if output.suffix == ".png":
        rows = _grid(
            sampler,
            draw,
            output,
            labels,
            run.info["class_names"],
            columns,
            interpolate,
            truncation,
            seed,
        )
        what = f"a grid of {rows} rows of {columns}"
    else:
        count = 64 if num_images is None else num_images
        key = jax.random.key(seed)
        latents = sampling.draw_latents(key, count, sampler.latent_dim, truncation=truncation)
        chosen = np.resize(np.asarray(labels, np.int32), count) if sampler.num_classes else None
        save = sampling.save_npz if output.suffix == ".npz" else sampling.save_images
        save(output, draw(latents, chosen), chosen)
        what = f"{count} images"
    weights = "averaged" if run.averaged else "raw"
    return f"{what} from step {run.step} ({weights} weights, seed {seed}): {output}"


def _check_options(output, num_images, columns: int, interpolate: bool) -> None:
    grid = output is None or str(output).endswith(".png")
    if output is not None and Path(output).is_file():
        raise FileExistsError(f"{output} exists: give a new --output")
    if output is not None and not grid and Path(output).suffix not in ("", ".npz"):
        raise ValueError(f"--output={output}: give a .png, a .npz, or a folder")
    if num_images is not None and grid:
        raise ValueError("--num_images belongs to a folder or .npz: give one as --output")
    if num_images is not None and num_images < 1:
        raise ValueError(f"--num_images must be at least 1, not {num_images}")
    if interpolate and not grid:
        raise ValueError("--interpolate draws a grid: give a .png as --output, or none")
    if columns < (2 if interpolate else 1):
        raise ValueError(f"--columns={columns} is too few")


def _labels(classes, info: dict[str, Any], num_classes: int, name: str) -> tuple[int, ...]:
    if not classes:
        return tuple(info["present_classes"]) if num_classes else ()
    if not num_classes:
        raise ValueError("--classes: this run is unconditional, train a cgan or cwgan_gp to choose")
    return class_labels(list(classes), info["class_names"], name=name)


def _suffix(classes, interpolate: bool, truncation: float, *, raw: bool) -> str:
    """What sets a grid apart from the default one, that neither takes the other's place."""
    parts = []
    if classes:
        labels = "-".join(map(str, classes))
        # A file's name has an end: of a hundred classes their number must do.
        parts.append(f"classes{labels}" if len(labels) <= 100 else f"{len(classes)}classes")
    if interpolate:
        parts.append("interpolation")
    if truncation:
        parts.append(f"psi{truncation:g}")
    if raw:
        parts.append("raw")
    return "".join(f"_{part}" for part in parts)


def _grid(sampler, draw, output, labels, names, columns, interpolate, truncation, seed) -> int:
    latents, repeated, rows = sampling.grid_inputs(
        sampler, seed=seed, classes=labels, columns=columns, truncation=truncation
    )
    if interpolate:
        start, stop = sampling.draw_latents(
            jax.random.key(seed), 2 * rows, sampler.latent_dim, truncation=truncation
        ).reshape(2, rows, -1)
        latents = sampling.interpolate_latents(start, stop, columns)
        latents = latents.reshape(rows * columns, sampler.latent_dim)
    images = draw(latents, repeated)
    row_names = [names[label] for label in labels]
    grid = sampling.make_grid(images, rows=rows, names=row_names)
    output.parent.mkdir(parents=True, exist_ok=True)
    save_png(output, grid)
    return rows
