"""Results of evaluations: scores with all that they cannot be compared without, as JSON."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_jax import telemetry
from gan_jax.evaluation import protocols
from gan_jax.files import write_json_atomically
from gan_jax.untrusted import (
    FLAG,
    NULL,
    REAL,
    TEXT,
    Anything,
    Either,
    Keys,
    MapOf,
    Of,
    Whole,
    read_json,
)

_MAX_BYTES = 16 << 20
_SCORE = Either(
    (REAL, Of("NaN or an infinity", lambda v: isinstance(v, str) and v in telemetry.NOT_FINITE))
)
_RESULT = Keys(
    {"step": Either((Whole(0, 2**53), NULL)), "scores": MapOf(_SCORE)},
    {
        "in_training": FLAG,
        "protocol": MapOf(Anything()),
        "line": TEXT,
        "environment": MapOf(Anything()),
        "seconds": _SCORE,
        "images_per_second": _SCORE,
    },
)


def make_result(
    scores: Mapping[str, float],
    protocol: Mapping[str, Any],
    *,
    step: int | None,
    count: int,
    seconds: float,
    in_training: bool = False,
) -> dict[str, Any]:
    """A result, JSON-able.

    Args:
      scores: `{key: value}`.
      protocol: What the scores depend on.
      step: The step of the checkpoint; None for images of unknown origin.
      count: Images that were scored.
      seconds: The time to generate and score them, in seconds.
      in_training: Whether the run scored itself.

    Returns:
      step, in_training, scores, protocol, line (all of it in one line), environment, seconds and
      images_per_second.
    """
    return {
        "step": step,
        "in_training": in_training,
        "scores": dict(scores),
        "protocol": dict(protocol),
        "line": protocols.describe(scores, protocol),
        "environment": telemetry.environment(),
        "seconds": round(seconds, 3),
        "images_per_second": round(count / seconds, 2),
    }


def keep_result(folder: Path, result: Mapping[str, Any]) -> Path:
    """Writes a checkpoint's result, in place of one of the same step and protocol.

    Raises:
      OSError: If it cannot be written; nothing is left then.
    """
    key = json.dumps(result["protocol"], sort_keys=True).encode()
    path = folder / f"step_{result['step']:08d}-{hashlib.sha256(key).hexdigest()[:8]}.json"
    folder.mkdir(parents=True, exist_ok=True)
    write_json_atomically(path, result)
    return path


def read_result(path: Path) -> dict[str, Any]:
    """Reads a result.

    Args:
      path: The file.

    Returns:
      As `make_result` describes it; of a result that somebody wrote by hand step, scores and
      protocol are certain.

    Raises:
      OSError: If it cannot be read.
      ValueError: In one line: it is no result; names the key.
    """
    result = read_json(path, _RESULT, most=_MAX_BYTES)
    scores = {
        key: float(telemetry.NOT_FINITE.get(value, math.nan) if isinstance(value, str) else value)
        for key, value in result["scores"].items()
    }
    return {"in_training": False, "protocol": {}, **result, "scores": scores}


def drop_results_after(folder: Path, step: int) -> None:
    """Drops the results of later steps that a run kept which goes on at `step`.

    It will evaluate these steps again. Results of `--mode=evaluate` stay.
    """
    for path in folder.glob("step_*.json"):
        try:
            result = read_result(path)
        except (OSError, ValueError):
            continue  # Not a result of ours.
        if result["in_training"] and result["step"] is not None and result["step"] > step:
            path.unlink()
