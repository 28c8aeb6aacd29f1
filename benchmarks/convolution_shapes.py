"""Compares Winograd's form of the convolutions with XLA's own in many random shapes.

    python benchmarks/convolution_shapes.py --json=benchmarks/results/convolution_shapes.json

In each shape the value, both gradients, and both gradients of a penalty on the first of them are
compared, in float32 and bfloat16. The differences are shares of the largest value.
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from gan_jax import layers  # noqa: E402

# By the larger side of a tile. Of bfloat16, the sums over 8 bits are what counts.
BOUNDS = {"float32": {2: 1e-5, 4: 5e-5}, "bfloat16": {2: 2**-6, 4: 2**-6}}
TILES = ((2, 2), (4, 4), (2, 4), (4, 2))
NAMES = ("value", "gradient x", "gradient kernel", "second x", "second kernel")


class Case(NamedTuple):
    """A layer that has Winograd's form, with its arguments."""

    operation: Any
    x: np.ndarray
    kernel: np.ndarray
    options: dict[str, Any]
    tile: tuple[int, int]


def random_case(seed: int) -> Case:
    """Draws a layer: taps, strides, padding, odd and even maps, few to some dozen channels."""
    rng = np.random.default_rng(seed)
    operation = (layers.conv, layers.conv_transpose)[seed % 2]
    taps, strides = rng.integers(2, 4, 2), rng.integers(1, 3, 2)
    window = tuple(int(n) for n in taps * strides)
    pads = tuple((int(low), int(high)) for low, high in rng.integers(0, 3, (2, 2)))
    # Large enough that something is left of the output, whatever is cut or not padded.
    height, width = (int(n) for n in rng.integers(6, 15, 2))
    narrow, wide = (int(n) for n in rng.integers(1, 33, 2))
    channels = narrow if operation is layers.conv else wide
    x = rng.normal(size=(2, height, width, channels)).astype(np.float32)
    kernel = rng.normal(size=(*window, narrow, wide)).astype(np.float32)
    kernel /= np.sqrt(kernel[..., 0].size)
    options = {"strides": tuple(int(n) for n in strides), "padding": pads}
    return Case(operation, x, kernel, options, TILES[seed // 2 % 4])


def derivatives(function: Any, x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, ...]:
    """What `NAMES` says, of a function of both."""

    def value(x, kernel):
        return jnp.sum(jnp.sin(function(x, kernel)).astype(jnp.float32))

    def penalty(x, kernel):
        return jnp.sum(jax.grad(value)(x, kernel).astype(jnp.float32) ** 2)

    first = jax.grad(value, argnums=(0, 1))(x, kernel)
    return function(x, kernel), *first, *jax.grad(penalty, argnums=(0, 1))(x, kernel)


def differences(case: Case, dtype: Any) -> dict[str, float]:
    """The largest difference of each result, as a share of its largest value.

    Raises:
        ValueError: If a shape or dtype differs.
    """
    arrays = jnp.asarray(case.x, dtype), jnp.asarray(case.kernel, dtype)
    forms = (
        functools.partial(
            case.operation, implementation="winograd", tile=case.tile, **case.options
        ),
        functools.partial(case.operation, implementation="lax", **case.options),
    )
    found, expected = (jax.jit(functools.partial(derivatives, form))(*arrays) for form in forms)
    shares = {}
    for name, ours, theirs in zip(NAMES, found, expected, strict=True):
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            raise ValueError(f"{name}: {ours.shape} {ours.dtype} is not {theirs.shape}")
        ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
        shares[name] = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    return shares


def main() -> int:
    """Compares; the status is 1 if a difference is beyond its bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows, beyond = [], 0
    for seed in range(options.shapes):
        case = random_case(seed)
        for dtype, bounds in BOUNDS.items():
            found = differences(case, dtype)
            beyond += max(found.values()) > bounds[max(case.tile)]
            row = {"seed": seed, "operation": case.operation.__name__, "dtype": dtype}
            shapes = {"x": case.x.shape, "kernel": case.kernel.shape, "tile": case.tile}
            rows.append({**row, **shapes, **case.options, "differences": found})
    for dtype, bounds in BOUNDS.items():
        for tile, bound in bounds.items():
            of = [r for r in rows if r["dtype"] == dtype and max(r["tile"]) == tile]
            worst = {name: max(r["differences"][name] for r in of) for name in NAMES}
            text = ", ".join(f"{name} {share:.1e}" for name, share in worst.items())
            print(f"{dtype} tile {tile}: {len(of)} shapes, bound {bound:.1e}: {text}")
    print(f"{beyond} of {len(rows)} beyond their bound")
    if options.json:
        from comparison_summary import write_json
        from machine import conditions

        write_json(options.json, {**conditions(), "bounds": BOUNDS, "rows": rows})
    return int(beyond > 0)


if __name__ == "__main__":
    sys.exit(main())
