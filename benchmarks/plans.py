"""`--mode=plan` of every config for TPU slices, and docs/plan.md of what it found.

python benchmarks/plans.py --results=benchmarks/results/plans.json      # compiles what is not there
python benchmarks/plans.py --results=benchmarks/results/plans.json --page=docs/plan.md

A case that the results hold is not compiled again: remove its entry to repeat it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SMALL, LARGE = "v5e:2x2", ("v5e:16x16", "v5p:4x4x4")
SCALED = ("dcgan_cifar10", "wgan_gp_cifar10")
HALF = ("dcgan_cifar10", "wgan_gp_cifar10", "cgan_cifar10")
_MIB = 2.0**20


class Case(NamedTuple):
    """One plan.

    Attributes:
      config: The name of its file in configs/.
      topology: The slice.
      precision: config.precision.
    """

    config: str
    topology: str
    precision: str = "float32"


def cases() -> Iterator[Case]:
    """Every config on the small slice, and some on the large ones or in bfloat16."""
    names = sorted(path.stem for path in (ROOT / "configs").glob("*_*.py"))
    configs = [name for name in names if not name.startswith("_")]
    yield from (Case(name, SMALL) for name in configs)
    yield from (Case(name, SMALL, "bfloat16") for name in HALF)
    yield from (Case(name, topology) for name in SCALED for topology in LARGE)


def run(case: Case) -> dict[str, Any]:
    """Plans one case in a process of its own; returns an entry of the results."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        command = [
            *(sys.executable, "main.py", "--mode=plan", f"--config=configs/{case.config}.py"),
            *(f"--topology={case.topology}", f"--config.precision={case.precision}"),
            f"--json={path}",
        ]
        subprocess.run(command, cwd=ROOT, check=True)
        found = json.loads(path.read_text())
    kept = {key: found["environment"][key] for key in ("jax", "libtpu")}
    return {**case._asdict(), **kept, "networks": found["networks"], "phases": found["phases"]}


def case_of(entry: dict[str, Any]) -> Case:
    """The case of an entry of the results."""
    return Case(entry["config"], entry["topology"], entry["precision"])


