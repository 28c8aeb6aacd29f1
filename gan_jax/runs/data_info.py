"""What a run knows of its data without reading it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from gan_jax.core import ArraySpec
from gan_jax.names import check_name
from gan_jax.sampling import Classes


@dataclasses.dataclass(frozen=True)
class DataInfo:
    """What a run knows of its data without reading it.

    Attributes:
      streams: `{stream: description}`, as `gan_jax.data.Dataset.describe` gives them.
    """

    streams: Mapping[str, Mapping[str, Any]]

    @property
    def specs(self) -> dict[str, ArraySpec]:
        """Shapes of all arrays."""
        return {
            name: ArraySpec(tuple(array["shape"]), array["num_classes"])
            for stream in self.streams.values()
            for name, array in stream["arrays"].items()
        }

    def stream_of(self, array: str) -> str:
        """The stream that an array belongs to.

        Raises:
          ValueError: If there is no such array.
        """
        check_name("array of the data", array, self.specs)
        return next(name for name, one in self.streams.items() if array in one["arrays"])

    @property
    def classes(self) -> Classes:
        """Names and present labels of all arrays of labels, for grids."""
        names = {array for array, spec in self.specs.items() if spec.num_classes}
        return Classes(
            names={array: self.class_names(array) for array in names},
            shown={array: self.present_classes(array) for array in names},
        )

    @property
    def label_frequencies(self) -> dict[str, np.ndarray]:
        """How often each class occurs: `{array of labels: float64 [num_classes]}`, sums are 1."""
        return {
            array: np.asarray(counts) / stream["size"]
            for stream in self.streams.values()
            for array, counts in stream["class_counts"].items()
        }

    def class_names(self, array: str) -> tuple[str, ...]:
        """The names of all classes of an array of labels."""
        return tuple(self.streams[self.stream_of(array)]["class_names"][array])

    def present_classes(self, array: str) -> tuple[int, ...]:
        """The labels that occur in an array, ascending."""
        return tuple(self.streams[self.stream_of(array)]["present_classes"][array])
