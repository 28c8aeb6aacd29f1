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
    streams, reason = _load_streams(first)
    experiment = setup.experiment_of(first.config, first.info.specs, parallel="jit")
    for name in experiment.phases[0].gan.samplers:
        found, of = first, ""
        if name != first.name:
            of = f": {name}"
            try:
                found = restored.load(
                    run.path, step=first.step, ema=options.ema, best=best, sampler=name
                )
            except _UNREADABLE as error:
                why = f"Left out: it cannot be restored ({_line(error, run.path)})."
                page.section(f"Samples{of}", note(why))
                continue
        _add_sampler(page, found, streams, reason, of, options)


def _restore_first(run: Run, options: Options) -> tuple[restored.Restored, bool]:
    """The game's first sampler, and whether it is of the best checkpoint."""
    if options.step is None and workdir.Workdir(run.path).best.is_dir():
        with contextlib.suppress(CheckpointError):
            return restored.load(run.path, ema=options.ema, best=True), True
    return restored.load(run.path, step=options.step, ema=options.ema), False


def _load_streams(found: restored.Restored) -> tuple[Streams | None, str]:
    """The training data, or why it cannot be used, as a part of a sentence."""
    try:
        streams = setup.load_streams(found.config)
    except _NOT_AVAILABLE as error:
        return None, f"the data set is not available ({_line(error, found.where.path)})"
    known = {name: stream["identity"] for name, stream in found.info.streams.items()}
    if known != {name: dataset.identity for name, dataset in streams.items()}:
        return None, "the data set is another than in training"
    return streams, ""


def _add_sampler(
    page: Page,
    found: restored.Restored,
    streams: Streams | None,
    reason: str,
    of: str,
    options: Options,
) -> None:
    transforms = reads_data(found)
    if transforms and streams is None:
        why = "Left out, as is all that is generated: the sampler reads rows of the data, and "
        page.section(f"Samples{of}", note(f"{why}{reason}."))
        return
    source = make_source(found, streams, seed=options.seed)
    exhibits.samples(
        page,
        samples.samples(source),
        of=of,
        checkpoint=_checkpoint(found, options),
        why=f"Left out: real images, as {reason}." if reason else "",
    )
    paths = samples.interpolations(source)
    if paths is None:
        names = ", ".join(found.sampler.inputs)
        why = f"Left out: no input is a vector of normal noise; the inputs are {names}."
        page.section(f"Interpolations{of}", note(why))
    else:
        exhibits.interpolations(page, paths, of=of)
    if found_sweeps := samples.sweeps(source):
        exhibits.sweeps(page, found_sweeps, of=of)
    _add_neighbors(page, source, reason, of, options, transforms=transforms)


def _add_neighbors(
    page: Page,
    source: Source,
    reason: str,
    of: str,
    options: Options,
    *,
    transforms: bool,
) -> None:
    heading, targets = f"{neighbor_section.HEADING}{of}", source.targets
    if options.neighbor_images == 0:
        reason = "no search was asked for"
    elif targets is not None and len(targets) < 2:
        reason = "the data set has a single image"
    if reason:
        page.section(heading, note(f"Left out: {reason}."))
        return
    try:
        extractor = metrics.make_extractor(options.extractor, weights=options.weights)
    except _NOT_AVAILABLE as error:
        if options.weights is not None:
            raise
        why = _line(error, source.run.where.path)
        page.section(heading, note(f"Left out: no extractor to compare with ({why})."))
        return
    images, names = samples.queries(source, neighbors.QUERIES)
    found = neighbors.find(
        images,
        names,
        targets,
        extractor,
        array=source.run.sampler.target,
        count=options.neighbor_images,
        cache_dir=source.run.config.data.cache_dir or None,
    )
    neighbor_section.add(page, found, of=of, transforms=transforms)


def _checkpoint(found: restored.Restored, options: Options) -> str:
    weights = "averaged weights" if found.averaged else "raw weights"
    return f"Generated by the checkpoint of step {found.step:,}, {weights}, seed {options.seed}."


def _line(error: BaseException, path: Path) -> str:
    """An error as a part of a sentence, without where on this machine the run lies."""
    text = " ".join(str(error).split()).rstrip(".")
    return text.replace(f"{path.resolve().parent}/", "").replace(f"{path.parent}/", "")