def memory_table(entries: Sequence[dict[str, Any]]) -> list[str]:
    """What a chip holds, in MiB, as lines of Markdown."""
    lines = [
        "| config | slice | precision | parameters | state | data | activations, by hand | "
        "temporaries | ratio | peak | of HBM |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, phase in _rows(entries):
        parts, compiled = phase["step"]["memory"], phase["compiled"]
        state = sum(parts[key] for key in parts if key in _STATE)
        cells = [
            *(f"{one / _MIB:,.1f}" for one in (parts["parameters"], state)),
            *(f"{parts[key] / _MIB:,.1f}" for key in ("resident data", "activations")),
            f"{compiled['temporaries'] / _MIB:,.1f}",
            f"{compiled['temporaries'] / parts['activations']:.2f}",
            f"{compiled['peak'] / _MIB:,.0f}",
            f"{compiled['peak'] / compiled['there_is']:.1%}",
        ]
        lines.append(_line(case, cells))
    return lines


def _where_gradients_are_larger(entries: Sequence[dict[str, Any]]) -> list[str]:
    """Why temporaries exceed twice the activations, where they do: a line for each."""
    lines = []
    for entry in entries:
        largest = max(
            (one["bytes"] for one in entry["networks"] if one["collection"] == "params"), default=0
        )
        for phase in entry["phases"]:
            temporaries = phase["compiled"]["temporaries"]
            activations = phase["step"]["memory"]["activations"]
            if temporaries > 2 * activations:
                lines += [
                    f"{' '.join(case_of(entry))}: temporaries hold gradients too, and those of its "
                    f"largest network are {largest / _MIB:.1f} MiB. Of these and the activations "
                    f"together they are {temporaries / (activations + largest):.2f}.",
                    "",
                ]
    return lines


_STATE = ("parameters", "other collections", "optimizers", "averages", "memory of the game")


def step_table(entries: Sequence[dict[str, Any]]) -> list[str]:
    """What a step does and takes at least, as lines of Markdown."""
    lines = [
        "| config | slice | precision | GFLOP | FLOP/byte | all-reduces | MiB | others | "
        "asked for | products | arithmetic | traffic | links | hops | shortest step | scaling |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, phase in _rows(entries):
        step, compiled, limit = (phase[key] for key in ("step", "compiled", "roofline"))
        reduces, others = collectives_of(compiled)
        products = ", ".join(f"{n:g} {name}" for name, n in compiled["products"].items())
        cells = [
            f"{step['flops'] / 1e9:,.1f}",
            f"{step['intensity']:.0f}",
            f"{reduces['count']:g}",
            f"{reduces['bytes'] / _MIB:.1f}",
            ", ".join(f"{n:g} {name}" for name, n in others.items()) or "none",
            ", ".join(step["precisions"]),
            products,
            *(f"{1e3 * limit[k]:.3f}" for k in ("arithmetic", "traffic", "links", "hops")),
            f"{1e3 * limit['overlapped']:.3f} to {1e3 * limit['in_sequence']:.3f}",
            f"{limit['scaling_in_sequence']:.0%} to {limit['scaling_overlapped']:.0%}",
        ]
        lines.append(_line(case, cells))
    return lines


def collectives_of(compiled: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """The all-reduces of every step, and the counts of all other collectives, branches included."""
    reduces = compiled["collectives"].get("all-reduce", {"count": 0.0, "bytes": 0.0})
    others: dict[str, float] = {}
    for group in ("collectives", "collectives_in_conditionals"):
        for name, one in compiled[group].items():
            if name != "all-reduce":
                others[name] = others.get(name, 0.0) + one["count"]
    return reduces, others


def _rows(entries: Sequence[dict[str, Any]]) -> Iterator[tuple[Case, dict[str, Any]]]:
    for entry in entries:
        for phase in entry["phases"]:
            yield case_of(entry), phase


def _line(case: Case, cells: Sequence[str]) -> str:
    return f"| {' | '.join([case.config, case.topology, case.precision, *cells])} |"


def page(entries: Sequence[dict[str, Any]]) -> str:
    """docs/plan.md: what is compiled, and the tables."""
    versions = sorted({f"JAX {one['jax']} and libtpu {one['libtpu']}" for one in entries})
    return "\n".join(
        [
            *_INTRODUCTION,
            f"Compiled with {', '.join(versions)}; written by `benchmarks/plans.py` from "
            "`benchmarks/results/plans.json`, and not by hand.",
            "",
            *_missing(entries),
            "## Memory of a chip, MiB",
            *_MEMORY,
            *memory_table(entries),
            "",
            *_where_gradients_are_larger(entries),
            "## A step of a chip",
            *_STEP,
            *step_table(entries),
            "",
        ]
    )


def _missing(entries: Sequence[dict[str, Any]]) -> list[str]:
    there = {case_of(entry) for entry in entries}
    left = [" ".join(case) for case in cases() if case not in there]
    lines = [f"Not compiled yet: {', '.join(left)}.", ""] if left else []
    if any("float32 default" in phase["step"]["precisions"] for _, phase in _rows(entries)):
        lines += [
            'Steps that ask for "float32 default" were compiled before `config.precision=float32` '
            "meant true float32, which takes six times the arithmetic on a TPU: their arithmetic, "
            "shortest step and scaling are those of products in one pass of bfloat16.",
            "",
        ]
    return lines


_INTRODUCTION = [
    "# Every config on TPU slices that nobody had at hand",
    "`python main.py --mode=plan --config=NAME --topology=v5e:2x2` compiles the very steps that "
    "training compiles, with the TPU's own compiler, which needs no TPU "
    "(`pip install 'gan_jax[tpu]'`). Each config here has its own batch size on every chip, and 50 "
    "steps per call. Nothing was run: the times are lower bounds by arithmetic, and a real step "
    "takes longer.",
    "",
]
_MEMORY = [
    "State: parameters, other collections, optimizers, averages. Data: the images that lie on "
    "every chip. Activations: what the backward pass of the largest update reads, counted by hand "
    "from the traced program. Temporaries, and the peak with the program itself: as the compiler "
    "plans them. The ratio is of temporaries to activations; it is below 1 where the compiler "
    "keeps activations in bfloat16 or in the chip's own memory, which is no part of HBM.",
    "",
]
_STEP = [
    "GFLOP and FLOP/byte by hand count. Collectives as in the compiled program, in every step; "
    "those of monitors, which run at log lines only, are not among them. Asked for: types and "
    "precisions of the products as traced (a float32 product takes one pass of bfloat16 at JAX's "
    "precision default, three at high, six at highest). Products: convolutions and matrix "
    "products of the compiled program by the types of their operands; penalties and losses are "
    "float32 by design. Milliseconds of the chip's arithmetic, of its memory's traffic, of the "
    "bytes over the links and of the latency of their hops (the model stands in "
    "`gan_jax/modes/plan/roofline.py`). The shortest step and the scaling from one chip to the "
    "slice, at the same batch per chip, are given for communication that is hidden behind the "
    "arithmetic and for communication that is not.",
    "",
]


def main() -> None:
    """Compiles the cases that are not there, or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    path = options.results
    entries = json.loads(path.read_text()) if path.exists() else []
    if options.page:
        options.page.write_text(page(entries))
        return
    there = {case_of(entry) for entry in entries}
    for case in cases():
        if case in there:
            continue
        entries.append(run(case))
        order = {one: i for i, one in enumerate(cases())}
        entries.sort(key=lambda entry: order.get(case_of(entry), len(order)))
        lines = ",\n".join(json.dumps(entry) for entry in entries)
        path.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
