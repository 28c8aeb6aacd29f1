"""A plan as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MIB = 2.0**20


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of one length as lines: the first cell to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)


def networks_table(networks: Sequence[Mapping[str, Any]]) -> str:
    """What the networks consist of, see `gan_jax.modes.plan.hand_count.networks`."""
    rows = [["network", "collection", "numbers", "MiB"]]
    rows += [
        [one["network"], one["collection"], f"{one['numbers']:,}", _mib(one["bytes"])]
        for one in networks
    ]
    numbers, size = (sum(one[key] for one in networks) for key in ("numbers", "bytes"))
    return aligned([*rows, ["all", "", f"{numbers:,}", _mib(size)]])


def step_table(phases: Sequence[Mapping[str, Any]], *, where: str) -> str:
    """The hand counts of a step, one column per phase.

    Args:
      phases: Of each phase the result of `count_step`, with "there_is" in bytes.
      where: What a device is called.
    """
    rows = [
        [f"by hand count, of {where}", *_titles(phases)],
        ["images in a batch", *(f"{one['batch_size']:,}" for one in phases)],
        ["GFLOP per step", *(f"{one['flops'] / 1e9:,.2f}" for one in phases)],
        *_player_rows(phases),
        ["MiB of products' operands and results", *(_mib(one["product_bytes"]) for one in phases)],
        ["MiB of optimizers and averages", *(_mib(one["update_bytes"]) for one in phases)],
        ["FLOP per byte", *(f"{one['intensity']:,.0f}" for one in phases)],
        ["memory, MiB", *("" for _ in phases)],
    ]
    rows += [
        [f"  {part}", *(_mib(one["memory"][part]) for one in phases)]
        for part in phases[0]["memory"]
    ]
    rows.append(["  sum", *(_mib(sum(one["memory"].values())) for one in phases)])
    rows.append(["  there is", *(_mib(one["there_is"]) for one in phases)])
    return aligned(rows)


def _player_rows(phases: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows: dict[str, list[str]] = {}
    for index, phase in enumerate(phases):
        for player in phase["players"]:
            often = f"{player['updates']} of" if player["updates"] > 1 else "of"
            rare = f", every {player['every']} steps" if player["every"] > 1 else ""
            title = f"  {often} {player['player']}{rare}"
            cells = rows.setdefault(title, ["" for _ in phases])
            cells[index] = f"{player['updates'] * player['flops'] / 1e9:,.2f}"
    return [[title, *cells] for title, cells in rows.items()]


def compiled_table(phases: Sequence[Mapping[str, Any]], *, topology: str) -> str:
    """What the compiler makes of a step and what the chips allow, one column per phase.

    Args:
      phases: Of each phase `{"step": count_step's, "compiled": compile_phase's, "roofline": ...}`.
      topology: The slice's name.
    """
    compiled = [one["compiled"] for one in phases]
    limits = [one["roofline"] for one in phases]
    activations = [one["step"]["memory"]["activations"] for one in phases]
    rows = [
        [f"compiled for {topology}, of a device", *_titles(phases)],
        ["steps per call", *(str(one["steps_per_call"]) for one in compiled)],
        ["seconds to compile", *(f"{one['compile_seconds']:.0f}" for one in compiled)],
        ["memory, MiB", *("" for _ in phases)],
    ]
    for part in ("arguments", "outputs", "aliased", "temporaries", "program", "peak", "there_is"):
        rows.append([f"  {part.replace('_', ' ')}", *(_mib(one[part]) for one in compiled)])
    ratios = [
        one["temporaries"] / max(1, size) for one, size in zip(compiled, activations, strict=True)
    ]
    rows.append(["  temporaries by activations", *(f"{ratio:.2f}" for ratio in ratios)])
    rows += _counted("collectives per step, MiB", [one["collectives"] for one in compiled])
    rows += _counted(
        "collectives of branches", [one["collectives_in_conditionals"] for one in compiled]
    )
    names = dict.fromkeys(name for one in compiled for name in one["products"])
    rows.append(["products per step", *("" for _ in phases)])
    rows += [[f"  {n}", *(f"{one['products'].get(n, 0):g}" for one in compiled)] for n in names]
    rows.append(["shortest step, ms", *(f"{1e3 * one['overlapped']:.3f}" for one in limits)])
    for part in ("arithmetic", "traffic", "links", "hops"):
        rows.append([f"  {part}", *(f"{1e3 * one[part]:.3f}" for one in limits)])
    rows.append(["scaling, overlapped", *(f"{one['scaling_overlapped']:.0%}" for one in limits)])
    rows.append(["scaling, in sequence", *(f"{one['scaling_in_sequence']:.0%}" for one in limits)])
    return aligned(rows)


def _counted(title: str, phases: Sequence[Mapping[str, Mapping[str, float]]]) -> list[list[str]]:
    names = dict.fromkeys(name for one in phases for name in one)
    rows = [[title, *("" if names else "none" for _ in phases)]]
    for name in names:
        found = [one.get(name, {"count": 0, "bytes": 0}) for one in phases]
        rows.append([f"  {name}", *(f"{f['count']:g}: {_mib(f['bytes'])}" for f in found)])
    return rows


def _titles(phases: Sequence[Any]) -> list[str]:
    return [f"phase {i}" for i in range(len(phases))] if len(phases) > 1 else [""]


def _mib(size: float) -> str:
    return f"{size / _MIB:,.2f}"
