"""The shortest step that a chip and its links allow, and the scaling that follows.

Williams, Waterman & Patterson 2009, "Roofline": a step takes at least as long as its arithmetic at
the chip's peak, and at least as long as its traffic at the bandwidth of its memory. Both are
counted by hand: a compiler comes near it, and below it only where it keeps operands on the chip.

Arithmetic: a TPU multiplies bfloat16. A float32 product takes one pass at JAX's precision
"default" (operands rounded to bfloat16), three at "high" and six at "highest".

Communication, of B bytes that n chips sum: an axis that is closed to a ring carries two rings, one
each way, an open one carries one, and all axes work at the same time. So an all-reduce takes
2 B (n - 1) / n over the bandwidth of all rings, and at least 1 us for every hop there and back
(Austin et al. 2025, "How to scale your model", https://jax-ml.github.io/scaling-book, chapters
"TPUs" and "Sharding"). Any other collective counts half of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gan_jax.modes.plan.chips import Topology

PASSES = {"default": 1, "high": 3, "highest": 6}
HOP_SECONDS = 1e-6


def roofline(
    step: Mapping[str, Any], collectives: Mapping[str, Mapping[str, float]], topology: Topology
) -> dict[str, float]:
    """The least that a step of a phase takes on a slice.

    Args:
      step: The hand count of one device, see `gan_jax.modes.plan.hand_count.count_step`.
      collectives: `{name: {"count": per step, "bytes": of a step's results}}` of one device.
      topology: The slice.

    Returns:
      Seconds: "arithmetic", "traffic", "links" (bytes between chips) and "hops" (their latency),
      "one_chip" (the longer of the first two), "overlapped" (the slice's step where chips
      communicate while they compute) and "in_sequence" (where they do not). What is left of a
      chip's speed on the slice at the same batch per chip: "scaling_overlapped" and
      "scaling_in_sequence", at most 1.
    """
    chip = topology.chip
    arithmetic = sum(
        flops * _passes(precision) for precision, flops in step["precisions"].items()
    ) / (chip.peak / chip.devices)
    traffic = step["bytes"] / (chip.bandwidth / chip.devices)
    links = sum(link_seconds(name, one["bytes"], topology) for name, one in collectives.items())
    hops = sum(one["count"] for one in collectives.values()) * hop_seconds(topology)
    one_chip, between = max(arithmetic, traffic), max(links, hops)
    overlapped, in_sequence = max(one_chip, between), one_chip + between
    return {
        "arithmetic": arithmetic,
        "traffic": traffic,
        "links": links,
        "hops": hops,
        "one_chip": one_chip,
        "overlapped": overlapped,
        "in_sequence": in_sequence,
        "scaling_overlapped": one_chip / overlapped,
        "scaling_in_sequence": one_chip / in_sequence,
    }


def _passes(precision: str) -> int:
    dtype, name = precision.split(" ")
    return PASSES.get(name, 1) if dtype == "float32" else 1


def link_seconds(collective: str, size: float, topology: Topology) -> float:
    """How long a collective's bytes take over the links.

    Args:
      collective: Its name, as "all-reduce".
      size: Bytes of its result on one device.
      topology: The slice.
    """
    rings = sum(2 if topology.is_ring(length) else 1 for length in topology.axes if length > 1)
    if not rings:
        return 0.0
    ways = 2 if collective == "all-reduce" else 1
    return ways * size * (1 - 1 / topology.chips) / (rings * topology.chip.link)


def hop_seconds(topology: Topology) -> float:
    """The latency of a collective: there and back along every axis."""
    hops = sum(length // 2 if topology.is_ring(length) else length - 1 for length in topology.axes)
    return 2 * hops * HOP_SECONDS
