"""The choice of classes by name, label or group."""

from collections.abc import Sequence

import numpy as np

from gan_jax.names import check_name

# The split of CIFAR-10's labels into man-made things and animals that conditional GANs are
# commonly shown on; a group's name stands for its labels wherever classes are chosen.
CLASS_GROUPS = {
    "cifar10": {"vehicles": (0, 1, 8, 9), "animals": (2, 3, 4, 5, 6, 7)},
}


def class_labels(
    classes: str | int | Sequence[str | int],
    class_names: Sequence[str],
    *,
    name: str,
) -> tuple[int, ...]:
    """Resolves chosen classes to labels.

    Args:
      classes: names, labels, or groups of `CLASS_GROUPS`; a string is split at its commas. A
        string that is both a name and a number is taken for the name.
      class_names: the names of all classes.
      name: the data set, for groups and messages.

    Returns:
      The labels, ascending and without repetition.

    Raises:
      ValueError: an unknown class (the nearest is named), a label out of range, no class at
        all, or a data set without labels.
    """
    if isinstance(classes, str):
        classes = [part.strip() for part in classes.split(",") if part.strip()]
    elif isinstance(classes, int | np.integer):
        classes = [classes]
    if not class_names:
        raise ValueError(f"classes cannot be chosen: data set {name!r} has no labels")
    if not len(classes):
        raise ValueError("classes is empty; leave it None for all classes")
    groups = CLASS_GROUPS.get(name.split("/")[0].split(":")[0], {})
    labels: set[int] = set()
    for item in classes:
        labels.update(_labels_of(item, tuple(class_names), groups, name))
    return tuple(sorted(labels))


def _labels_of(item, class_names, groups, name) -> tuple[int, ...]:
    if isinstance(item, str):
        if item in class_names:
            return (class_names.index(item),)
        if item in groups:
            return groups[item]
        if not item.lstrip("-").isdecimal():
            check_name(f"class of data set {name}", item, [*class_names, *groups])
    elif isinstance(item, bool) or not isinstance(item, int | np.integer):
        raise ValueError(f"a class is a name or a label, not {item!r}")
    label = int(item)
    if not 0 <= label < len(class_names):
        raise ValueError(
            f"label {label} is out of range for data set {name!r}: "
            f"valid labels are 0 to {len(class_names) - 1}"
        )
    return (label,)
