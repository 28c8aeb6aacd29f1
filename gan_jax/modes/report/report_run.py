"""`--mode=report`: one page of a run, or of several next to one another."""

from __future__ import annotations

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
from gan_jax.modes.report.page import SIGNATURE, Page
from gan_jax.modes.report.scores import series_of
from gan_jax.names import check_name
from gan_jax.runs import outputs


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
      workdirs: Of one run, or of several to compare; a comparison generates no images.
      output: The `.html` to write; by default `report.html` in the folder of the one run, or
        `comparison.html` in the current folder.
      extractor: A name of `gan_jax.metrics.EXTRACTORS`, in whose features nearest neighbors
        are searched.
      weights: Its file of weights; None for where it looks.
      neighbor_images: Training images to search, evenly over the set; 0 for no search; None for
        all, or up to 5,000 on a CPU.
      step: The checkpoint that generates; None for the best where the run keeps one, else the
        newest.
      ema: Averaged weights, where the run has them.
      seed: Seed of the inputs and of the choice of real images.

    Returns:
      A line that says what was written where.

    Raises:
      WorkdirError: If a folder holds no run.
      CheckpointError: If `step` is given and there is no such checkpoint.
      ValueError: If an option does not fit, or plotly is missing.
      OSError: If the output is another file than a report, or cannot be written.
    """
    options = generated.Options(extractor, weights, neighbor_images, step, ema, seed)
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


def _output(output: str | Path | None, runs: Sequence[Run]) -> Path:
    if output is None:
        output = runs[0].path / "report.html" if len(runs) == 1 else "comparison.html"
    output = Path(output)
    if output.suffix not in (".html", ".htm"):
        raise ValueError(f"--output={output}: a report is a .html")
    outputs.check_parent("--output", output)
    if output.exists() and not _is_report(output):
        raise FileExistsError(f"{output} exists and is no report: give a new --output")
    return output


def _is_report(path: Path) -> bool:
    """Whether this is an older report, which a new one may take the place of."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return SIGNATURE.encode() in file.read(4096)


def _one(page: Page, run: Run, options: generated.Options, here: dict[str, Any]) -> None:
    series = series_of(run)
    sections.summary(page, run, series)
    curves.curves(page, run)
    sections.scores(page, run, series)
    grids.grids(page, run)
    generated.add(page, run, options)
    settings.add(page, run, here)
