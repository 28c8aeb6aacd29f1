"""What a compiled program does, read from its text: collectives, and types of its products."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

COLLECTIVES = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "collective-permute",
    "all-to-all",
)
_BYTES = {"pred": 1, "bf16": 2, "c64": 8, "c128": 16}
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{$")
_INSTRUCTION = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = (.*?) ([a-z][\w\-]*)\((.*)$")
_ARRAY = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")
_CALLED = re.compile(
    r"\b(?:calls|to_apply|true_computation|false_computation|branch_computations)="
    r"(?:\{([^}]*)\}|(%?[\w.\-]+))"
)


class Instruction(NamedTuple):
    """An instruction of a computation.

    Attributes:
      name: Unique in its computation.
      type: Of its result, as "f32[64,3]{1,0}".
      opcode: What it does.
      rest: Its operands and attributes.
      root: Whether it is the computation's result.
    """

    name: str
    type: str
    opcode: str
    rest: str
    root: bool

    @property
    def operands(self) -> list[str]:
        """The names of its operands."""
        inside, depth = [], 1
        for character in self.rest:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0:
                break
            inside.append(character)
        return re.findall(r"%([\w.\-]+)", "".join(inside))


class Counts(NamedTuple):
    """What a program does in a step.

    Attributes:
      collectives: `{opcode: {"count": times, "bytes": of the results on one device}}`, in every
        step; what is done once per call of many steps is a fraction.
      in_conditionals: The same of branches, as if they were taken in every step.
      products: `{"bf16 x bf16": {"count": times, "precision": ...}}`: convolutions and matrix
        products by the types of their operands, branches included.
    """

    collectives: dict[str, dict[str, float]]
    in_conditionals: dict[str, dict[str, float]]
    products: dict[str, float]


def array_bytes(type_: str) -> int:
    """The bytes of a type's arrays, without padding: 16 of "(f32[2]{0}, bf16[2,2])"."""
    return sum(
        math.prod(int(n) for n in shape.split(",") if n) * _item_bytes(dtype)
        for dtype, shape in _ARRAY.findall(type_)
    )


def _item_bytes(dtype: str) -> int:
    if dtype in _BYTES:
        return _BYTES[dtype]
    bits = re.search(r"\d+", dtype)
    return max(1, int(bits[0]) // 8) if bits else 0


def parse(text: str) -> tuple[str, dict[str, list[Instruction]]]:
    """Cuts a program into its computations.

    Args:
      text: As `jax.stages.Compiled.as_text` writes it.

    Returns:
      The name of the one that it begins with, and `{name: instructions}`.

    Raises:
      ValueError: If there is no such computation.
    """
    entry, inside = "", None
    computations: dict[str, list[Instruction]] = {}
    for line in text.splitlines():
        if match := _INSTRUCTION.match(line):
            if inside is not None:
                root, name, type_, opcode, rest = match.groups()
                computations[inside].append(Instruction(name, type_, opcode, rest, bool(root)))
        elif match := _COMPUTATION.match(line):
            inside = match[2]
            computations[inside] = []
            entry = inside if match[1] else entry
        elif line.startswith("}"):
            inside = None
    if not entry:
        raise ValueError("the text of a compiled program has no ENTRY")
    return entry, computations


def count(text: str, *, steps: int) -> Counts:
    """Counts what a program of some steps does in each.

    Args:
      text: As `jax.stages.Compiled.as_text` writes it.
      steps: How many it has.

    Raises:
      ValueError: If a loop with something to count runs for a number of times that is not known.
    """
    entry, computations = parse(text)
    always: dict[str, dict[str, float]] = defaultdict(lambda: {"count": 0.0, "bytes": 0.0})
    rarely: dict[str, dict[str, float]] = defaultdict(lambda: {"count": 0.0, "bytes": 0.0})
    products: dict[str, float] = defaultdict(float)
    for name, times, conditional in _runs(entry, computations, 1.0 / steps, False):
        types = {one.name: one.type for one in computations[name]}
        for one in computations[name]:
            opcode = one.opcode.removesuffix("-start")
            if opcode in COLLECTIVES:
                found = (rarely if conditional else always)[opcode]
                found["count"] += times
                found["bytes"] += times * _result_bytes(one, types)
            elif opcode in ("convolution", "dot"):
                products[_product_of(one, types)] += times
    return Counts(dict(always), dict(rarely), dict(products))


def _runs(
    name: str, computations: dict[str, list[Instruction]], times: float, conditional: bool
) -> Iterator[tuple[str, float, bool]]:
    """Every use of a computation: its name, how often, whether in a branch."""
    yield name, times, conditional
    for one in computations[name]:
        if one.opcode == "while":
            body, condition = (
                re.search(rf"\b{what}=%?([\w.\-]+)", one.rest)[1]  # type: ignore[index]
                for what in ("body", "condition")
            )
            trips = _trips(one, computations[condition])
            inner = list(_runs(body, computations, times * (trips or 1), conditional))
            if trips is None and any(_counts(computations[used]) for used, *_ in inner):
                raise ValueError(f"how often the loop {one.name} runs is not known")
            yield from inner
            continue
        for several, single in _CALLED.findall(one.rest):
            for called in re.findall(r"[\w.\-]+", several or single):
                if called in computations:
                    branch = conditional or one.opcode == "conditional"
                    yield from _runs(called, computations, times, branch)


def _counts(instructions: list[Instruction]) -> bool:
    wanted = {*COLLECTIVES, *(f"{name}-start" for name in COLLECTIVES), "convolution", "dot"}
    return any(one.opcode in wanted for one in instructions)


def _trips(loop: Instruction, condition: list[Instruction]) -> int | None:
    """How often a loop runs, which counts from 0 to a constant."""
    if known := re.search(r'known_trip_count":\{"n":"(\d+)"', loop.rest):
        return int(known[1])
    by_name = {one.name: one for one in condition}
    root = next((one for one in condition if one.root), None)
    if root is None or root.opcode != "compare" or "direction=LT" not in root.rest:
        return None
    limit = by_name.get(root.operands[-1])
    value = re.match(r"(\d+)\)", limit.rest) if limit and limit.opcode == "constant" else None
    return int(value[1]) if value else None


def _result_bytes(one: Instruction, types: dict[str, str]) -> int:
    # What starts one and does not wait has its operands and context in its result as well.
    if one.opcode.endswith("-start") and one.opcode != "all-reduce-start":
        operands = sum(array_bytes(types.get(name, "")) for name in one.operands)
        return max(0, array_bytes(one.type) - operands)
    return array_bytes(one.type)


def _product_of(one: Instruction, types: dict[str, str]) -> str:
    dtypes = []
    for name in one.operands[:2]:
        found: Any = _ARRAY.search(types.get(name, ""))
        dtypes.append(found[1] if found else "?")
    precision = re.search(r"operand_precision=\{(\w+)", one.rest)
    return " x ".join(dtypes) + (f" {precision[1]}" if precision else "")
