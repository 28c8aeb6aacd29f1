"""Scores of checkpoints, or of images on disk, against a data set."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax import telemetry
from gan_jax.checkpoint import Checkpointer
from gan_jax.data import ImageDataset
from gan_jax.evaluation import evaluator as evaluation
from gan_jax.evaluation import protocols, results
from gan_jax.evaluation.reference import make_reference
from gan_jax.files import write_json_atomically
from gan_jax.images import reading as image_files
from gan_jax.metrics import make_extractor
from gan_jax.runs import restored, workdir
from gan_jax.runs import setup as run_setup
from gan_jax.sampling import fakes

DEFAULT_NUM_IMAGES = 50_000


def evaluate_run(
    path: str | Path | None,
    *,
    config: ConfigDict | None = None,
    images: str | Path | None = None,
    checkpoints: str = "",
    split: str = "",
    extractor: str = "inception",
    weights: str | Path | None = None,
    names: Sequence[str] = protocols.METRICS,
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
      path: The workdir of the run; what its checkpoints score is kept in its folder `evaluations`.
        None with `images` and `config`.
      config: Whose data to compare with; None for the run's own.
      images: A folder of images or an `.npz` to score instead of checkpoints.
      checkpoints: "" for the newest, "all", "best", steps ("100,200") or a range ("100:2000", both
        ends included).
      split: Of the data; empty for the config's.
      extractor: A name of `gan_jax.metrics.EXTRACTORS`.
      weights: Its file of weights; None for where it looks.
      names: Metrics, of `protocols.METRICS`.
      num_images: Generated images, 50,000 by default; of `images` so many chosen at random, or all.
      num_real: Real images, chosen at random; 0 for all.
      truncation: Bound on the latents' entries; 0 for none.
      ema: Averaged weights, where the run has them.
      seed: Of latents and labels.
      batch_size: Images at a time over all devices.
      json_path: Where to write a list of the results besides.

    Returns:
      Each result, as `results.make_result` describes it.

    Raises:
      ValueError: If an option does not fit, a name is unknown, or images are of the wrong kind.
      CheckpointError: If a checkpoint cannot be read.
      OSError: If data or weights cannot be had, or a result cannot be written.
    """
    names = protocols.check_metrics(names)
    _check(path, config, images, checkpoints, num_images, num_real, batch_size, truncation, seed)
    if json_path is not None and Path(json_path).exists():
        raise FileExistsError(f"{json_path} exists: give a new --json")
    # What is cheap to find wrong is found before any picture is looked at.
    files = None if images is None else image_files.open_images(images)
    steps = [] if files else _steps(workdir.Workdir(Path(path)), checkpoints)
    runs = [
        restored.load(path, step=step, ema=ema, best=checkpoints == "best") for step in steps[:1]
    ]
    config = config or workdir.load(path)[0]
    count = num_images or (files.count if files else DEFAULT_NUM_IMAGES)
    if files and count > files.count:
        raise ValueError(f"--num_images={count}: {images} holds {files.count} images")
    seen_by = make_extractor(extractor, weights=weights)
    dataset = run_setup.load_data(config, split=split)
    protocols.check_counts(names, num_real or len(dataset), count)
    _check_shape(files.shape if files else runs[0].info["image_shape"], dataset)
    for run in runs:
        _check_labels(run, dataset)
    reference = make_reference(
        seen_by,
        dataset,
        count=num_real,
        keep_features=protocols.needs_features(names),
        cache_dir=config.data.cache_dir or None,
        batch_size=batch_size,
    )
    if "fid" in names and min(count, reference.moments.count) <= seen_by.feature_dim:
        telemetry.say(
            f"warning: FID of no more images than features ({seen_by.feature_dim}) is mostly bias: "
            "compare it only with FIDs of the same counts"
        )
    evaluator = evaluation.Evaluator(seen_by, reference, names, batch_size=batch_size)
    if files:
        found = [_score_images(evaluator, files, str(images), count)]
    else:
        draw = fakes.make_fakes(
            runs[0].sampler, seed=seed, truncation=truncation, batch_size=evaluator.batch_size
        )
        found = []
        for step in steps:
            run = runs.pop() if runs else restored.load(path, step=step, ema=ema)
            result = _score_run(evaluator, run, draw, count, seed=seed, truncation=truncation)
            results.keep_result(run.where.evaluations, result)
            found.append(result)
    if json_path is not None:
        write_json_atomically(Path(json_path), found)
    return found


