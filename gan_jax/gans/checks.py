"""What several families refuse of their data and of their settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gan_jax.core import ArraySpec
from gan_jax.names import check_name


def single_image(arrays: Mapping[str, ArraySpec], family: str) -> ArraySpec:
    """The array of a family that trains on single images.

    Args:
      arrays: The arrays of the data.
      family: The name of the family.

    Raises:
      ValueError: In one line, if the data has none.
    """
    if "image" not in arrays:
        raise ValueError(
            f"family {family} trains on single images (an array 'image'), and this data has "
            f"{', '.join(arrays)}: take another family, or config.data.layout=image"
        )
    return arrays["image"]


def check_joined(
    what: str, key: str, text: str, names: Sequence[str], known: Iterable[str]
) -> None:
    """Refuses unknown and repeated names of a setting that joins several.

    Args:
      what: What a name is of, as "penalty".
      key: The setting, as "config.model.penalty.name".
      text: What it was set to.
      names: The names in it.
      known: Those there are.

    Raises:
      ValueError: In one line.
    """
    for name in names:
        check_name(f"{what} of {key}", name, known)
    if len(set(names)) < len(names):
        raise ValueError(f"{key}={text} names one twice")
