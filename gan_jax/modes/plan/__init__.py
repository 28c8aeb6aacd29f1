"""Says what training a config takes: parameters, arithmetic, memory, and on which TPU it fits."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from ml_collections import ConfigDict

from gan_jax.ranges import Range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flags:
    """The flags of `--mode=plan`."""

    config: Annotated[ConfigDict, "The experiment; its data set need not be there."]
    topology: Annotated[
        str, "TPU chips to compile the steps for, which need not be there: v5e:2x2, v5p:4x4x4."
    ] = ""
    batch_size_per_chip: Annotated[
        int | None,
        "With --topology, a chip's part of a batch; the config's batch_size by default.",
        Range(least=1),
    ] = None
    num_images: Annotated[
        int | None, "Images of the data set, where it is not a well-known one.", Range(least=1)
    ] = None
    num_classes: Annotated[
        int | None, "Its classes, 0 for no labels; likewise.", Range(least=0)
    ] = None
    json: Annotated[str | None, "A new file for the numbers."] = None


def main(flags: Flags) -> int:
    """Prints the plan; returns the exit status."""
    from gan_jax.modes.plan.run import plan

    plan(
        flags.config,
        topology=flags.topology,
        batch_size_per_chip=flags.batch_size_per_chip,
        num_images=flags.num_images,
        num_classes=flags.num_classes,
        json_path=flags.json,
    )
    return 0
