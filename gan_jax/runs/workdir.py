"""A run's folder: what lies where, and whose run it is.

A folder belongs to a run from its first checkpoint on, which `config.json` records: so checkpoints
that were lost are told from those that were never made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gan_jax import telemetry
from gan_jax.files import write_json_atomically
from gan_jax.runs import schema
from gan_jax.runs.data_info import DataInfo
from gan_jax.runs.paths import Workdir

# What may change between one start of a run and the next without making it another experiment.
MUTABLE = (
    "name",
    "steps",
    "parallel",
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
# Scores are computed of a run and change nothing in it.
MUTABLE_PREFIX = "evaluate."


class WorkdirError(ValueError):
    """The folder holds something else than the run that was asked for."""


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


def _plain_data(data: DataInfo) -> dict[str, Any]:
    return json.loads(json.dumps(data.streams))


def differences(
    old: dict[str, Any], new: dict[str, Any], *, steps_matter: bool = False
) -> dict[str, tuple[Any, Any]]:
    """Keys that make `new` another experiment than `old`: `{key: (old, new)}`.

    Args:
      old: A config, nested.
      new: Another.
      steps_matter: Whether `steps` is such a key: a schedule that ends with the run is another
        schedule when the run is longer.
    """
    old, new = _flatten(old), _flatten(new)
    fixed = {"steps"} if steps_matter else set()
    keys = [
        k
        for k in sorted({*old, *new})
        if k in fixed or (k not in MUTABLE and not k.startswith(MUTABLE_PREFIX))
    ]
    return {k: (old.get(k), new.get(k)) for k in keys if old.get(k) != new.get(k)}


def create_or_resume(
    path: str | Path, config: ConfigDict, data: DataInfo, *, steps_matter: bool
) -> Workdir:
    """Makes a folder the run of `config`, or finds that it already is.

    Args:
      path: The folder; made if it is not there.
      config: The experiment.
      data: What sampling needs to know of the data.
      steps_matter: Whether the run cannot be made longer; see `differences`.

    Returns:
      The Workdir. Its `config.json` holds this start's config.

    Raises:
      WorkdirError: If the folder holds another experiment, the same on other data, or files that
        are no run. Nothing in it has been touched then.
    """
    check(path, config)
    check_data(path, data)
    workdir = Workdir(Path(path))
    content = {"config": _plain(config), "data": _plain_data(data), "steps_matter": steps_matter}
    schema.check(content)  # What is written must be read again.
    # The best checkpoint alone is none to go on from.
    saved = bool(workdir.steps()) or _is_recorded(workdir)
    if not saved and workdir.config.exists():
        telemetry.say(
            f"the run that was in workdir {path} saved no checkpoint: this one begins at step 0"
        )
        workdir.remove_outputs()
    workdir.path.mkdir(parents=True, exist_ok=True)
    write_json_atomically(workdir.config, {**content, "saved": saved})
    return workdir


def record_saved(workdir: Workdir) -> None:
    """Records that the run has a checkpoint on the disk: from now on its folder is its own.

    Raises:
      OSError: If it cannot be written, in one line.
    """
    write_json_atomically(workdir.config, {**_read(workdir.config), "saved": True})


def has_saved(workdir: Workdir) -> bool:
    """Whether the run in a folder has ever saved a checkpoint, be it there or not."""
    if workdir.steps() or workdir.best_steps():
        return True
    return _is_recorded(workdir)


def has_logged(workdir: Workdir) -> bool:
    """Whether the run in a folder has written a line of its log."""
    return workdir.metrics.exists() and workdir.metrics.stat().st_size > 0


def _is_recorded(workdir: Workdir) -> bool:
    return workdir.config.exists() and _records_saved(workdir, _read(workdir.config))


def _records_saved(workdir: Workdir, content: dict[str, Any]) -> bool:
    # A config.json without the record is of an earlier version: its log must not be lost.
    return content.get("saved", workdir.metrics.exists())


def check(path: str | Path, config: ConfigDict) -> None:
    """Refuses a folder that `config` must not be trained in; touches nothing.

    Raises:
      WorkdirError: As `create_or_resume`, or if the checkpoints of the run are gone.
    """
    workdir = Workdir(Path(path))
    if workdir.path.exists() and not workdir.path.is_dir():
        raise WorkdirError(f"workdir {path} is a file: give a folder")
    if workdir.config.exists():
        content = _read(workdir.config)
        if has_saved(workdir) or has_logged(workdir):
            _check_same(path, content, config)
        _check_checkpoints(workdir, content)
    elif workdir.path.is_dir() and not all(map(_is_leftover, workdir.path.iterdir())):
        raise WorkdirError(
            f"workdir {path} is not empty and holds no run (no config.json): give a new folder"
        )


def _check_same(path: str | Path, content: dict[str, Any], config: ConfigDict) -> None:
    different = differences(content["config"], _plain(config), steps_matter=content["steps_matter"])
    if different:
        key, (old, new) = next(iter(different.items()))
        more = f" and {len(different) - 1} more keys differ" if len(different) > 1 else ""
        more += ", and a schedule ends with the run" if key == "steps" else ""
        raise WorkdirError(
            f"workdir {path} holds another experiment: its config.{key} is {old!r}, you asked "
            f"for {new!r}{more}; give another --workdir, or the config of the run"
        )


def _check_checkpoints(workdir: Workdir, content: dict[str, Any]) -> None:
    if _records_saved(workdir, content) and not workdir.steps():
        raise WorkdirError(
            f"the run in workdir {workdir.path} has saved checkpoints, and {workdir.checkpoints} "
            "holds none: put them back to go on, or, to begin again, give another --workdir or "
            "remove this one"
        )


def _is_leftover(file: Path) -> bool:
    """Whether this is a lock, or a file that a killed process did not finish."""
    return file.name.startswith((".lock", ".config.json.")) or file.name.endswith(".partial")


def check_data(path: str | Path, data: DataInfo) -> None:
    """Refuses to go on with other data than the run began with: its order would be another.

    Raises:
      WorkdirError: If the folder holds a run on other data. Nothing in it is touched.
    """
    workdir = Workdir(Path(path))
    if not workdir.config.exists() or not (has_saved(workdir) or has_logged(workdir)):
        return
    known = _read(workdir.config)["data"]
    new = _plain_data(data)
    if list(known) != list(new):
        raise _changed(workdir, "streams", list(known), list(new))
    for stream, description in known.items():
        for key in schema.STREAM_KEYS:
            if description[key] != new[stream][key]:
                raise _changed(workdir, key, description[key], new[stream][key])


def _changed(workdir: Workdir, key: str, old: Any, new: Any) -> WorkdirError:
    return WorkdirError(
        f"the data set has changed since the run in workdir {workdir.path} began: its {key} was "
        f"{old}, is {new}; put it back, or give another --workdir"
    )


def load(path: str | Path) -> tuple[ConfigDict, DataInfo]:
    """The config of the run in a folder, and what it knows of its data.

    Raises:
      WorkdirError: If there is no run, or its config.json cannot be read.
    """
    content = _read(Workdir(Path(path)).config)
    return ConfigDict(content["config"]), DataInfo(content["data"])


def check_inside(workdir: Workdir, folder: Path) -> None:
    """Refuses to write to a folder of a run that leads out of it by a link.

    Args:
      workdir: The run.
      folder: A folder of it, which need not be there.

    Raises:
      WorkdirError: If it leads elsewhere.
    """
    if not folder.resolve().is_relative_to(workdir.path.resolve()):
        raise WorkdirError(
            f"{folder} is a link that leads out of the workdir: put a folder in its place"
        )


def _read(file: Path) -> dict[str, Any]:
    """The content of a config.json, of the form that `schema` declares."""
    try:
        return schema.read(file)
    except FileNotFoundError:
        raise WorkdirError(
            f"workdir {file.parent} holds no run (no config.json): train one there first"
        ) from None
    except ValueError as error:
        raise WorkdirError(
            f"{file} cannot be read as that of a run of this version ({error}): put back the "
            "config.json of the run, or give another --workdir"
        ) from None
