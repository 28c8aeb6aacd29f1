"""What needs a checkpoint: samples, interpolations, sweeps and neighbors of every sampler."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

from gan_jax import metrics
from gan_jax.checkpoint import CheckpointError
from gan_jax.data import Streams
from gan_jax.modes.report import exhibits, neighbor_section, neighbors, samples
from gan_jax.modes.report.gathering import Run
from gan_jax.modes.report.markup import note
from gan_jax.modes.report.page import Page
from gan_jax.modes.report.source import Source, make_source, reads_data
from gan_jax.runs import restored, setup, workdir

_UNREADABLE = (CheckpointError, ValueError, OSError)
_NOT_AVAILABLE = (ValueError, OSError, ImportError)


@dataclasses.dataclass(frozen=True)
class Options:
    """What generated images depend on but for the run; see `report_run.report`."""

    extractor: str
    weights: str | Path | None
    neighbor_images: int | None
    step: int | None
    ema: bool
    seed: int
    trusted: bool = False


@dataclasses.dataclass(frozen=True)
class _Part:
    """What the sections of one sampler are made of.

    Attributes:
      found: The sampler and its weights.
      streams: The training data, or None.
      reason: Why there is none, as a part of a sentence; empty where there is.
      of: What is added to headings, as ": NAME"; empty for the first sampler.
      several: Whether the game has several samplers.
      options: What was asked for.
    """

    found: restored.Restored
    streams: Streams | None
    reason: str
    of: str
    several: bool
    options: Options


def add(page: Page, run: Run, options: Options) -> None:
    """Adds the sections of every sampler of the run's game.

    Raises:
      CheckpointError: If a step is asked for and there is no such checkpoint.
      ValueError: If a step is asked for and the config is not of this version, or if weights of
        the extractor are given and do not fit.
      OSError: If these weights cannot be read.
    """
    try:
        first, best = _restore_first(run, options)
    except _UNREADABLE as error:
        if options.step is not None:
            raise
        reason = _line(error, run.path)
        text = f"Left out, as is all that is generated: no checkpoint can be read ({reason})."
        page.section("Samples", note(text))
        return
    config = setup.reader_config(first.config, trusted=options.trusted)
    first = dataclasses.replace(first, config=config)
    streams, reason = _load_streams(first, download=options.trusted)
    experiment = setup.experiment_of(first.config, first.info.specs, parallel="jit")
    names = tuple(experiment.phases[0].gan.samplers)
    for name in names:
        found, of = first, ""
        if name != first.name:
            of = f": {name}"
            try:
                found = restored.load(
                    run.path, step=first.step, ema=options.ema, best=best, sampler=name
                )
                found = dataclasses.replace(found, config=config)
            except _UNREADABLE as error:
                why = f"Left out: it cannot be restored ({_line(error, run.path)})."
                page.section(f"Samples{of}", note(why))
                continue
        _add_sampler(page, _Part(found, streams, reason, of, len(names) > 1, options))


def _restore_first(run: Run, options: Options) -> tuple[restored.Restored, bool]:
    """The game's first sampler, and whether it is of the best checkpoint."""
    if options.step is None and workdir.Workdir(run.path).best.is_dir():
        with contextlib.suppress(CheckpointError):
            return restored.load(run.path, ema=options.ema, best=True), True
    return restored.load(run.path, step=options.step, ema=options.ema), False


def _load_streams(found: restored.Restored, *, download: bool) -> tuple[Streams | None, str]:
    """The training data, or why it cannot be used, as a part of a sentence."""
    try:
        streams = setup.load_streams(found.config, download=download)
    except _NOT_AVAILABLE as error:
        return None, f"the data set is not available ({_line(error, found.where.path)})"
    known = {name: stream["identity"] for name, stream in found.info.streams.items()}
    if known != {name: dataset.identity for name, dataset in streams.items()}:
        return None, "the data set is another than in training"
    return streams, ""


def _add_sampler(page: Page, part: _Part) -> None:
    found, of = part.found, part.of
    if reads_data(found) and part.streams is None:
        why = "Left out, as is all that is generated: the sampler reads rows of the data, and "
        page.section(f"Samples{of}", note(f"{why}{part.reason}."))
        return
    source = make_source(found, part.streams, seed=part.options.seed)
    exhibits.samples(
        page,
        samples.samples(source),
        of=of,
        checkpoint=_checkpoint(part),
        why=f"Left out: real images, as {part.reason}." if part.reason else "",
    )
    paths = samples.interpolations(source)
    if paths is None:
        names = ", ".join(found.sampler.inputs)
        why = "Left out: no input of the sampler is a vector of normal noise; its inputs are "
        page.section(f"Interpolations{of}", note(f"{why}{names}."))
    else:
        exhibits.interpolations(page, paths, of=of)
    if found_sweeps := samples.sweeps(source):
        exhibits.sweeps(page, found_sweeps, of=of)
    _add_neighbors(page, part, source)


def _add_neighbors(page: Page, part: _Part, source: Source) -> None:
    heading, options = f"{neighbor_section.HEADING}{part.of}", part.options
    reason, targets = part.reason, source.targets
    if options.neighbor_images == 0:
        reason = "no search was asked for"
    elif targets is not None and len(targets) < 2:
        reason = "the data set has a single image"
    if reason or targets is None:
        page.section(heading, note(f"Left out: {reason}."))
        return
    try:
        extractor = metrics.make_extractor(options.extractor, weights=options.weights)
    except _NOT_AVAILABLE as error:
        if options.weights is not None:
            raise
        why = _line(error, part.found.where.path)
        page.section(heading, note(f"Left out: no extractor to compare with ({why})."))
        return
    images, names = samples.queries(source, neighbors.QUERIES)
    found = neighbors.find(
        images,
        names,
        targets,
        extractor,
        array=part.found.sampler.target,
        count=options.neighbor_images,
        cache_dir=part.found.config.data.cache_dir or None,
    )
    neighbor_section.add(page, found, of=part.of, transforms=reads_data(part.found))


def _checkpoint(part: _Part) -> str:
    found = part.found
    by = f"the sampler {found.name} of " if part.several else ""
    weights = "averaged weights" if found.averaged else "raw weights"
    return (
        f"Generated by {by}the checkpoint of step {found.step:,}, {weights}, seed "
        f"{part.options.seed}."
    )


def _line(error: BaseException, path: Path) -> str:
    """An error as a part of a sentence, without where on this machine the run lies."""
    text = " ".join(str(error).split()).rstrip(".")
    return text.replace(f"{path.resolve().parent}/", "").replace(f"{path.parent}/", "")
