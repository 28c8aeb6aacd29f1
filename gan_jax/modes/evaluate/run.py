"""Scores of checkpoints, or of images on disk, against a data set."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import metrics, sampling, telemetry
from gan_jax.core import FromData
from gan_jax.data import Streams
from gan_jax.evaluation import features, parts, protocols, ready_features, results, samples
from gan_jax.evaluation.evaluator import Evaluator
from gan_jax.files import write_json_atomically
from gan_jax.images import reading as image_files
from gan_jax.modes.evaluate import checks, given
from gan_jax.modes.evaluate.finished import Finished
from gan_jax.runs import memory, outputs, restored, settings, setup, workdir

DEFAULT_NUM_IMAGES = 50_000


def evaluate_run(
    path: str | Path | None,
    *,
    config: ConfigDict | None = None,
    images: str | Path | None = None,
    ready: str | Path | None = None,
    checkpoints: str = "",
    sampler: str | None = None,
    split: str = "",
    extractor: str = "inception",
    weights: str | Path | None = None,
    names: Sequence[str] = protocols.METRICS,
    num_images: int | None = None,
    num_real: int = 0,
    truncation: float | None = None,
    ema: bool = True,
    seed: int = 0,
    batch_size: int = features.BATCH_SIZE,
    json_path: str | Path | None = None,
    trusted: bool = False,
) -> list[dict[str, Any]]:
    """Scores checkpoints of a run, or images, and prints a line for each.

    Args:
      path: The workdir of the run; what its checkpoints score is kept in its folder `evaluations`.
        None with `images` and `config`.
      config: The config whose data to compare with; None for the run's own.
      images: A folder of images or an `.npz` to score instead of checkpoints.
      ready: An `.npz` of their features instead; see `evaluation.ready_features.read_features`.
      checkpoints: "" for the newest, "all", "best", steps ("100,200") or a range ("100:2000", both
        ends included).
      sampler: Its name; None for the game's first. Images are compared with its target.
      split: The split of the data; empty for the config's.
      extractor: A name of `gan_jax.metrics.EXTRACTORS`.
      weights: Its file of weights; None for its usual place.
      names: Metrics, of `protocols.METRICS`.
      num_images: Generated images; 50,000 by default, or the rows of the data for a sampler that
        transforms them and draws nothing; of `images` so many chosen at random, or all.
      num_real: Real images, chosen at random; 0 for all.
      truncation: The sampler's option of this name; None for none.
      ema: Averaged weights, where the run has them.
      seed: Seed of the inputs.
      batch_size: Images at a time over all devices.
      json_path: The file for a list of the results as well.
      trusted: Whether the run is the reader's own; see `runs.setup.reader_config`. Of another no
        data is downloaded, but for that of a given `config`.

    Returns:
      Each result, as `results.make_result` describes it.

    Raises:
      ValueError: If an option does not fit, a name is unknown, or images are of the wrong kind.
      CheckpointError: If a checkpoint cannot be read.
      OSError: If data or weights are not available, or a result cannot be written.
    """
    names = protocols.check_metrics(names)
    checks.check_options(path, config, images, ready, checkpoints, num_images, num_real, batch_size)
    if json_path is not None:
        outputs.check_new("--json", json_path)
    if config is not None:
        settings.check(config)
    # What is cheap to find wrong is found before anything is computed.
    options = {} if truncation is None else {"truncation": truncation}

    def load(step: int | None) -> restored.Restored:
        return restored.load(
            _of_a_run(path), step=step, ema=ema, best=checkpoints == "best", sampler=sampler
        )

    finished = None
    files = None if images is None else image_files.open_images(images)
    extracted = None if ready is None else ready_features.read_features(ready)
    steps = (
        [] if files or extracted else checks.steps_of(workdir.Workdir(_of_a_run(path)), checkpoints)
    )
    first = load(steps[0]) if steps else None
    if first:
        workdir.check_inside(first.where, first.where.evaluations)
    trusted = trusted or config is not None
    config = config or _config_of(_of_a_run(path), trusted)
    if files and num_images and num_images > files.count:
        raise ValueError(f"--num_images={num_images}: {images} holds {files.count} images")
    extracts = metrics.make_extractor(extractor, weights=weights)
    streams = setup.load_streams(config, split=split, whole=True, download=trusted)
    count = num_images or (files.count if files else _default_count(first, streams))
    if extracted:
        count = len(extracted.features)
        names = given.metrics_of(names, extracted)
    target = first.sampler.target if first else checks.target_of(config, streams, sampler)
    dataset = samples.stream_of(streams, target)
    _check_memory(extracts, names, count, batch_size)
    if files:
        checks.check_shape(files.shape, dataset, target)
    if first:
        checks.check_shape(first.info.specs[target].shape, dataset, target)
        checks.check_labels(first, streams)
        checks.check_sampler(first, streams, options, seed)
    evaluator = samples.make_evaluator(
        extracts,
        streams,
        target,
        names,
        num_images=count,
        num_real=num_real,
        cache_dir=config.data.cache_dir or None,
        batch_size=batch_size,
    )
    if "fid" in names and min(count, num_real or len(dataset)) <= extracts.feature_dim:
        telemetry.say(
            f"warning: FID of no more images than features ({extracts.feature_dim}) is mostly "
            "bias: compare it only with FIDs of the same counts"
        )
    if files:
        start = time.perf_counter()
        scores, protocol = given.score_images(evaluator, files, str(images), count)
        found = [_result(scores, protocol, start, step=None)]
    elif extracted:
        start = time.perf_counter()
        scores, protocol = given.score_features(evaluator, extracted, str(ready))
        found = [_result(scores, protocol, start, step=None)]
    else:
        runs = (first if first and step == steps[0] else load(step) for step in steps)
        unfinished = parts.folder_of(config.data.cache_dir or None)
        made = {"count": count, "seed": seed, "options": options, "unfinished_dir": unfinished}
        finished = Finished(unfinished)
        found = list(_score_runs(evaluator, runs, streams, made, finished))
        if not found:
            raise ValueError("no checkpoint of these has images of the size of the real ones")
    if json_path is not None:
        write_json_atomically(Path(json_path), found)
    if finished:
        finished.remove()
    return found


def _config_of(path: Path, trusted: bool) -> ConfigDict:
    config = workdir.load(path)[0]
    setup.check_complete(config, path)
    return setup.reader_config(config, trusted=trusted)


def _check_memory(
    extracts: metrics.Extractor, names: Sequence[str], count: int, batch_size: int
) -> None:
    """Refuses more images at a time, or in all, than memory holds."""
    pixels = 4 * 3 * extracts.resolution**2 * batch_size // jax.local_device_count()
    memory.check({"a batch of images": pixels}, "--eval_batch_size")
    if protocols.needs_features(names):
        features = 4 * count * extracts.feature_dim
        memory.check({"the features": features}, "--num_images, or --metrics", device=False)


def _default_count(run: restored.Restored | None, streams: Streams) -> int:
    """As many images as rows where a sampler transforms rows and draws nothing, else 50,000."""
    inputs = run.sampler.inputs.values() if run else ()
    rows = [one.array for one in inputs if isinstance(one, FromData)]
    if len(rows) < len(inputs) or not rows:
        return DEFAULT_NUM_IMAGES
    return len(samples.stream_of(streams, rows[0]))


def _of_a_run(path: str | Path | None) -> Path:
    """The workdir, where the options need one: they have been checked."""
    assert path is not None
    return Path(path)


def _score_runs(
    evaluator: Evaluator,
    runs: Iterable[restored.Restored],
    streams: Streams,
    made: Mapping[str, Any],
    finished: Finished,
) -> Iterator[dict[str, Any]]:
    """The result of every checkpoint, kept in the run's folder as soon as it is there.

    A checkpoint of a phase whose images are smaller is passed over, as in training. One that an
    evaluation has scored which was interrupted is not scored again.
    """
    compiled: dict[int, sampling.Generate] = {}
    for run in runs:
        of_samples = samples.make_sample_evaluator(
            evaluator,
            run.sampler,
            run.weights,
            streams,
            family=run.config.family,
            sampler_name=run.name,
            precision=run.config.precision,
            averaged=run.averaged,
            frequencies=run.info.label_frequencies,
            **made,
        )
        shape, real = (of_samples.protocol[key] for key in ("fake_shape", "real_shape"))
        if shape[:2] != real[:2]:
            telemetry.say(
                f"step {run.step} is not scored: its images are {shape[1]}x{shape[0]}, the real "
                f"ones {real[1]}x{real[0]}"
            )
            continue
        # The sampler of a phase is compiled once for all its checkpoints.
        generate = compiled.setdefault(run.phase, of_samples.generate)
        of_samples = dataclasses.replace(of_samples, generate=generate)
        identity = {"step": run.step, **of_samples.identity(run.weights)}
        result = finished.read(identity)
        if result is not None:
            telemetry.say(result["line"])
        else:
            start = time.perf_counter()
            scores = of_samples(run.weights, title=f"step {run.step}")
            protocol = {**of_samples.protocol, "step": run.step}
            result = _result(scores, protocol, start, step=run.step)
            finished.keep(identity, result)
        results.keep_result(run.where.evaluations, result)
        yield result


def _result(scores, protocol: dict[str, Any], start: float, *, step: int | None) -> dict[str, Any]:
    seconds = time.perf_counter() - start
    result = results.make_result(
        scores, protocol, step=step, count=protocol["fake_count"], seconds=seconds
    )
    telemetry.say(result["line"])
    return result
