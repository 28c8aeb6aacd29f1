"""Writes one self-contained page about a run, or about several."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from gan_jax.ranges import SEED, Range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of `--mode=report`."""

    workdir: Annotated[str, "The folder of the run."]
    compare: Annotated[tuple[str, ...], "Workdirs of further runs, on the same page."] = ()
    output: Annotated[
        str | None, "A new file; report.html in the run, comparison.html here with --compare."
    ] = None
    extractor: Annotated[str, "efficientnet_lite0, which needs no download, or inception."] = (
        "efficientnet_lite0"
    )
    weights: Annotated[str | None, "The extractor's file of weights."] = None
    neighbor_images: Annotated[
        int | None, "Training images to search for nearest neighbors, 0 for none.", Range(least=0)
    ] = None
    checkpoint_step: Annotated[
        int | None,
        "The checkpoint; the best where the run keeps one, else the newest.",
        Range(least=0),
    ] = None
    ema: Annotated[bool, "Averaged weights, where the run has them."] = True
    sample_seed: Annotated[int, "Seed of the inputs and of the choice of real images.", SEED] = 0
    trust_workdir: Annotated[
        bool, "The run is your own: obey the folders in its config.json, download missing data."
    ] = False


def main(flags: Flags) -> int:
    """Writes the report; prints where, and returns the exit status."""
    from gan_jax.modes.report.report_run import report

    print(
        report(
            [flags.workdir, *flags.compare],
            output=flags.output,
            extractor=flags.extractor,
            weights=flags.weights,
            neighbor_images=flags.neighbor_images,
            step=flags.checkpoint_step,
            ema=flags.ema,
            seed=flags.sample_seed,
            trusted=flags.trust_workdir,
        )
    )
    return 0
