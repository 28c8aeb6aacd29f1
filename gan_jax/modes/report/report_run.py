"""`--mode=report`: one page of a run, or of several beside one another."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_jax import metrics, sampling, telemetry
from gan_jax.checkpoint import CheckpointError
from gan_jax.data import ImageDataset
from gan_jax.files import write_bytes_atomically
from gan_jax.modes.report import (
    comparison,
    exhibits,
    gathering,
    neighbors,
    samples,
    sections,
    settings,
)
from gan_jax.modes.report.charts import plotly_javascript
from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.page import GENERATOR, Page
from gan_jax.modes.report.scores import series_of
from gan_jax.modes.report.sections import note
from gan_jax.runs import restored, workdir
from gan_jax.runs import setup as run_setup

_LEFT_OUT = "Left out: "


@dataclasses.dataclass(frozen=True)
class _Options:
    extractor: str
    weights: str | Path | None
    neighbor_images: int | None
    step: int | None
    ema: bool
    seed: int


def report(
    workdirs: Sequence[str | Path],
    *,
    output: str | Path | None = None,
    extractor: str = "efficientnet_lite0",
    weights: str | Path | None = None,
    neighbor_images: int | None = None,
    step: int | None = None,
    ema: bool = True,
    seed: int = 0,
) -> str:
    """Writes a self-contained page about a run, or one that compares several.

    Sections whose files are missing are left out, with a sentence that says why. The same folders
    give the same page.

    Args:
      workdirs: Of one run, or of several to compare; a comparison draws no new samples.
      output: The `.html` to write; by default `report.html` in the folder of the one run, or
        `comparison.html` in the current folder.
      extractor: A name of `gan_jax.metrics.EXTRACTORS`, whose features nearest neighbours are
        searched in.
      weights: Its file of weights; None for where it looks.
      neighbor_images: Training images to search, evenly over the set; 0 for no search; None for
        all, or up to 5,000 on a CPU.
      step: The checkpoint that draws; None for the best where the run keeps one, else the newest.
      ema: Averaged weights, where the run has them.
      seed: Of latents and of the choice of real images.

    Returns:
      A line that says what was written where.

    Raises:
      WorkdirError: If a folder holds no run.
      CheckpointError: If `step` is given and there is no such checkpoint.
      ValueError: If an option does not fit, or plotly is missing.
      OSError: If the output is another file than a report, or cannot be written.
    """
    options = _Options(extractor, weights, neighbor_images, step, ema, seed)
    _check(options)
    plotly_javascript()
    runs = gathering.gather_all(workdirs)
    output = _output(output, runs)
    here = telemetry.environment()
    if len(runs) == 1:
        what = f"{runs[0].title}, {runs[0].steps:,} steps"
        page = Page(what, f"Run {runs[0].name}")
        _one(page, runs[0], options, here)
    else:
        what = f"{len(runs)} runs"
        page = Page(f"Comparison of {what}", ", ".join(run.name for run in runs))
        comparison.build(page, runs, here)
    text = page.render().encode("utf-8")
    write_bytes_atomically(output, text)
    return f"report of {what}: {output} ({len(text) / 1e6:.1f} MB)"


def _check(options: _Options) -> None:
    if options.neighbor_images is not None and (
        options.neighbor_images < 0 or options.neighbor_images == 1
    ):
        raise ValueError(
            f"--neighbor_images={options.neighbor_images}: give at least 2, or 0 for no search"
        )
    if not 0 <= options.seed < 2**32:
        raise ValueError(f"the seed must be in 0..2**32 - 1, not {options.seed}")
    metrics.check_name("extractor", options.extractor, metrics.EXTRACTORS)


def _output(output: str | Path | None, runs: Sequence[Run]) -> Path:
    if output is None:
        output = runs[0].path / "report.html" if len(runs) == 1 else "comparison.html"
    output = Path(output)
    if output.suffix not in (".html", ".htm"):
        raise ValueError(f"--output={output}: a report is a .html")
    if output.exists() and not _is_report(output):
        raise FileExistsError(f"{output} exists and is no report: give a new --output")
    return output


def _is_report(path: Path) -> bool:
    """Whether this is an older report, which a new one may take the place of."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return f'name="generator" content="{GENERATOR}"'.encode() in file.read(4096)


