"""How scores are computed, so that numbers are compared only where they can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan_jax import metrics
from gan_jax.core import Category, Sampler
from gan_jax.evaluation.reference import Reference
from gan_jax.names import check_name

METRICS = tuple(metrics.METRIC_TITLES)
# Those that compare single images, not sums over them.
NEED_FEATURES = ("kid", "precision", "recall", "density", "coverage")
LOWER_IS_BETTER = ("fid", "kid")
SPLITS = 10
NEIGHBORS = {"precision": 3, "recall": 3, "density": 5, "coverage": 5}
SUBSETS, SUBSET_SIZE = 100, 1000
# Keys of a protocol that belong to a metric.
SETTINGS = (
    "inception_score_splits",
    "kid_subsets",
    "kid_subset_size",
    *(f"{name}_neighbors" for name in NEIGHBORS),
)


def check_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """Refuses unknown metrics.

    Raises:
      ValueError: Naming the nearest, or that there is none at all.
    """
    # `--config.evaluate.metrics=fid,kid` arrives as one string.
    names = [part.strip() for name in names for part in str(name).split(",") if part.strip()]
    if not names:
        raise ValueError(f"no metric is asked for, there are {', '.join(METRICS)}")
    for name in names:
        check_name("metric", name, METRICS)
    return tuple(dict.fromkeys(names))


def check_counts(names: Iterable[str], real: int, fake: int) -> None:
    """Refuses too few images for what is asked for, before anything is computed.

    Raises:
      ValueError: Naming the metric and how many it needs.
    """
    for name in names:
        # Of fewer than four images KID's subsets are all the same two.
        least = 4 if name == "kid" else max(2, NEIGHBORS.get(name, 0) + 1)
        for kind, count in (("real", real), ("generated", fake)):
            if count < least:
                raise ValueError(
                    f"{name} needs at least {least} {kind} images, not {count}: raise num_"
                    f"{'real' if kind == 'real' else 'images'}"
                )


def needs_features(names: Iterable[str]) -> bool:
    """Whether a metric among these compares single images."""
    return any(name in NEED_FEATURES for name in names)


def most_neighbors(names: Iterable[str]) -> int:
    """To how many neighbors distances are needed by the metrics among these; 0 for none."""
    return max((NEIGHBORS[name] for name in names if name in NEIGHBORS), default=0)


def kid_subset_size(real: int, fake: int) -> int:
    """Of KID: as in the paper, or of few images half, which leaves its standard error defined."""
    return min(SUBSET_SIZE, max(2, min(real, fake) // 2))


def samples_protocol(
    reference: Reference,
    sampler: Sampler,
    names: Sequence[str],
    *,
    family: str,
    sampler_name: str,
    image_shape: Sequence[int],
    sources: Mapping[str, str],
    precision: str,
    count: int,
    seed: int,
    options: Mapping[str, Any],
    averaged: bool,
) -> dict[str, Any]:
    """All that the score of a run's samples depends on, but for the step: `{name: JSON value}`.

    Args:
      reference: The real images.
      sampler: A sampler of the game.
      names: Metrics.
      family: The family of the run.
      sampler_name: Its name in the game.
      image_shape: (H, W, C) of generated images.
      sources: `{array: identity of its data set}`, of the rows that the sampler reads.
      precision: The run's, a key of `core.PRECISIONS`.
      count: The number of generated images.
      seed: Seed of the inputs.
      options: Values of some of `sampler.options`.
      averaged: Whether weights, and the statistics that go with them, are moving averages.
    """
    return {
        **reference.protocol,
        "fake_count": count,
        "fake_shape": list(image_shape),
        "pixels": "uint8",
        "family": family,
        "sampler": sampler_name,
        "seed": seed,
        "options": {**sampler.options, **options},
        "precision": precision,
        "weights": "averaged" if averaged else "raw",
        "categories": {
            name: "uniform" if one.labels is None else "as often as in the training data"
            for name, one in sampler.inputs.items()
            if isinstance(one, Category)
        },
        "sources": dict(sources),
        **metrics_protocol(names, reference.moments.count, count),
    }


def metrics_protocol(names: Sequence[str], real: int, fake: int) -> dict[str, Any]:
    """The settings of the metrics, where they have any."""
    found: dict[str, Any] = {}
    if "inception_score" in names:
        found["inception_score_splits"] = min(SPLITS, fake)
    if "kid" in names:
        found |= {"kid_subsets": SUBSETS, "kid_subset_size": kid_subset_size(real, fake)}
    return found | {f"{name}_neighbors": k for name, k in NEIGHBORS.items() if name in names}


def describe(scores: Mapping[str, float], protocol: Mapping[str, Any]) -> str:
    """The scores and their protocol in one line, ready for a paper."""
    step = f"step {protocol['step']:,}: " if "step" in protocol else ""
    return f"{step}{describe_scores(scores, protocol)} ({describe_protocol(protocol)})"


def describe_scores(scores: Mapping[str, float], protocol: Mapping[str, Any]) -> str:
    """The scores by their titles."""
    extractor, parts = protocol["extractor"], []
    for name in METRICS:
        value = scores.get(metrics.metric_key(name, extractor))
        if value is None:
            continue
        part = f"{metrics.metric_title(name, extractor)} {value:.4g}"
        spreads = [
            f"{words} {scores[key]:.2g}"
            for spread, words in (("std", "std"), ("standard_error", "standard error"))
            if (key := metrics.metric_key(f"{name}_{spread}", extractor)) in scores
        ]
        parts.append(f"{part} ({', '.join(spreads)})" if spreads else part)
    return ", ".join(parts)


def describe_protocol(protocol: Mapping[str, Any]) -> str:
    """Counts, data, extractor, weights and the metrics' settings in a phrase."""
    parts = [
        f"{protocol['fake_count']:,} generated{_kind(protocol)} against "
        f"{protocol['real_count']:,} real images{_of_what(protocol)}",
        _extractor(protocol),
    ]
    if "weights" in protocol:
        precision = "" if protocol["precision"] == "float32" else f" in {protocol['precision']}"
        options = "".join(
            f", no {name}" if value is None else f", {name} {value}"
            for name, value in protocol["options"].items()
        )
        parts.append(f"{protocol['weights']} weights{precision}{options}, seed {protocol['seed']}")
    parts += [f"{key.replace('_', ' ')} {protocol[key]:,}" for key in SETTINGS if key in protocol]
    return "; ".join(parts)


