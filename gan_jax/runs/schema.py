"""The form of `config.json`: what a run is, and what it knows of its data.

A run's folder may be a stranger's. What is checked here is what the modes rely on; the values of
`config.model` are checked by the family's settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_jax.untrusted import (
    FLAG,
    NAME,
    PATH,
    REAL,
    TEXT,
    Either,
    Form,
    Keys,
    ListOf,
    MapOf,
    Of,
    Whole,
    read_json,
)

# Class names are the longest: 100,000 of 100 characters fit.
MAX_BYTES = 16 << 20
# What is kept as a number of steps, images or bytes.
_COUNT = Whole(0, 2**53)
_SIDE = Whole(1, 2**15)
_CHANNELS = Of("0, 1 or 3", lambda v: v in (0, 1, 3) and not isinstance(v, bool))
# An attribute of a ConfigDict.
_KEY = Of(
    "a name without dots that does not begin with __",
    lambda v: TEXT.holds(v) and "." not in v and not v.startswith("__"),
)
# They are drawn beside the rows of a grid; the name of a folder, escaped, fits.
_CLASS = Of(
    "a string of up to 1,024 characters, none of them a control character",
    lambda v: TEXT.holds(v) and len(v) <= 1024,
)
_CLASSES = ListOf(Either((TEXT, Whole())))
_DOMAIN = Keys({}, {"name": PATH, "dir": PATH, "split": TEXT, "classes": _CLASSES})

_DATA: Mapping[str, Form] = {
    "name": PATH,
    "dir": PATH,
    "cache_dir": PATH,
    "split": TEXT,
    "classes": _CLASSES,
    "fraction": REAL,
    "max_examples": _COUNT,
    "subset_seed": Whole(0, 2**32 - 1),
    "layout": TEXT,
    "domains": MapOf(_DOMAIN, NAME),
    "image_size": _SIDE,
    "image_shape": ListOf(_SIDE, 2),
    "channels": _CHANNELS,
    "placement": TEXT,
    "augment": Keys({"flip": FLAG, "crop_padding": _COUNT, "rotation_degrees": REAL}),
}
_EVALUATE: Mapping[str, Form] = {
    "every": _COUNT,
    "metrics": Either((TEXT, ListOf(TEXT))),
    "extractor": TEXT,
    "weights": PATH,
    "num_images": _COUNT,
    "num_real": _COUNT,
    "patience": _COUNT,
    "stop": FLAG,
}
_CONFIG: Mapping[str, Form] = {
    "name": TEXT,
    "steps": _COUNT,
    "batch_size": Whole(1, 2**31 - 1),
    "seed": Whole(0, 2**32 - 1),
    "precision": TEXT,
    "parallel": TEXT,
    "steps_per_call": _COUNT,
    "log_every": _COUNT,
    "sample_every": _COUNT,
    "sample_epochs": ListOf(REAL),
    "checkpoint_every": _COUNT,
    "keep_checkpoints": _COUNT,
    "evaluate": Keys({}, _EVALUATE),
    "data": Keys({}, _DATA),
}


class _Settings(Form):
    """What the family's settings check, of a size that fits into their messages."""

    words = "a short string, a number, or a group or list of them"

    def holds(self, value: Any) -> bool:
        """See `Form.holds`."""
        return isinstance(value, dict | list) or not isinstance(value, str) or len(value) <= 200

    def check(self, value: Any, key: str) -> None:
        """See `Form.check`."""
        super().check(value, key)
        if isinstance(value, dict):
            MapOf(self).check(value, key)
        elif isinstance(value, list):
            ListOf(self, 100).check(value, key)
        elif isinstance(value, str):
            TEXT.check(value, key)


# Runs of other versions may lack some; see `setup.check_complete`.
CONFIG = Keys({"family": TEXT, "model": MapOf(_Settings())}, _CONFIG)

_ARRAY = Keys({"shape": ListOf(_SIDE, 3), "num_classes": Whole(0, 2**31 - 1)})
_STREAM = Keys(
    {
        "name": PATH,
        "split": TEXT,
        "size": Whole(1, 2**53),
        "identity": TEXT,
        "arrays": MapOf(_ARRAY, NAME),
        "class_names": MapOf(ListOf(_CLASS), NAME),
        "present_classes": MapOf(ListOf(_COUNT), NAME),
        "class_counts": MapOf(ListOf(_COUNT), NAME),
    }
)
# What a stream's description must have; see `gan_jax.data.Dataset.describe`.
STREAM_KEYS = tuple(_STREAM.needed)
CONTENT = Keys({"config": CONFIG, "data": MapOf(_STREAM, NAME), "steps_matter": FLAG})


def read(file: Path) -> dict[str, Any]:
    """The content of a config.json.

    Args:
      file: The file.

    Returns:
      `{"config": nested, "data": {stream: description}, "steps_matter": bool}`, and what else is
      there.

    Raises:
      OSError: If it cannot be read.
      ValueError: In one line: it is not of the form, or contradicts itself; names the key.
    """
    content = read_json(file, CONTENT, most=MAX_BYTES)
    _check_parts(content)
    return content


def check(content: Mapping[str, Any]) -> None:
    """Refuses what `read` would refuse, before it is written.

    Args:
      content: As `read` returns it.

    Raises:
      ValueError: In one line that names the key.
    """
    CONTENT.check(content, "")
    _check_parts(content)


def check_config(config: Mapping[str, Any]) -> None:
    """The same of the config alone.

    Raises:
      ValueError: In one line that names the key.
    """
    CONFIG.check(config, "config")
    _check_keys(config, "config")


def _check_parts(content: Mapping[str, Any]) -> None:
    _check_keys(content["config"], "config")
    _check_streams(content["data"])


def _check_keys(group: Mapping[str, Any], key: str) -> None:
    for name, value in group.items():
        _KEY.check(name, f"a key of {key}")
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                _check_keys(part, f"{key}.{name}")


def _check_streams(streams: Mapping[str, Mapping[str, Any]]) -> None:
    if not streams:
        raise ValueError("data must have a stream")
    seen: set[str] = set()
    for stream, description in streams.items():
        key = f"data.{stream}"
        arrays = description["arrays"]
        if again := seen & arrays.keys():
            raise ValueError(f"{key}.arrays.{min(again)} is an array of another stream too")
        seen |= arrays.keys()
        labels = set()
        for name, array in arrays.items():
            if array["num_classes"]:
                labels.add(name)
            if len(array["shape"]) != (0 if array["num_classes"] else 3):
                raise ValueError(f"{key}.arrays.{name} is neither images nor labels")
            if array["shape"] and array["shape"][2] not in (1, 3):
                raise ValueError(f"{key}.arrays.{name}.shape must end with 1 or 3 channels")
        for group in ("class_names", "present_classes", "class_counts"):
            if description[group].keys() != labels:
                raise ValueError(f"{key}.{group} must be of {sorted(labels) or 'no arrays'}")
        for name in labels:
            _check_labels(description, name, key)


def _check_labels(description: Mapping[str, Any], name: str, key: str) -> None:
    count = description["arrays"][name]["num_classes"]
    names, counts = description["class_names"][name], description["class_counts"][name]
    present = description["present_classes"][name]
    for group, found in (("class_names", names), ("class_counts", counts)):
        if len(found) != count:
            raise ValueError(f"{key}.{group}.{name} must have {count} values, not {len(found)}")
    if present != [label for label, number in enumerate(counts) if number]:
        raise ValueError(f"{key}.present_classes.{name} must be those that are counted")
    if sum(counts) != description["size"]:
        raise ValueError(f"{key}.class_counts.{name} must add up to {description['size']}")
