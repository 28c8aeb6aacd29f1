"""Training as a sequence of phases, and where in it a step lies."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gan_jax.core.game import Gan
from gan_jax.core.inputs import FromData


class ArraySpec(NamedTuple):
    """What a family must know of one array of its data.

    Attributes:
      shape: The shape of one example: (H, W, C) of images, () of labels.
      num_classes: The number of classes of labels; 0 for images.
    """

    shape: tuple[int, ...]
    num_classes: int = 0


@dataclasses.dataclass(frozen=True)
class Phase:
    """A stretch of training with one game, one image size and one batch size.

    Attributes:
      gan: The game. All phases' games make states of one structure.
      steps: Number of steps, at least 1.
      batch_size: Examples per update, over all devices, at least 1.
      image_size: (height, width) in pixels of the images that the phase trains on; None for those
        of the data. Smaller images are made on the device, by averaging.
      on_enter: `GanState -> GanState`, pure, applied once when the phase begins; the state keeps
        its structure. Progressive growing resets its optimizers here.

    Raises:
      ValueError: If a number is below 1.
    """

    gan: Gan
    steps: int
    batch_size: int
    image_size: tuple[int, int] | None = None
    on_enter: Callable[[Any], Any] | None = None

    def __post_init__(self):
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"a phase's {name} must be at least 1, not {getattr(self, name)}")
        if self.image_size is not None and min(self.image_size) < 1:
            raise ValueError(f"a phase's image_size must be at least 1, not {self.image_size}")

    @property
    def examples_per_step(self) -> int:
        """Rows of every stream of the data that a step consumes."""
        return self.gan.updates * self.batch_size


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The phases of a run, one for most families.

    A checkpoint at the boundary of two phases is of the state before `on_enter` of the second; a
    run that stands at the first step of a phase, whether it has come there or was resumed there,
    applies `on_enter`.

    Attributes:
      phases: The phases in their order, at least one.
      ends_with_the_run: Whether a number changes until the last step of all: with more steps it
        would be another experiment.

    Raises:
      ValueError: If there is no phase, or if the samplers of two phases have other names.
    """

    phases: tuple[Phase, ...]
    ends_with_the_run: bool = False

    def __post_init__(self):
        if not self.phases:
            raise ValueError("an experiment needs at least one phase")
        names = {tuple(phase.gan.samplers) for phase in self.phases}
        if len(names) > 1:
            raise ValueError(f"all phases need the same samplers, not {sorted(names)}")

    @property
    def starts(self) -> tuple[int, ...]:
        """The first step of every phase."""
        lengths = [phase.steps for phase in self.phases]
        return tuple(itertools.accumulate(lengths[:-1], initial=0))

    @property
    def steps(self) -> int:
        """The number of steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    @property
    def default_sampler(self) -> str:
        """The name of the sampler that is meant where none is named.

        Raises:
          ValueError: If the game has none.
        """
        samplers = self.phases[0].gan.samplers
        if not samplers:
            raise ValueError("this game has no sampler: no image can be generated from it")
        return next(iter(samplers))

    def index(self, step: int) -> int:
        """The phase that takes the step after `step` finished ones; at the end, the last."""
        return bisect.bisect_right(self.starts, step) - 1

    def index_reached(self, step: int) -> int:
        """The phase that took the last of `step` finished steps: a checkpoint's of that step."""
        return self.index(max(0, step - 1))

    def reached(self, step: int) -> Phase:
        """The phase with that index."""
        return self.phases[self.index_reached(step)]

    def examples_before(self, step: int) -> int:
        """Rows of every stream of the data that `step` finished steps have consumed.

        Examples are counted and not batches, so that the batch size may change with the phase.
        """
        return sum(
            max(0, min(step - start, phase.steps)) * phase.examples_per_step
            for start, phase in zip(self.starts, self.phases, strict=True)
        )


def data_inputs(gan: Gan) -> Mapping[str, str]:
    """The arrays of the data that the samplers of `gan` read: `{array: sampler}`."""
    return {
        one.array: name
        for name, sampler in gan.samplers.items()
        for one in sampler.inputs.values()
        if isinstance(one, FromData)
    }
