"""A random part of a data set, for training on little data."""

import dataclasses

import numpy as np

from gan_jax.data.order import index_examples

# An order of its own, so that a subset says nothing of the order of training.
_STREAM = "subset"


@dataclasses.dataclass(frozen=True)
class Subset:
    """Which examples of a data set to keep.

    Of one seed a smaller subset is part of every larger one. The examples are a function of the
    number of all examples, the seed and the size alone.

    Attributes:
      fraction: Share of the examples, in (0, 1].
      max_examples: The most examples; 0 for no such limit.
      seed: 0 to 2**64 - 1.

    Raises:
      ValueError: If a number is out of its range.
    """

    fraction: float = 1.0
    max_examples: int = 0
    seed: int = 0

    def __post_init__(self):
        if not 0.0 < self.fraction <= 1.0:
            raise ValueError(f"the fraction of a subset must be in (0, 1], is {self.fraction}")
        if self.max_examples < 0:
            raise ValueError(f"max_examples must be at least 0, is {self.max_examples}")

    def count(self, size: int) -> int:
        """How many of `size` examples are kept: the fraction, rounded, and at most so many.

        Raises:
          ValueError: If it is none.
        """
        kept = round(self.fraction * size)
        if not kept:
            raise ValueError(f"a fraction of {self.fraction:g} of {size} examples is none")
        return min(kept, self.max_examples or kept)

    def rows(self, size: int) -> np.ndarray | None:
        """The rows that are kept, ascending, int32; None where all are."""
        count = self.count(size)
        if count == size:
            return None
        return np.sort(index_examples(size, seed=self.seed, start=0, count=count, stream=_STREAM))
