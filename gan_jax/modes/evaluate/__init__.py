"""Scores checkpoints of a run, or images on disk: FID, KID, precision, recall and more."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from ml_collections import ConfigDict

from gan_jax.ranges import SEED, Range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of `--mode=evaluate`."""

    workdir: Annotated[str | None, "The folder of the run."] = None
    config: Annotated[
        ConfigDict | None, "The experiment whose data to compare with; the run's by default."
    ] = None
    images: Annotated[str | None, "A folder of images or a .npz instead of a run."] = None
    features: Annotated[
        str | None, "An .npz of ready features instead: arrays features and, if wanted, logits."
    ] = None
    real_features: Annotated[
        str | None, "An .npz of the real images' features, for --features; no data set is needed."
    ] = None
    checkpoints: Annotated[
        str, "all, best, 100,200 (steps) or 100:2000 (a range); the newest by default."
    ] = ""
    split: Annotated[str, "The split of the real images; the config's by default."] = ""
    extractor: Annotated[str, "inception, or efficientnet_lite0, which needs no download."] = (
        "inception"
    )
    weights: Annotated[str | None, "The extractor's file of weights."] = None
    metrics: Annotated[tuple[str, ...], "Which scores; all by default."] = ()
    num_images: Annotated[
        int | None,
        "How many images to generate (50,000), or to take of --images (all).",
        Range(least=1),
    ] = None
    num_real: Annotated[int, "How many real images, 0 for all.", Range(least=0)] = 0
    eval_batch_size: Annotated[int, "Images in one batch over all devices.", Range(least=1)] = 64
    sampler: Annotated[str | None, "Which sampler, where the game has several; the first."] = None
    truncation: Annotated[float | None, "The sampler's truncation; none by default."] = None
    # None: not given, which --images has to know.
    ema: Annotated[bool | None, "Averaged weights, where the run has them; the default."] = None
    sample_seed: Annotated[int | None, "Seed of the inputs; 0 by default.", SEED] = None
    json: Annotated[str | None, "A new file for a list of the results."] = None
    trust_workdir: Annotated[
        bool, "The run is your own: obey the folders in its config.json, download missing data."
    ] = False


def main(flags: Flags) -> int:
    """Evaluates; prints one line per result, and returns the exit status."""
    from gan_jax.modes.evaluate.run import evaluate_run
    from gan_jax.runs.compile_cache import kept_programs

    given = "images" if flags.images is not None else "features"
    if getattr(flags, given) is not None:
        for name in ("ema", "sample_seed", "truncation"):
            if getattr(flags, name) is not None:
                raise ValueError(
                    f"--{name} is of generated images, and --{given} are there already"
                )
    options = {"names": flags.metrics} if flags.metrics else {}
    if flags.real_features is not None:
        _compare_features(flags, flags.real_features, options)
        return 0
    kept_programs()(evaluate_run)(
        flags.workdir,
        config=flags.config,
        images=flags.images,
        ready=flags.features,
        checkpoints=flags.checkpoints,
        sampler=flags.sampler,
        split=flags.split,
        extractor=flags.extractor,
        weights=flags.weights,
        num_images=flags.num_images,
        num_real=flags.num_real,
        truncation=flags.truncation,
        ema=flags.ema is not False,
        seed=flags.sample_seed or 0,
        batch_size=flags.eval_batch_size,
        json_path=flags.json,
        trusted=flags.trust_workdir,
        **options,
    )
    return 0


def _compare_features(flags: Flags, real: str, options: dict[str, tuple[str, ...]]) -> None:
    from gan_jax.modes.evaluate.two_files import compare_features

    if flags.features is None:
        raise ValueError("--real_features needs --features, which are compared with them")
    read = ("features", "real_features", "metrics", "json")
    for field in dataclasses.fields(Flags):
        if field.name not in read and getattr(flags, field.name) != field.default:
            raise ValueError(
                f"--{field.name} has no effect with --real_features: both sides are in files"
            )
    compare_features(flags.features, real, json_path=flags.json, **options)