def _kind(protocol: Mapping[str, Any]) -> str:
    """Where generated images are from, or their size where it is not that of the real ones."""
    if "source" in protocol:
        return f" ({protocol['source']})"
    if protocol["fake_shape"][:2] != protocol["real_shape"][:2]:
        return f" ({_size(protocol['fake_shape'])})"
    return ""


def _of_what(protocol: Mapping[str, Any]) -> str:
    """Which real images they are."""
    if "real_source" in protocol:
        return f" ({protocol['real_source']})"
    return f" of {_size(protocol['real_shape'])} of {_data(protocol)}"


def _extractor(protocol: Mapping[str, Any]) -> str:
    """The extractor; its weights, where it was used here."""
    if "weights_sha256" not in protocol:
        return protocol["extractor_title"]
    return (
        f"{protocol['extractor_title']}, {protocol['resize']}, weights "
        f"{protocol['weights_sha256'][:8]}"
    )


def _size(shape: Sequence[int]) -> str:
    return f"{shape[1]}x{shape[0]}"


def _data(protocol: Mapping[str, Any]) -> str:
    """Which real images they are: their array and classes, where there are others too."""
    array = "" if protocol["array"] == "image" else f" ({protocol['array']})"
    only = [
        f", only {', '.join(names)}"
        for labels, names in protocol["classes"].items()
        if len(names) < protocol["num_classes"][labels]
    ]
    return f"{protocol['data']} {protocol['split']}{array}{''.join(only)}"