def _check(
    path, config, images, checkpoints, num_images, num_real, batch_size, truncation, seed
) -> None:
    if path is None and images is None:
        raise ValueError("give a --workdir to evaluate, or --images with --config")
    if path is None and config is None:
        raise ValueError("--images needs --config=configs/X.py, whose data it is compared with")
    if path is not None and config is not None and images is not None:
        raise ValueError("--images is compared with the data of --workdir or of --config: give one")
    if images is not None and checkpoints:
        raise ValueError("--images and --checkpoints are two things to evaluate: give one of them")
    for name, value in (("--num_images", num_images), ("--eval_batch_size", batch_size)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be positive, not {value}")
    if num_real < 0:
        raise ValueError(f"--num_real must be at least 0, which is all, not {num_real}")
    if truncation < 0.0:
        raise ValueError(f"--truncation must be positive, or 0 for none, not {truncation}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"--sample_seed must be in 0..2**32 - 1, not {seed}")


def _steps(where: workdir.Workdir, asked: str) -> list[int | None]:
    """The checkpoints that are asked for; None stands for the newest that can be read."""
    if asked in ("", "best"):
        return [None]
    with Checkpointer(where.checkpoints) as checkpointer:
        there = checkpointer.all_steps()
    if not there:
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


def _check_shape(shape: Sequence[int], dataset: ImageDataset) -> None:
    """Refuses images of another size than the real ones: the resize would be what is scored."""
    height, width = dataset.images.shape[1:3]
    if tuple(shape[:2]) != (height, width):
        raise ValueError(
            f"the images to evaluate are {shape[1]}x{shape[0]}, the real ones {width}x{height}: "
            f"compare with --config.data.image_size={shape[0]}"
        )


def _check_labels(run: restored.Restored, dataset: ImageDataset) -> None:
    """Refuses real images whose labels the generator does not know, or never saw."""
    if not run.sampler.num_classes:
        return
    if tuple(run.info["class_names"]) != tuple(dataset.class_names):
        raise ValueError(
            f"the generator of {run.where.path} knows the classes of {run.config.data.name}, not "
            f"those of {dataset.name}: compare it with the data that it was trained on"
        )
    if unseen := set(dataset.present_classes) - set(run.info["present_classes"]):
        names = ", ".join(dataset.class_names[label] for label in sorted(unseen))
        raise ValueError(
            f"the generator of {run.where.path} was not trained on {names}: leave them out with "
            "--config.data.classes, or leave --config away"
        )


def _score_run(evaluator, run: restored.Restored, draw, count: int, *, seed: int, truncation):
    reference = evaluator.reference
    protocol = protocols.run_protocol(
        reference,
        run.sampler,
        evaluator.names,
        family=run.config.family,
        image_shape=run.info["image_shape"],
        precision=run.config.precision,
        count=count,
        seed=seed,
        truncation=truncation,
        averaged=run.averaged,
    )
    protocol["step"] = run.step
    images = draw(run.params, run.variables, count, reference.label_frequencies)
    start = time.perf_counter()
    scores = evaluator.score(images, count, title=f"step {run.step}")
    return _result(scores, protocol, start, step=run.step)


def _score_images(evaluator, files: image_files.ImageFiles, source: str, count: int):
    reference = evaluator.reference
    # Files often come class by class; the splits of the Inception Score must not.
    order = np.random.default_rng(0).permutation(files.count)[:count]
    digest = hashlib.sha256()
    start = time.perf_counter()
    scores = evaluator.score(
        _hashed(files.batches(np.sort(order), evaluator.batch_size), digest),
        count,
        title="images",
        positions=np.argsort(np.argsort(order)),
    )
    protocol = {
        **reference.protocol,
        "fake_count": count,
        "fake_shape": list(files.shape),
        "pixels": "uint8",
        "source": Path(source).name,
        "source_count": files.count,
        "source_sha256": digest.hexdigest(),
        **protocols.metrics_protocol(evaluator.names, reference.moments.count, count),
    }
    return _result(scores, protocol, start, step=None)


def _hashed(batches: Iterable[np.ndarray], digest) -> Iterator[np.ndarray]:
    for batch in batches:
        digest.update(np.ascontiguousarray(batch))
        yield batch


def _result(scores, protocol: dict[str, Any], start: float, *, step: int | None) -> dict[str, Any]:
    seconds = time.perf_counter() - start
    result = results.make_result(
        scores, protocol, step=step, count=protocol["fake_count"], seconds=seconds
    )
    telemetry.say(result["line"])
    return result
