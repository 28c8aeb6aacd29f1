"""Scores of checkpoints, or of images on disk, against a data set."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax import evaluation, fakes, image_files, restored, results, run_setup, telemetry, workdir
from gan_jax.checkpoint import Checkpointer
from gan_jax.metrics import make_extractor
from gan_jax.reference import Reference, make_reference


def evaluate_run(
    path: str | Path | None,
    *,
    config: ConfigDict | None = None,
    images: str | Path | None = None,
    checkpoints: str = "",
    split: str = "",
    extractor: str = "inception",
    weights: str | Path | None = None,
    names: Sequence[str] = evaluation.METRICS,
    num_images: int | None = None,
    num_real: int = 0,
    truncation: float = 0.0,
    ema: bool = True,
    seed: int = 0,
    batch_size: int = 64,
    json_path: str | Path | None = None,
) -> list[dict[str, Any]]:
    """Scores checkpoints of a run, or images, and prints a line for each.

    Args:
      path: The workdir of the run; results are kept in its folder `evaluations`. None with `images`
        and `config`.
      config: Whose data to compare with; None for the run's own.
      images: A folder of images or an `.npz` to score instead of checkpoints.
      checkpoints: "" for the newest, "all", "best", steps ("100,200") or a range ("100:2000", both
        ends included).
      split: Of the data; empty for the config's.
      extractor: A name of `gan_jax.metrics.EXTRACTORS`.
      weights: Its file of weights; None for where it looks.
      names: Metrics, of `evaluation.METRICS`.
      num_images: Generated images, 50,000 by default; of `images` the first so many, or all.
      num_real: Real images, 0 for all.
      truncation: Bound on the latents' entries; 0 for none.
      ema: Averaged weights, where the run has them.
      seed: Of latents and labels.
      batch_size: Images at a time over all devices.
      json_path: Where to write a list of the results besides.

    Returns:
      Each result: step, checkpoint, scores, protocol, line, environment, seconds,
      images_per_second (of drawing, looking and scoring).

    Raises:
      ValueError: If an option does not fit, a name is unknown, or images are of the wrong kind.
      CheckpointError: If a checkpoint cannot be read.
      OSError: If data or weights cannot be had, or a result cannot be written.
    """
    names = evaluation.check_metrics(names)
    _check(path, config, images, checkpoints, num_images, batch_size)
    if json_path is not None and Path(json_path).exists():
        raise FileExistsError(f"{json_path} exists: give a new --json")
    where = None if path is None else workdir.Workdir(Path(path))
    config = config or workdir.load(path)[0]
    files = None if images is None else image_files.open_images(images)
    steps = [] if images is not None else _steps(where, checkpoints)
    seen_by = make_extractor(extractor, weights=weights)
    dataset = run_setup.load_data(config, split=split)
    reference = make_reference(
        seen_by,
        dataset,
        count=num_real,
        keep_features=evaluation.needs_features(names),
        cache_dir=config.data.cache_dir or None,
        batch_size=batch_size,
    )
    evaluator = evaluation.Evaluator(seen_by, reference, names, batch_size=batch_size)
    found = []
    if files is not None:
        found.append(_score_images(evaluator, files, str(images), num_images))
    for step in steps:
        run = restored.load(path, step=step, ema=ema, best=checkpoints == "best")
        result = _score_run(evaluator, run, num_images or 50_000, seed=seed, truncation=truncation)
        results.keep_result(where.evaluations, result)
        found.append(result)
    if json_path is not None:
        telemetry.write_json_atomically(Path(json_path), found)
    return found


def _check(path, config, images, checkpoints, num_images, batch_size) -> None:
    if path is None and images is None:
        raise ValueError("give a --workdir to evaluate, or --images with --config")
    if path is None and config is None:
        raise ValueError("--images needs --config=configs/X.py, whose data it is compared with")
    if images is not None and checkpoints:
        raise ValueError("--images and --checkpoints are two things to evaluate: give one of them")
    for name, value in (("--num_images", num_images), ("--batch_size", batch_size)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be positive, not {value}")


def _steps(where: workdir.Workdir, asked: str) -> list[int | None]:
    """The checkpoints that are asked for; None stands for the newest that can be read."""
    with Checkpointer(where.best if asked == "best" else where.checkpoints) as checkpointer:
        there = checkpointer.all_steps()
    if not there or asked in ("", "best"):
        return [None]
    if asked == "all":
        return list(there)
    if match := re.fullmatch(r"(\d*):(\d*)", asked):
        first, last = int(match[1] or 0), int(match[2] or there[-1])
        chosen = [step for step in there if first <= step <= last]
        if not chosen:
            raise ValueError(f"no checkpoint in {asked}: there are {', '.join(map(str, there))}")
        return chosen
    if not re.fullmatch(r"\d+(,\d+)*", asked):
        raise ValueError(
            f"--checkpoints={asked}: give all, best, steps as in 100,200, or a range as in 100:2000"
        )
    chosen = sorted({int(step) for step in asked.split(",")})
    if missing := [step for step in chosen if step not in there]:
        raise ValueError(
            f"there is no checkpoint of step {missing[0]} in {where.checkpoints}; "
            f"there are: {', '.join(map(str, there))}"
        )
    return chosen


def label_frequencies(run: restored.Restored, reference: Reference) -> np.ndarray:
    """How often each label is drawn: as in the reference, if that is the run's kind of data.

    Raises:
      ValueError: If the reference's classes are not the run's.
    """
    classes = run.sampler.num_classes
    if classes and len(reference.label_frequencies) != classes:
        raise ValueError(
            f"the generator of {run.where.path} knows {classes} classes, "
            f"{reference.protocol['data']} has {len(reference.label_frequencies)}: "
            "compare it with the data that it was trained on"
        )
    return reference.label_frequencies


def _score_run(evaluator, run: restored.Restored, count: int, *, seed: int, truncation: float):
    reference, sampler = evaluator.reference, run.sampler
    frequencies = label_frequencies(run, reference)
    draw = fakes.make_fakes(
        sampler, seed=seed, truncation=truncation, batch_size=evaluator.batch_size
    )
    protocol = evaluation.run_protocol(
        reference,
        sampler,
        evaluator.names,
        family=run.config.family,
        image_shape=run.info["image_shape"],
        count=count,
        seed=seed,
        truncation=truncation,
        averaged=run.averaged,
    )
    images = draw(run.params, run.variables, count, frequencies)
    return _result(evaluator, images, count, {**protocol, "step": run.step}, step=run.step)


def _score_images(evaluator, found: image_files.ImageFiles, source: str, limit: int | None):
    count = min(found.count, limit or found.count)
    if limit and limit > found.count:
        raise ValueError(f"--num_images={limit}: {source} holds {found.count} images")
    reference = evaluator.reference
    protocol = {
        **reference.protocol,
        "fake_count": count,
        "source": Path(source).name,
        "pixels": "uint8",
        **evaluation.metrics_protocol(evaluator.names, reference.moments.count, count),
    }
    batches = _first(found.batches(evaluator.batch_size), count)
    return _result(evaluator, batches, count, protocol, step=None)


def _first(batches, count: int):
    for batch in batches:
        if count <= 0:
            return
        yield batch[:count]
        count -= len(batch)


def _result(evaluator, images, count: int, protocol: dict[str, Any], *, step: int | None):
    start = time.perf_counter()
    title = "images" if step is None else f"step {step}"
    scores = evaluator.score(images, count, title=title)
    result = results.make_result(
        scores, protocol, step=step, count=count, seconds=time.perf_counter() - start
    )
    telemetry.say(result["line"])
    return result
