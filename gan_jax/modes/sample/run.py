"""Samples of a trained run: a grid, or images by number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_jax import sampling
from gan_jax.core import Category
from gan_jax.images import save_png
from gan_jax.ranges import Range
from gan_jax.runs import memory, numbered, outputs, restored, workdir


def sample_run(
    path: str | Path,
    *,
    output: str | Path | None = None,
    num_images: int | None = None,
    step: int | None = None,
    best: bool = False,
    sampler: str | None = None,
    split: str = "",
    classes: Sequence[str | int] = (),
    columns: int | None = None,
    interpolate: bool = False,
    sweep: str | None = None,
    truncation: float | None = None,
    ema: bool = True,
    seed: int = 0,
    trusted: bool = False,
) -> str:
    """Generates samples from a checkpoint of a run.

    No data set is read, unless the sampler transforms its images.

    Args:
      path: The workdir of the run.
      output: A `.png` for a grid, a `.npz`, or a new folder of PNGs. None: a grid in the run's
        `samples` folder.
      num_images: For a folder or `.npz`: how many, 64 by default.
      step: The checkpoint; None for the newest that can be read.
      best: Whether to take the checkpoint of the best score, where the run keeps one.
      sampler: Its name; None for the game's first.
      split: Split of the data that the sampler transforms; empty for the one that was trained on.
      classes: Names or labels, of all the data's classes. Empty: in a grid those trained on, in a
        folder or `.npz` as often as in the data.
      columns: Images in a row of a grid, 10 by default.
      interpolate: Each row of a grid goes from one normal input to another.
      sweep: The name of an input that each row of a grid varies.
      truncation: The sampler's option of this name; None for none.
      ema: Averaged weights, where the run has them.
      seed: Seed of the inputs.
      trusted: Whether the run is the reader's own; see `runs.setup.reader_config`. Of another no
        data is downloaded.

    Returns:
      A line that says what was written where.

    Raises:
      ValueError: If an option does not fit the run.
      CheckpointError: If no checkpoint can be read.
      OSError: If the output exists already or cannot be written, or data is not available.
    """
    _check_options(output, num_images, columns, interpolate, sweep)
    run = restored.load(path, step=step, ema=ema, best=best, sampler=sampler)
    options = {} if truncation is None else {"truncation": truncation}
    generate = sampling.make_generate(run.sampler, options=options)
    chosen = numbered.chosen_labels(run, classes)
    inputs_of = numbered.with_labels(
        numbered.inputs_of(run, seed=seed, split=split, trusted=trusted), chosen
    )
    if output is None:
        workdir.check_inside(run.where, run.where.samples)
        suffix = _suffix(
            sampler, chosen, columns, interpolate, sweep, truncation, split=split, raw=not ema
        )
        output = run.where.samples / f"grid_{run.step:08d}_seed{seed}{suffix}.png"
    output = Path(output)
    if output.suffix == ".png":
        grid = _grid(run, inputs_of, chosen, columns, interpolate, sweep)
        save_png(output, sampling.grid_image(generate, run.weights, grid))
        rows = len(next(iter(grid.inputs.values()))) // grid.columns
        what = f"a grid of {rows} rows of {grid.columns}"
    else:
        count = 64 if num_images is None else num_images
        memory.check_files(output, count, run.info.specs[run.sampler.target].shape)
        save = sampling.save_npz if output.suffix == ".npz" else sampling.save_images
        save(output, _labeled(run, generate.numbered(run.weights, inputs_of, count)), count)
        what = f"{count} images"
    made_by = f"{sampler}, " if sampler else ""
    weights = "averaged" if run.averaged else "raw"
    return f"{what} from step {run.step} ({made_by}{weights} weights, seed {seed}): {output}"


def _check_options(
    output, num_images: int | None, columns: int | None, interpolate: bool, sweep: str | None
) -> None:
    grid = output is None or str(output).endswith(".png")
    if output is not None:
        _check_output(Path(output))
    if num_images is not None and grid:
        raise ValueError("--num_images belongs to a folder or .npz: give one as --output")
    if num_images is not None:
        Range(least=1).check("--num_images", num_images)
    if interpolate and sweep is not None:
        raise ValueError("--interpolate and --sweep are two kinds of grid: give one of them")
    for name, given in (
        ("interpolate", interpolate),
        ("sweep", sweep is not None),
        ("columns", columns is not None),
    ):
        if given and not grid:
            raise ValueError(f"--{name} is of a grid: give a .png as --output, or none")
    if columns is not None and columns < (2 if interpolate or sweep is not None else 1):
        raise ValueError(f"--columns={columns} is too few")


def _check_output(output: Path) -> None:
    if output.is_file():
        raise FileExistsError(f"{output} exists: give a new --output")
    if output.suffix not in ("", ".png", ".npz"):
        raise ValueError(f"--output={output}: give a .png, a .npz, or a folder")
    check = outputs.check_new if output.suffix else outputs.check_new_folder
    check("--output", output)


def _suffix(
    sampler: str | None,
    chosen: Mapping[str, Sequence[int]],
    columns: int | None,
    interpolate: bool,
    sweep: str | None,
    truncation: float | None,
    *,
    split: str,
    raw: bool,
) -> str:
    """What sets a grid apart from the default one, that neither takes the other's place."""
    parts = [sampler] if sampler else []
    for classes in chosen.values():
        labels = "-".join(map(str, classes))
        # A file's name has an end: of a hundred classes their number must do.
        parts.append(f"classes{labels}" if len(labels) <= 100 else f"{len(classes)}classes")
    if interpolate:
        parts.append("interpolation")
    if sweep is not None:
        parts.append(f"sweep-{sweep}")
    if truncation is not None:
        parts.append(f"psi{truncation:g}")
    if split:
        parts.append(re.sub(r"[^\w-]", "-", split)[:40])
    if raw:
        parts.append("raw")
    if columns is not None:
        parts.append(f"columns{columns}")
    return "".join(f"_{part}" for part in parts)


def _grid(
    run: restored.Restored,
    inputs_of: sampling.InputsOf,
    chosen: Mapping[str, Sequence[int]],
    columns: int | None,
    interpolate: bool,
    sweep: str | None,
) -> sampling.Grid:
    classes = run.info.classes
    for name, labels in chosen.items():
        category = run.sampler.inputs[name]
        assert isinstance(category, Category)
        assert category.labels is not None
        classes = classes._replace(shown={**classes.shown, category.labels: labels})
    size = sampling.COLUMNS if columns is None else columns
    if sweep is not None:
        of_values = isinstance(run.sampler.inputs.get(sweep), Category)
        if of_values and columns is not None:
            raise ValueError(f"--columns: the columns of this sweep are the values of '{sweep}'")
        return sampling.sweep_inputs(run.sampler, inputs_of, sweep, columns=size, classes=classes)
    # All classes that somebody asked for, however many.
    more: dict[str, Any] = {"max_rows": None} if chosen else {}
    if interpolate:
        return sampling.interpolation_inputs(
            run.sampler, inputs_of, rows=size, columns=size, classes=classes, **more
        )
    return sampling.grid_inputs(run.sampler, inputs_of, columns=size, classes=classes, **more)


def _labeled(
    run: restored.Restored, batches: Iterator[sampling.Generated]
) -> Iterator[sampling.Labeled]:
    categories = [n for n, one in run.sampler.inputs.items() if isinstance(one, Category)]
    for images, inputs in batches:
        yield sampling.Labeled(images, {name: inputs[name] for name in categories})
