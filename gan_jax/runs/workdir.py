"""A run's folder: what lies where, and whose run it is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax.files import write_json_atomically

# What may change between one start of a run and the next without making it another experiment.
MUTABLE = (
    "steps",
    "steps_per_call",
    "log_every",
    "sample_every",
    "sample_epochs",
    "checkpoint_every",
    "keep_checkpoints",
    "data.dir",
    "data.cache_dir",
    "data.placement",
)
# Keys that configs have got since, with what an older run did.
ADDED = {"discriminator.initializer": "dcgan"}
# Scores look at a run and change nothing in it.
MUTABLE_PREFIX = "evaluate."

# What is known of the data set: all that sampling needs, and its size.
DATA_KEYS = ("image_shape", "class_names", "present_classes", "size")


class WorkdirError(ValueError):
    """The folder holds something else than the run that was asked for."""


@dataclasses.dataclass(frozen=True)
class Workdir:
    """Paths of a run.

    Attributes:
      path: The folder itself.
    """

    path: Path

    @property
    def config(self) -> Path:
        """The config and what is known of the data, JSON."""
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        """One JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Orbax checkpoints, a folder a step."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The checkpoint of the best score, where the run evaluates itself."""
        return self.path / "checkpoint_best"

    @property
    def environment(self) -> Path:
        """Versions and devices that the run was last started on, JSON."""
        return self.path / "environment.json"

    @property
    def evaluations(self) -> Path:
        """One JSON file an evaluation."""
        return self.path / "evaluations"

    @property
    def samples(self) -> Path:
        """Grids of samples."""
        return self.path / "samples"

    @property
    def plots(self) -> Path:
        """Curves of losses and probabilities."""
        return self.path / "plots"

    def grid(self, step: int) -> Path:
        """The grid of fixed-noise samples after `step` steps."""
        return self.samples / f"step_{step:08d}.png"


def _flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _plain(config: ConfigDict) -> dict[str, Any]:
    """The config as JSON would give it back."""
    return json.loads(json.dumps(config.to_dict()))


def differences(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Keys that make `new` another experiment than `old`: `{key: (old, new)}`."""
    old, new = _flatten(old), _flatten(new)
    # A schedule that ends with the run is another schedule when the run is longer.
    fixed = (
        {"steps"}
        if any(
            old.get(f"{player}_optimizer.schedule", "constant") != "constant"
            for player in ("generator", "discriminator")
        )
        else set()
    )
    keys = [
        k
        for k in sorted({*old, *new})
        if k in fixed or (k not in MUTABLE and not k.startswith(MUTABLE_PREFIX))
    ]
    old = {k: value for k, value in ADDED.items() if k in new} | old
    return {k: (old.get(k), new.get(k)) for k in keys if old.get(k) != new.get(k)}


def claim(path: str | Path, config: ConfigDict, data: dict[str, Any]) -> Workdir:
    """Makes a folder the run of `config`, or finds that it already is.

    Args:
      path: The folder; made if it is not there.
      config: The experiment.
      data: What sampling will have to know of the data, JSON-able, by `DATA_KEYS`.

    Returns:
      The Workdir. Its `config.json` holds this start's config.

    Raises:
      WorkdirError: If the folder holds another experiment, the same on other data, or files that
        are no run. Nothing in it has been touched then.
    """
    check(path, config)
    workdir = Workdir(Path(path))
    if workdir.config.exists():
        _check_data(workdir, data)
    workdir.path.mkdir(parents=True, exist_ok=True)
    write_json_atomically(workdir.config, {"config": _plain(config), "data": data})
    return workdir


def check(path: str | Path, config: ConfigDict) -> None:
    """Refuses a folder that `config` must not be trained in; touches nothing.

    Raises:
      WorkdirError: As `claim`.
    """
    workdir = Workdir(Path(path))
    if workdir.path.exists() and not workdir.path.is_dir():
        raise WorkdirError(f"workdir {path} is a file: give a folder")
    if workdir.config.exists():
        if different := differences(load(path)[0].to_dict(), _plain(config)):
            key, (old, new) = next(iter(different.items()))
            more = f" and {len(different) - 1} more keys differ" if len(different) > 1 else ""
            raise WorkdirError(
                f"workdir {path} holds another experiment: its config.{key} is {old!r}, you asked "
                f"for {new!r}{more}; give another --workdir, or the config of the run"
            )
    elif workdir.path.is_dir() and not all(map(_is_leftover, workdir.path.iterdir())):
        raise WorkdirError(
            f"workdir {path} is not empty and holds no run (no config.json): give a new folder"
        )


def _is_leftover(file: Path) -> bool:
    """Whether this is a config.json that a killed process did not finish."""
    return file.name.startswith(".config.json.")


def _check_data(workdir: Workdir, data: dict[str, Any]) -> None:
    """Refuses to go on with other data than the run began with: its order would be another."""
    _, known = load(workdir.path)
    data = json.loads(json.dumps(data))
    for key in DATA_KEYS:
        if known[key] != data[key]:
            raise WorkdirError(
                f"the data set has changed since the run in workdir {workdir.path} began: its "
                f"{key} was {known[key]}, is {data[key]}; put it back, or give another --workdir"
            )


def load(path: str | Path) -> tuple[ConfigDict, dict[str, Any]]:
    """The config of the run in a folder, and what it knows of its data.

    Raises:
      WorkdirError: If there is no run, or its config.json cannot be read.
    """
    file = Workdir(Path(path)).config
    try:
        content = json.loads(file.read_text())
        data = {key: content["data"][key] for key in DATA_KEYS}
        for key, value in ADDED.items():
            section, name = key.split(".")
            content["config"].get(section, {}).setdefault(name, value)
        return ConfigDict(content["config"]), data
    except FileNotFoundError:
        raise WorkdirError(
            f"workdir {path} holds no run (no config.json): train one there first"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkdirError(
            f"{file} cannot be read ({error}): put back the config.json of the run"
        ) from None
