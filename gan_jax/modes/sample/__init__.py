"""Generates images from the checkpoint of a run; reads no data set."""

from __future__ import annotations

import dataclasses
from typing import Annotated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of `--mode=sample`."""

    workdir: Annotated[str, "The folder of the run."]
    output: Annotated[
        str | None,
        "A .png (a grid), a .npz, or a new folder of PNGs; by default a grid.",
    ] = None
    num_images: Annotated[int | None, "How many images to a folder or .npz; 64 by default."] = None
    checkpoint_step: Annotated[int | None, "The checkpoint; the newest by default."] = None
    best: Annotated[bool, "From the checkpoint of the best score."] = False
    classes: Annotated[
        tuple[str, ...], "Names or labels; all that were trained on by default."
    ] = ()
    columns: Annotated[int, "Images in one row of a grid."] = 10
    interpolate: Annotated[bool, "Every row of the grid goes from one latent to another."] = False
    truncation: Annotated[float, "Bound on the latents' entries, 0 for none."] = 0.0
    ema: Annotated[bool, "Averaged weights, where the run has them."] = True
    sample_seed: Annotated[int, "Seed of the noise."] = 0


def main(flags: Flags) -> int:
    """Samples; prints what was written where, and returns the exit status."""
    from gan_jax.modes.sample.run import sample_run

    print(
        sample_run(
            flags.workdir,
            output=flags.output,
            num_images=flags.num_images,
            step=flags.checkpoint_step,
            best=flags.best,
            classes=flags.classes,
            columns=flags.columns,
            interpolate=flags.interpolate,
            truncation=flags.truncation,
            ema=flags.ema,
            seed=flags.sample_seed,
        )
    )
    return 0
