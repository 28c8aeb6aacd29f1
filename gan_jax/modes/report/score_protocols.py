"""How scores were measured, so that only what may be compared is put together."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from gan_jax import metrics
from gan_jax.evaluation.protocols import describe_protocol
from gan_jax.modes.report.gathering import Run, as_number

# What a protocol says of the checkpoint and the kind of game, which a score is to compare.
_OF_THE_GAME = frozenset({"step", "checkpoint", "family", "labels"})
IN_TRAINING = "measured while training"
SCORE_PROTOCOL = "score_protocol"  # In a line of the log: what names the protocol of its scores.


class Protocol(NamedTuple):
    """How scores were measured: two that may be compared have equal ones.

    Attributes:
      base: All that is not of a single metric, as a string of no meaning to people.
      line: The same for people.
      settings: Of the metric alone, as "kid subsets 100"; empty where it has none.
    """

    base: str
    line: str
    settings: str = ""


def protocol_of(protocol: dict[str, Any], metric: str) -> Protocol:
    """What of an evaluation's protocol concerns a metric.

    Args:
      protocol: As an evaluation keeps it.
      metric: As "kid".

    Returns:
      The Protocol.
    """
    others = tuple(f"{other}_" for other in metrics.METRIC_TITLES)
    base = {
        key: value
        for key, value in protocol.items()
        if key not in _OF_THE_GAME and not key.startswith(others)
    }
    settings = {
        key.replace("_", " "): value
        for key, value in protocol.items()
        if key.startswith(f"{metric}_")
    }
    try:
        line = describe_protocol(base)
    except (KeyError, TypeError, ValueError):
        # Written by another version, or by hand: then as it stands.
        line = _listed(base) or "protocol not stated"
    return Protocol(_canonical(base), line, _listed(settings))


def training_protocol(run: Run, name: Any) -> Protocol:
    """How scores of the log were measured.

    Args:
      run: The run.
      name: `SCORE_PROTOCOL` of the line; None for a line of a version that had none, which
        config.json as it is now must describe.

    Returns:
      The Protocol.
    """
    settings = _dict(run.config.get("evaluate"))
    if isinstance(name, str) and name:
        # The config may have changed since: it does not tell protocols apart that have names.
        return Protocol(
            f"training by {name}", f"{IN_TRAINING}, protocol {name}{_asked_for(run, settings)}"
        )
    data = _dict(run.config.get("data"))
    # How often a run looks at itself changes nothing in what it sees.
    skipped = ("every", "patience", "stop", "weights", "metrics")
    base = {
        "evaluate": {key: value for key, value in settings.items() if key not in skipped},
        "data": [data.get("name"), data.get("split")],
        "chosen": [data.get(key) for key in ("image_size", "channels", "classes")],
        "found": [run.info.get(key) for key in ("image_shape", "present_classes", "size")],
        "averaged": bool(as_number(run.config.get("ema_decay"))),
        "precision": run.config.get("precision"),
    }
    return Protocol(f"training {_canonical(base)}", f"{IN_TRAINING}{_asked_for(run, settings)}")


def _asked_for(run: Run, settings: dict[str, Any]) -> str:
    """What config.json says of evaluation in training, in a phrase."""
    generated, real = settings.get("num_images"), settings.get("num_real")
    if not isinstance(generated, int):
        return ""
    data = _dict(run.config.get("data"))
    shape = run.info.get("image_shape")
    extractor = metrics.EXTRACTOR_TITLES.get(settings.get("extractor"), settings.get("extractor"))
    parts = [
        f"{generated:,} generated against {f'{real:,}' if real else 'all'} real images of "
        f"{data.get('name')} {data.get('split')}",
        *(["x".join(map(str, shape))] if shape else []),
        str(extractor),
        f"{'averaged' if as_number(run.config.get('ema_decay')) else 'raw'} generator weights",
    ]
    return f": {'; '.join(parts)} (as config.json has it now)"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
