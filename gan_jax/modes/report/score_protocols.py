"""How scores were measured, so that only what may be compared is put together."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from gan_jax import metrics
from gan_jax.evaluation.protocols import describe_protocol
from gan_jax.modes.report.gathering import Run

# What a protocol says of the checkpoint and the kind of game, which a score is to compare.
_OF_THE_GAME = frozenset({"step", "family", "categories"})
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


def protocol_of(protocol: dict[str, Any], metric: str, *, several_samplers: bool) -> Protocol:
    """What of an evaluation's protocol concerns a metric.

    Args:
      protocol: As an evaluation keeps it.
      metric: As "kid".
      several_samplers: Whether the name of the sampler tells scores of one run apart; it is no
        reason not to compare runs of different games.

    Returns:
      The Protocol.
    """
    others = tuple(f"{other}_" for other in metrics.METRIC_TITLES)
    skipped = _OF_THE_GAME if several_samplers else {*_OF_THE_GAME, "sampler"}
    base = {
        key: value
        for key, value in protocol.items()
        if key not in skipped and not key.startswith(others)
    }
    if isinstance(base.get("options"), dict):
        # An option that is off is as good as one that a sampler does not have.
        base["options"] = {k: v for k, v in base["options"].items() if v is not None}
    settings = {
        key.replace("_", " "): value
        for key, value in protocol.items()
        if key.startswith(f"{metric}_")
    }
    try:
        line = describe_protocol(base)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        # Written by hand: then as it stands.
        line = _listed(base) or "protocol not stated"
    else:
        line += f"; sampler {base['sampler']}" if "sampler" in base else ""
    return Protocol(_canonical(base), line, _listed(settings))


def training_protocol(run: Run, name: str) -> Protocol:
    """How scores of the log were measured.

    Args:
      run: The run.
      name: `SCORE_PROTOCOL` of the line.

    Returns:
      The Protocol.
    """
    # The config may have changed since: it does not tell protocols apart that have names.
    line = f"{IN_TRAINING}, protocol {name}{_asked_for(run)}"
    return Protocol(f"training by {name}", line)


def _asked_for(run: Run) -> str:
    """What config.json says of evaluation in training, in a phrase."""
    settings = _dict(run.config.get("evaluate"))
    generated, real = settings.get("num_images"), settings.get("num_real")
    if not isinstance(generated, int):
        return ""
    data = " and ".join(f"{one['name']} {one['split']}" for one in run.info.streams.values())
    extractor = str(settings.get("extractor"))
    extractor = metrics.EXTRACTOR_TITLES.get(extractor, extractor)
    return (
        f": {generated:,} generated against {f'{real:,}' if real else 'all'} real images of {data}"
        f"; {extractor} (as config.json has it now)"
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
