"""Generates images from the checkpoint of a run: a grid, an interpolation, a folder, a .npz."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from gan_jax.ranges import SEED, Range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of `--mode=sample`."""

    workdir: Annotated[str, "The folder of the run."]
    output: Annotated[
        str | None,
        "A .png (a grid), a .npz, or a new folder of PNGs; by default a grid.",
    ] = None
    num_images: Annotated[
        int | None, "How many images to a folder or .npz; 64 by default.", Range(least=1)
    ] = None
    checkpoint_step: Annotated[
        int | None, "The checkpoint; the newest by default.", Range(least=0)
    ] = None
    best: Annotated[bool, "Take the checkpoint of the best score."] = False
    sampler: Annotated[str | None, "Which sampler, where the game has several; the first."] = None
    split: Annotated[
        str, "Split of the data that the sampler transforms; that of training by default."
    ] = ""
    classes: Annotated[
        tuple[str, ...], "Names or labels; those that were trained on by default."
    ] = ()
    columns: Annotated[
        int | None, "Images in one row of a grid; 10 by default.", Range(least=1, most=1000)
    ] = None
    interpolate: Annotated[bool, "Every row of the grid goes from one latent to another."] = False
    sweep: Annotated[str | None, "The input that every row of the grid varies."] = None
    truncation: Annotated[float | None, "The sampler's truncation; none by default."] = None
    ema: Annotated[bool, "Averaged weights, where the run has them."] = True
    sample_seed: Annotated[int, "Seed of the inputs.", SEED] = 0
    trust_workdir: Annotated[
        bool, "The run is your own: obey the folders in its config.json, download missing data."
    ] = False


def main(flags: Flags) -> int:
    """Samples; prints what was written where, and returns the exit status."""
    from gan_jax.modes.sample.run import sample_run
    from gan_jax.runs.compile_cache import kept_programs

    print(
        kept_programs()(sample_run)(
            flags.workdir,
            output=flags.output,
            num_images=flags.num_images,
            step=flags.checkpoint_step,
            best=flags.best,
            sampler=flags.sampler,
            split=flags.split,
            classes=flags.classes,
            columns=flags.columns,
            interpolate=flags.interpolate,
            sweep=flags.sweep,
            truncation=flags.truncation,
            ema=flags.ema,
            seed=flags.sample_seed,
            trusted=flags.trust_workdir,
        )
    )
    return 0
