"""The data set that the rest of the project sees: named arrays whose rows belong together."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from gan_jax.core import ArraySpec
from gan_jax.files import canonical_json


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Named arrays, read-only, whose rows belong together.

    Labeled images are "image" and "label", images without labels "image" alone, pairs of images
    "left" and "right".

    Attributes:
      arrays: `{name: array}`, images as uint8 [N, H, W, C] in [0, 255], labels as int32 [N],
        indices into their `class_names`; large ones are usually memory maps of the cache.
      class_names: `{name of an array of labels: names}` of all classes of the source, whether or
        not a subset was chosen.
      name: the name it was loaded by.
      split: the split it was loaded from.
      identity: a hexadecimal number that is another one if any array has other contents.

    Raises:
      ValueError: the arrays are not of one length, or not images and labels as above.
    """

    arrays: Mapping[str, np.ndarray]
    class_names: Mapping[str, tuple[str, ...]]
    name: str
    split: str
    identity: str

    def __post_init__(self):
        arrays = {name: _read_only(array) for name, array in self.arrays.items()}
        names = {name: tuple(names) for name, names in self.class_names.items()}
        _check_arrays(arrays, names)
        object.__setattr__(self, "arrays", MappingProxyType(arrays))
        object.__setattr__(self, "class_names", MappingProxyType(names))

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    @property
    def specs(self) -> dict[str, ArraySpec]:
        """What the rows of each array are, `{name: ArraySpec}`."""
        return {
            name: ArraySpec(array.shape[1:], len(self.class_names.get(name, ())))
            for name, array in self.arrays.items()
        }

    def present_classes(self, array: str = "label") -> tuple[int, ...]:
        """The labels that occur, ascending: fewer than all once a subset is chosen.

        Args:
          array: the name of an array of labels; without such an array there are none.
        """
        if array not in self.class_names:
            return ()
        return tuple(label for label, count in enumerate(self.class_counts(array)) if count)

    def class_counts(self, array: str = "label") -> tuple[int, ...]:
        """How often each class of an array of labels occurs."""
        counts = np.bincount(self.arrays[array], minlength=len(self.class_names[array]))
        return tuple(int(count) for count in counts)

    def describe(self) -> dict[str, Any]:
        """What sampling must know of the data once it is gone, JSON values."""
        return {
            "name": self.name,
            "split": self.split,
            "size": len(self),
            "identity": self.identity,
            "arrays": {
                name: {"shape": list(spec.shape), "num_classes": spec.num_classes}
                for name, spec in self.specs.items()
            },
            "class_names": {name: list(names) for name, names in self.class_names.items()},
            "present_classes": {
                name: list(self.present_classes(name)) for name in self.class_names
            },
            "class_counts": {name: list(self.class_counts(name)) for name in self.class_names},
        }


# Data sets by the names of their streams. Each has an order of its own, so they need not be of
# one length; names of arrays are unique over all of them.
Streams = Mapping[str, Dataset]


def arrays_of(streams: Streams) -> dict[str, np.ndarray]:
    """All arrays of some streams, by their names.

    Args:
      streams: The data.

    Raises:
      ValueError: If two streams have arrays of one name.
    """
    arrays: dict[str, np.ndarray] = {}
    for stream, dataset in streams.items():
        if again := arrays.keys() & dataset.arrays.keys():
            raise ValueError(
                f"stream {stream!r} has arrays {sorted(again)}, as another stream has: names of "
                "arrays are unique over all streams"
            )
        arrays |= dataset.arrays
    return arrays


def specs_of(streams: Streams) -> dict[str, ArraySpec]:
    """What the rows of each array of `streams` are, `{name: ArraySpec}`."""
    return {name: spec for dataset in streams.values() for name, spec in dataset.specs.items()}


def from_arrays(
    arrays: Mapping[str, np.ndarray],
    *,
    class_names: Mapping[str, Sequence[str]] | None = None,
    name: str = "arrays",
    split: str = "train",
) -> Dataset:
    """Makes a data set of arrays in memory.

    Args:
      arrays: `{name: array}`, images as uint8 [N, H, W, C], labels as int32 [N]. They are not
        copied and must not change afterwards.
      class_names: `{name of an array of labels: names of its classes}`; where labels have no
        names, they are called by their numbers.
      name: what to call it.
      split: what to call the part of it.

    Returns:
      The data set. Its identity is a hash of the contents, for which they are read once.

    Raises:
      ValueError: see `Dataset`.
    """
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    names = {label: tuple(named) for label, named in (class_names or {}).items()}
    for label in arrays:
        if arrays[label].ndim == 1 and arrays[label].size and label not in names:
            names[label] = tuple(map(str, range(int(arrays[label].max()) + 1)))
    content = ContentHash()
    content.update(arrays)
    return Dataset(arrays, names, name, split, content.hexdigest())


class ContentHash:
    """SHA-256 of named arrays that come in blocks of rows, however they are cut."""

    def __init__(self):
        self._hashes: dict[str, Any] = {}
        self._kinds: dict[str, tuple[str, tuple[int, ...]]] = {}

    def update(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Adds further rows of every array."""
        for name, array in arrays.items():
            self._kinds[name] = (array.dtype.str, array.shape[1:])
            content = self._hashes.setdefault(name, hashlib.sha256())
            # In parts, as an array that is not contiguous is copied to be hashed.
            for start in range(0, len(array), 1024):
                content.update(np.ascontiguousarray(array[start : start + 1024]))

    def hexdigest(self) -> str:
        """The hash of all rows, hexadecimal."""
        parts = {name: [*self._kinds[name], h.hexdigest()] for name, h in self._hashes.items()}
        return hashlib.sha256(canonical_json(parts)).hexdigest()


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _check_arrays(
    arrays: Mapping[str, np.ndarray], class_names: Mapping[str, Sequence[str]]
) -> None:
    if not arrays:
        raise ValueError("a data set needs at least one array")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the rows of a data set belong together, but its lengths are {lengths}")
    labels = set()
    for name, array in arrays.items():
        if array.dtype == np.int32 and array.ndim == 1:
            labels.add(name)
        elif array.dtype != np.uint8 or array.ndim != 4:
            raise ValueError(
                f"array {name!r} is {array.dtype} {list(array.shape)}: images are uint8 "
                "[N, H, W, C], labels int32 [N]"
            )
    if labels != set(class_names):
        raise ValueError(
            f"there are labels {sorted(labels)}, but names of the classes of {sorted(class_names)}"
        )
    for name in labels:
        count, found = len(class_names[name]), arrays[name]
        if found.size and not 0 <= found.min() <= found.max() < count:
            raise ValueError(
                f"array {name!r} holds labels from {found.min()} to {found.max()}, but there are "
                f"{count} classes"
            )
