"""Times the forms of the convolutions on a CPU, forward and both gradients, in turn.

    python benchmarks/convolution_forms.py --json=benchmarks/results/convolution_forms.json

From it comes the rule by which `gan_jax.layers.conv` chooses a form; the last column says what it
chooses, and what a better choice would save.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from gan_jax import layers  # noqa: E402
from gan_jax.runs.allocator import keep_freed_memory  # noqa: E402

FORMS = ("matmul", "winograd 2", "winograd 4", "auto")
KINDS = {
    "4x4, stride 2": (layers.conv, 4, 2),
    "4x4 transposed": (layers.conv_transpose, 4, 2),
    "3x3": (layers.conv, 3, 1),
}


class Case(NamedTuple):
    """One layer: `positions` is the side of the smaller map, `channels` of the other one first."""

    kind: str
    batch: int
    positions: int
    channels: tuple[int, int]


def cases(batches: Sequence[int], sides: Sequence[int], widths: Sequence[int]) -> list[Case]:
    """Every kind of layer on every map; channels as networks have them, doubled by a stride."""
    return [
        Case(kind, batch, side, (width, width if kind == "3x3" else 2 * width))
        for kind in KINDS
        for batch in batches
        for side in sides
        for width in widths
    ]


def program(case: Case, form: str) -> tuple[Callable[..., Any], tuple[jax.Array, ...]]:
    """The compiled layer with its gradients, and its arguments."""
    convolve, window, stride = KINDS[case.kind]
    transposed = convolve is layers.conv_transpose
    narrow, wide = case.channels
    side, channels = (case.positions, wide) if transposed else (case.positions * stride, narrow)
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape).astype(np.float32))

    x = draw(case.batch, side, side, channels)
    kernel = draw(window, window, narrow, wide) / np.sqrt(window**2 * narrow)
    name, _, tile = form.partition(" ")
    options = {"tile": (int(tile),) * 2} if tile else {}

    def layer(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolve(x, kernel, strides=stride, padding=1, implementation=name, **options)

    def with_gradients(x: jax.Array, kernel: jax.Array, cotangent: jax.Array):
        y, pull = jax.vjp(layer, x, kernel)
        return y, *pull(cotangent)

    shape = jax.eval_shape(layer, x, kernel).shape
    arguments = (x, kernel, draw(*shape))
    return jax.jit(with_gradients).lower(*arguments).compile(), arguments


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """Milliseconds of each form, every round's and their median."""
    programs = {form: program(case, form) for form in FORMS}
    seconds: dict[str, list[float]] = {form: [] for form in FORMS}
    for call, arguments in programs.values():
        jax.block_until_ready(call(*arguments))
    for number in range(rounds):
        for form in FORMS[:: 1 if number % 2 else -1]:
            call, arguments = programs[form]
            start = time.perf_counter()
            jax.block_until_ready(call(*arguments))
            seconds[form].append(time.perf_counter() - start)
    medians = {form: 1e3 * statistics.median(times) for form, times in seconds.items()}
    return {**case._asdict(), "milliseconds": medians, "seconds": seconds}


def main() -> None:
    """Measures every case and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--sides", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--widths", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--most", type=float, default=40, help="GFLOP of a case; others are left")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    keep_freed_memory()
    rows = []
    for case in cases(options.batches, options.sides, options.widths):
        window = KINDS[case.kind][1]
        products = case.batch * case.positions**2 * window**2 * np.prod(case.channels)
        if case.kind not in options.kinds or 6e-9 * products > options.most:
            continue
        rows.append(measure(case, options.rounds))
        times = rows[-1]["milliseconds"]
        best = min(times[form] for form in FORMS[:3])
        print(
            f"{case.kind:14} batch {case.batch:3} {case.positions:2}x{case.positions:<2} "
            f"{case.channels[0]:3} {case.channels[1]:3}  "
            + "  ".join(f"{form} {times[form]:7.2f}" for form in FORMS)
            + f"  auto over best {times['auto'] / best:.2f}",
            flush=True,
        )
    if options.json:
        from comparison_summary import write_json
        from machine import conditions

        write_json(options.json, {**conditions(), "rows": rows})


if __name__ == "__main__":
    main()