def _one(page: Page, run: Run, options: _Options, here: dict[str, Any]) -> None:
    series = series_of(run)
    sections.summary(page, run, series)
    sections.curves(page, run)
    sections.scores(page, run, series)
    exhibits.grids(page, run)
    _drawn(page, run, options)
    settings.add(page, run, here)


def _drawn(page: Page, run: Run, options: _Options) -> None:
    """What needs a checkpoint."""
    try:
        found = _restore(run, options)
    except (CheckpointError, ValueError, OSError) as error:
        if options.step is not None:
            raise
        page.section(
            "Samples",
            note(
                "Left out, as are interpolations and nearest neighbours: no checkpoint can be "
                f"read ({_line(error, run.path)})."
            ),
        )
        return
    draw = found.draw()
    dataset, why = _load_data(found)
    rows = samples.rows(found, draw, dataset, seed=options.seed)
    hidden = 0
    if found.sampler.num_classes:
        hidden = len(found.info["present_classes"]) - len(rows)
    exhibits.samples(page, rows, checkpoint=_checkpoint(found, options), hidden=hidden, why=why)
    exhibits.interpolations(page, samples.paths(found, draw, seed=options.seed))
    _neighbors(page, found, draw, dataset, why, options)


def _restore(run: Run, options: _Options) -> restored.Restored:
    """The checkpoint that draws; raises as `restored.load` if there is none."""
    if options.step is None and workdir.Workdir(run.path).best.is_dir():
        with contextlib.suppress(CheckpointError):
            return restored.load(run.path, ema=options.ema, best=True)
    return restored.load(run.path, step=options.step, ema=options.ema)


def _checkpoint(found: restored.Restored, options: _Options) -> str:
    weights = "averaged weights" if found.averaged else "raw weights"
    return f"Drawn by the checkpoint of step {found.step:,}, {weights}, seed {options.seed}."


def _load_data(found: restored.Restored) -> tuple[ImageDataset | None, str]:
    """The training set, or why it is not to be had."""
    try:
        dataset = run_setup.load_data(found.config)
    except (ValueError, OSError, ImportError) as error:
        why = _line(error, found.where.path)
        return None, f"{_LEFT_OUT}real pictures, as the data set is not to be had ({why})."
    known = found.info
    if len(dataset) != known["size"] or list(dataset.images.shape[1:]) != known["image_shape"]:
        return None, f"{_LEFT_OUT}real pictures, as the data set is another than in training."
    return dataset, ""


def _neighbors(
    page: Page,
    found: restored.Restored,
    draw: sampling.Draw,
    dataset: ImageDataset | None,
    why: str,
    options: _Options,
) -> None:
    heading = "Nearest neighbours in the training set"
    if options.neighbor_images == 0 or dataset is None or len(dataset) < 2:
        reason = why or "Left out: no search was asked for."
        page.section(heading, note(reason))
        return
    try:
        extractor = metrics.make_extractor(options.extractor, weights=options.weights)
    except (ValueError, OSError, ImportError) as error:
        if options.weights is not None:
            raise
        why = _line(error, found.where.path)
        page.section(heading, note(f"{_LEFT_OUT}no extractor to compare with ({why})."))
        return
    images, names = samples.many(found, draw, neighbors.QUERIES, seed=options.seed)
    exhibits.neighbors(
        page,
        neighbors.find(
            images,
            names,
            dataset,
            extractor,
            count=options.neighbor_images,
            cache_dir=found.config.data.cache_dir or None,
        ),
    )


def _line(error: BaseException, path: Path) -> str:
    """An error as a part of a sentence, without where on this machine the run lies."""
    text = " ".join(str(error).split()).rstrip(".")
    return text.replace(f"{path.resolve().parent}/", "").replace(f"{path.parent}/", "")
