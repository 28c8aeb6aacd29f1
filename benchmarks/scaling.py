"""How time and memory grow with batch size, width, devices, data and evaluated images.

    python benchmarks/scaling.py --sweeps=batch_size,width,devices,data,evaluation

measures each point in processes of its own (`scaling_point.py`), keeps the fastest, and writes one
JSON file and one plot for each sweep to --folder. Networks are small, so that all of it takes
about ten minutes on two processors; see README.md.
"""

import argparse
import itertools
import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import scaling_plots
from comparison_summary import write_json
from machine import conditions
from scaling_plots import SWEEPS as SWEEP_PLOTS

HERE = Path(__file__).resolve().parent
Row = dict[str, Any]
Points = Sequence[Mapping[str, Any]]
SWEEPS: Mapping[str, Points] = {
    "batch_size": [{"batch_size": size} for size in (8, 16, 32, 64, 128, 256, 512)],
    "width": [
        {"width": width, "batch_size": 32, "rounds": 8} for width in (0.0625, 0.125, 0.25, 0.5, 1.0)
    ],
    "devices": [
        {"devices": devices, "parallel": parallel}
        for parallel in ("jit", "pmap")
        for devices in (1, 2, 4, 8)
    ],
    "data": [
        {"images": images, "placement": placement, "width": 0.125, "rounds": 40}
        for placement in ("device", "host")
        for images in (10_000, 100_000, 1_000_000)
    ],
    "evaluation": [
        {"kind": "evaluation", "images": images} for images in (1_000, 4_000, 16_000, 64_000)
    ],
}
# A faster set for a test of the program itself.
SMOKE: Mapping[str, Points] = {
    name: [
        {**point, "width": 0.03125, "rounds": 1, "images": min(500, point.get("images", 500))}
        for point in points[:1]
    ]
    for name, points in SWEEPS.items()
}


def run_point(point: Mapping[str, Any]) -> Row:
    """Measures a point in a process of its own.

    Raises:
      subprocess.CalledProcessError: It failed; what it said is on stderr.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    devices = f"--xla_force_host_platform_device_count={point.get('devices', 1)}"
    result = subprocess.run(
        [sys.executable, str(HERE / "scaling_point.py"), json.dumps(point)],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"{flags} {devices}".strip()},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def merged(rows: Sequence[Row]) -> Row:
    """The fastest of a point's processes, and every step of all of them.

    Whatever else the machine does makes a process slower, and lasts for all of its few seconds.
    """
    row = dict(min(rows, key=lambda row: row.get("median_milliseconds") or row["seconds"]))
    if "milliseconds_per_step" in row:
        row["milliseconds_per_step"] = [one["milliseconds_per_step"] for one in rows]
    return row


def sweep(points: Points, repeats: int) -> list[Row]:
    """Measures the points of a sweep, going round them so that a slow minute slows all."""
    found: list[list[Row]] = [[] for _ in points]
    for _ in range(repeats):
        for point, rows in zip(points, found, strict=True):
            rows.append(run_point(point))
            print(describe(rows[-1]), file=sys.stderr, flush=True)
    return [merged(rows) for rows in found]


def describe(row: Row) -> str:
    """A measured point in one line."""
    if row["kind"] == "evaluation":
        each = 1e3 * row["seconds"] / row["images"]
        return (
            f"{row['images']:>9,} images: {row['seconds']:.1f} s, {each:.2f} ms per image, "
            f"{row['peak_megabytes']:,.0f} MB"
        )
    rate = 1e3 * row["batch_size"] / row["median_milliseconds"]
    return (
        f"batch {row['batch_size']}, width {row['width']:g}, {row['devices']} device(s) by "
        f"{row['parallel']}, {row['images']:,} images on {row['placement']}: "
        f"{row['median_milliseconds']:.1f} ms per step, {rate:,.0f} images/s, "
        f"{row['planned_megabytes']:,.0f} MB planned, {row['own_megabytes']:,.0f} MB own, "
        f"{row['mapped_megabytes']:,.0f} MB of files, {row['processors_used']:.1f} processors used"
    )


def exponents(x: Sequence[float], y: Sequence[float]) -> list[float]:
    """Between neighboring points, the power of x that y grows with: 1 is linear, 0 is flat."""
    points = itertools.pairwise(zip(x, y, strict=True))
    return [math.log(y2 / y1) / math.log(x2 / x1) for (x1, y1), (x2, y2) in points]


def growth(name: str, rows: Sequence[Row]) -> dict[str, list[float]]:
    """The exponents of a sweep's time, `{line of the plot: exponents}`."""
    drawn = SWEEP_PLOTS[name]
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(drawn.line_of(row), []).append(row)
    return {
        line: exponents([row[drawn.x] for row in one], [drawn.time.value(row) for row in one])
        for line, one in lines.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the sweeps; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--sweeps", default=",".join(SWEEPS), help="separated by commas")
    add("--repeats", type=int, default=2, help="processes of each point")
    add("--folder", type=Path, default=HERE / "results" / "scaling")
    add("--smoke", action="store_true", help="one tiny point of each sweep")
    options = parser.parse_args(arguments)
    table = SMOKE if options.smoke else SWEEPS
    names = options.sweeps.split(",")
    if unknown := [name for name in names if name not in table]:
        parser.error(f"unknown sweep {unknown[0]!r}; there are {', '.join(table)}")
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1, not {options.repeats}")
    for name in names:
        report = {**conditions(), "sweep": name, "repeats": options.repeats}
        report["points"] = sweep(table[name], options.repeats)
        report["exponents_of_time"] = growth(name, report["points"])
        write_json(options.folder / f"{name}.json", report)
        scaling_plots.write(name, report["points"], options.folder / f"{name}.png")
        for line, powers in report["exponents_of_time"].items():
            print(f"{name}, {line}: time grows with the power", *(f"{x:.2f}" for x in powers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
