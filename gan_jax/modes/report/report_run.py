"""`--mode=report`: one page of a run, or of several next to one another."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_jax import metrics, telemetry
from gan_jax.files import write_bytes_atomically
from gan_jax.modes.report import (
    comparison,
    curves,
    gathering,
    generated,
    grids,
    sections,
    settings,
)
from gan_jax.modes.report.charts import plotly_javascript
from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.page import Page
from gan_jax.modes.report.scores import series_of
from gan_jax.names import check_name
from gan_jax.runs import outputs
from gan_jax.untrusted import printable


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
    trusted: bool = False,
) -> str:
    """Writes a self-contained page about a run, or one that compares several.

    Sections whose files are missing are left out, with a sentence that says why. The same folders
    give the same page.

    Args:
      workdirs: Of one run, or of several to compare; a comparison generates no images.
      output: The `.html` to write; by default `report.html` in the folder of the one run, or
        `comparison.html` in the current folder, and `report_2.html` and so on where another page
        has that name.
      extractor: A name of `gan_jax.metrics.EXTRACTORS`, in whose features nearest neighbors
        are searched.
      weights: Its file of weights; None for where it looks.
      neighbor_images: Training images to search, evenly over the set; 0 for no search; None for
        all, or up to 5,000 on a CPU.
      step: The checkpoint that generates; None for the best where the run keeps one, else the
        newest.
      ema: Averaged weights, where the run has them.
      seed: Seed of the inputs and of the choice of real images.
      trusted: Whether the run is the reader's own; see `runs.setup.reader_config`. Of another no
        data is downloaded.

    Returns:
      A line that says what was written where.

    Raises:
      WorkdirError: If a folder holds no run.
      CheckpointError: If `step` is given and there is no such checkpoint.
      ValueError: If an option does not fit, or plotly is missing.
      OSError: If the output exists, or cannot be written.
    """
    options = generated.Options(extractor, weights, neighbor_images, step, ema, seed, trusted)
    _check(options)
    plotly_javascript()
    runs = gathering.gather_all(workdirs)
    if output is not None:
        _check_output(Path(output))
    here = telemetry.environment()
    if len(runs) == 1:
        what = f"{runs[0].title}, {runs[0].steps:,} steps"
        page = Page(what, f"Run {runs[0].name}")
        _one(page, runs[0], options, here)
    else:
        what = f"{len(runs)} runs"
        page = Page(f"Comparison of {what}", ", ".join(run.name for run in runs))
        comparison.build(page, runs, here)
    # A lone surrogate in a file of the run cannot be written otherwise.
    text = page.render().encode("utf-8", "backslashreplace")
    stem = "comparison" if len(runs) > 1 else str(runs[0].path / "report")
    output = _free(stem, text) if output is None else Path(output)
    write_bytes_atomically(output, text)
    return f"report of {printable(what)}: {output} ({len(text) / 1e6:.1f} MB)"


def _check(options: generated.Options) -> None:
    if options.neighbor_images is not None and (
        options.neighbor_images < 0 or options.neighbor_images == 1
    ):
        raise ValueError(
            f"--neighbor_images={options.neighbor_images}: give at least 2, or 0 for no search"
        )
    if not 0 <= options.seed < 2**32:
        raise ValueError(f"the seed must be in 0..2**32 - 1, not {options.seed}")
    check_name("extractor", options.extractor, metrics.EXTRACTORS)
    if options.weights is not None and options.neighbor_images == 0:
        raise ValueError("--weights has no effect with --neighbor_images=0: leave it out")


def _check_output(output: Path) -> None:
    if output.suffix not in (".html", ".htm"):
        raise ValueError(f"--output={output}: a report is a .html")
    outputs.check_new("--output", output)


def _free(stem: str, text: bytes) -> Path:
    """The first of `stem.html`, `stem_2.html`, ... that is not there, or is this very page."""
    names = itertools.chain([f"{stem}.html"], (f"{stem}_{i}.html" for i in itertools.count(2)))
    paths = map(Path, names)
    return next(path for path in paths if not os.path.lexists(path) or _holds(path, text))


def _holds(path: Path, text: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(text) and path.read_bytes() == text


def _one(page: Page, run: Run, options: generated.Options, here: dict[str, Any]) -> None:
    series = series_of(run)
    # What a reader opens the page for comes first.
    grids.grids(page, run)
    sections.summary(page, run, series)
    generated.add(page, run, options)
    curves.curves(page, run)
    sections.scores(page, run, series)
    settings.add(page, run, here)
