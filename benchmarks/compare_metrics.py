"""Compares the statistics of gan_jax.metrics with torch-fidelity's on the same features.

    python benchmarks/compare_metrics.py --torch-python=/path/to/python-with-torch-fidelity

makes features like an Inception network's (not negative, of few dimensions that matter), more and
fewer samples than dimensions, and logits; has torch-fidelity compute its statistics of them in a
process of its own, in single and in double precision; prints both side by side, and ends with
status 1 if one differs by more than the bar in double precision. What differs in single precision
alone is the rounding of torch-fidelity's KID, a small difference of large means.
`--features=FILE.npz` adds features of images.

torch-fidelity's random choices (KID's subsets, the shuffle before the Inception Score's splits) are
repeated here from its documented seed, and passed to gan_jax as `subset_indices` and `positions`:
what is compared is the statistic, not the draw.
"""

import argparse
import dataclasses
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from compare import conditions
from comparison_summary import write_json

HERE = Path(__file__).resolve().parent
BAR = 1e-4
DECISIVE = "float64"
EXPLANATION = (
    "relative_difference is |gan_jax - torch-fidelity| / |torch-fidelity|. Both are given the same "
    "float32 features; torch-fidelity as they are, and once more as float64. gan_jax computes in "
    "float64 in either case, so the bar is held against torch-fidelity in float64; what differs in "
    "float32 alone is torch-fidelity's own rounding. seconds are of one run each, on a machine "
    "that does other work too."
)


@dataclasses.dataclass(frozen=True)
class Case:
    """One set of features.

    Attributes:
      real, fake: Samples of each.
      dim: Their dimensions.
      difference: How far the generated features are from the real ones' distribution; None if
        they are not drawn here.
      subsets, subset_size: Of KID.
    """

    real: int
    fake: int
    dim: int
    difference: float | None
    subsets: int = 20
    subset_size: int = 200
    splits: int = 10
    neighbors: int = 3
    seed: int = 2020  # torch-fidelity's default, from which it draws subsets and shuffles.


CASES = {
    "300_samples_in_2048_dimensions": Case(300, 300, 2048, 0.1),
    "1500_and_700_samples_in_2048_dimensions": Case(1500, 700, 2048, 0.1),
    "5000_samples_in_256_dimensions": Case(5000, 5000, 256, 0.05, 100, 1000),
    "3000_samples_in_1280_dimensions": Case(3000, 3000, 1280, 0.1, 20, 1000),
    "5000_samples_in_2048_dimensions": Case(5000, 5000, 2048, 0.05, 20, 1000),
}


def draw_case(case: Case, seed: int) -> dict[str, np.ndarray]:
    """Features and logits, float32: rectified sums of a few strong factors and of noise."""
    generator = np.random.default_rng(seed)
    factors = 40
    weights = generator.normal(size=(factors, case.dim)) / np.sqrt(factors)
    strengths = np.geomspace(1.0, 0.05, factors)

    def features(count: int, difference: float) -> np.ndarray:
        hidden = generator.normal(size=(count, factors)) * (1 + difference) + difference
        noise = 0.2 * generator.normal(size=(count, case.dim))
        return np.maximum((hidden * strengths) @ weights + noise + 0.1, 0.0).astype(np.float32)

    logits = 2.0 * generator.normal(size=(case.fake, 30)) @ generator.normal(size=(30, 1008))
    return {
        "real": features(case.real, 0.0),
        "fake": features(case.fake, case.difference),
        "logits": (logits / 4.0).astype(np.float32),
    }


def read_case(path: Path) -> tuple[Case, dict[str, np.ndarray]]:
    """Features and logits of a user's.

    Raises:
      SystemExit: The file cannot be read, or lacks an array.
    """
    try:
        with np.load(path) as file:
            arrays = {key: file[key].astype(np.float32) for key in ("real", "fake", "logits")}
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"error: {path} must hold real, fake and logits: {error}") from error
    real, fake = (len(arrays[key]) for key in ("real", "fake"))
    if len(arrays["logits"]) != fake:
        raise SystemExit(
            f"error: {path} has {fake} fake features and {len(arrays['logits'])} logits"
        )
    size = min(real, fake, 1000)
    return Case(real, fake, arrays["real"].shape[1], None, 20, size), arrays


def torch_fidelity_subsets(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """The subsets that torch-fidelity draws, as (rows of real, rows of fake)."""
    generator = np.random.RandomState(case.seed)
    subsets = []
    for _ in range(case.subsets):
        fake = generator.choice(case.fake, case.subset_size, replace=False)
        real = generator.choice(case.real, case.subset_size, replace=False)
        subsets.append((real, fake))
    return subsets


def torch_fidelity_positions(case: Case) -> np.ndarray:
    """Where torch-fidelity's shuffle puts each sample."""
    return np.argsort(np.random.RandomState(case.seed).permutation(case.fake))


def our_statistics(
    arrays: Mapping[str, np.ndarray], case: Case
) -> tuple[dict[str, float], dict[str, float]]:
    """All of gan_jax's statistics that torch-fidelity has too, and the seconds of each group."""
    from gan_jax import metrics

    real, fake, logits = (arrays[key] for key in ("real", "fake", "logits"))
    values, seconds = {}, {}

    def run(name, names, function) -> None:
        start = time.perf_counter()
        answer = function()
        seconds[name] = time.perf_counter() - start
        values.update(zip(names, np.atleast_1d(answer).tolist(), strict=False))

    def shuffled_score():
        state = metrics.inception_score_moments(
            logits, total=case.fake, splits=case.splits, positions=torch_fidelity_positions(case)
        )
        return metrics.inception_score(state)

    run("fid", ["fid"], lambda: metrics.frechet_inception_distance(real, fake))
    run(
        "kid",
        ["kid", "kid_std"],
        lambda: metrics.kernel_inception_distance(
            real, fake, subset_indices=torch_fidelity_subsets(case)
        ),
    )
    for name, score in (
        ("inception_score", lambda: metrics.inception_score(logits, splits=case.splits)),
        ("inception_score_shuffled", shuffled_score),
    ):
        run(name, [name, f"{name}_std"], score)
    run(
        "precision_recall",
        ["precision", "recall"],
        lambda: metrics.precision_recall(real, fake, neighbors=case.neighbors),
    )
    return values, seconds


def torch_statistics(python: str, folder: Path, cases: Mapping[str, Case]) -> dict[str, Any]:
    """What the worker answers.

    Raises:
      SystemExit: It failed; its messages have been printed.
    """
    settings = {name: dataclasses.asdict(case) for name, case in cases.items()}
    (folder / "settings.json").write_text(json.dumps(settings))
    command = [python, str(HERE / "metrics_torch_worker.py"), str(folder)]
    try:
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    except OSError as error:
        raise SystemExit(f"error: cannot run {python}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"error: torch-fidelity ended with status {error.returncode}") from error
    return json.loads(answer.stdout)


def compare_values(
    ours: Mapping[str, float], theirs: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One row for each statistic and precision."""
    rows = []
    for precision, answer in theirs.items():
        for name, value in answer["values"].items():
            difference = abs(ours[name] - value)
            rows.append(
                {
                    "statistic": name,
                    "precision_of_torch_fidelity": precision,
                    "gan_jax": ours[name],
                    "torch_fidelity": value,
                    "relative_difference": difference / abs(value) if value else difference,
                }
            )
    return rows


def largest_differences(results: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The largest relative difference in each precision of torch-fidelity."""
    worst: dict[str, float] = {}
    for result in results.values():
        for row in result["rows"]:
            precision = row["precision_of_torch_fidelity"]
            worst[precision] = max(worst.get(precision, 0.0), row["relative_difference"])
    return worst


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows, to read."""
    lines = [
        title,
        f"{'statistic':<30}{'precision':>10}{'gan_jax':>16}{'torch-fidelity':>16}"
        f"{'relative difference':>21}",
    ]
    for row in rows:
        difference = row["relative_difference"]
        lines.append(
            f"{row['statistic']:<30}{row['precision_of_torch_fidelity']:>10}"
            f"{row['gan_jax']:>16.9g}{row['torch_fidelity']:>16.9g}{difference:>21.1e}"
            f"{'' if difference <= BAR else f'  above {BAR:.0e}'}"
        )
    return "\n".join(lines)


def _cases(text: str) -> list[str]:
    names = text.split(",") if text else []
    for name in names:
        if name not in CASES:
            raise argparse.ArgumentTypeError(f"unknown case {name!r}; there are {', '.join(CASES)}")
    return names


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line; a mistake ends the process with status 2 and one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", default=sys.executable, help="python with torch-fidelity")
    parser.add_argument("--cases", type=_cases, default=list(CASES), help="default: all; '': none")
    parser.add_argument(
        "--features",
        type=Path,
        nargs="+",
        default=[],
        help=".npz files of real [N, D], fake [M, D], logits [M, K]",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the features")
    parser.add_argument("--json", type=Path, help="where to write every number")
    return parser.parse_args(arguments)


def compare(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, str]]:
    """What both compute of each case, with the rows of the table; torch-fidelity's versions."""
    given = [(path.stem, *read_case(path)) for path in options.features]
    drawn = ((name, CASES[name], draw_case(CASES[name], options.seed)) for name in options.cases)
    cases, values, seconds = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, case, arrays in itertools.chain(given, drawn):
            cases[name] = case
            np.savez(Path(folder) / f"{name}.npz", **arrays)
            values[name], seconds[name] = our_statistics(arrays, case)
            print(f"gan_jax: {name} done", file=sys.stderr)
        answer = torch_statistics(options.torch_python, Path(folder), cases)
    results = {}
    for name, theirs in answer["cases"].items():
        torch_seconds = {
            f"torch_fidelity_{precision}": numbers["seconds"]
            for precision, numbers in theirs.items()
        }
        results[name] = {
            "settings": dataclasses.asdict(cases[name]),
            "rows": compare_values(values[name], theirs),
            "seconds": {"gan_jax": seconds[name], **torch_seconds},
        }
    return results, answer["versions"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns the exit status."""
    options = parse_arguments(arguments)
    results, torch_versions = compare(options)
    for name, result in results.items():
        print(table(f"\n{name.replace('_', ' ')}", result["rows"]))
    worst = largest_differences(results)
    for precision, difference in worst.items():
        print(f"\nlargest relative difference, torch-fidelity in {precision}: {difference:.1e}")
    if options.json:
        ours = {name: metadata.version(name) for name in ("jax", "numpy", "scipy")}
        report = {
            **conditions(),
            "explanation": EXPLANATION,
            "bar": BAR,
            "largest_relative_differences": worst,
            "seed": options.seed,
            "versions": {"gan_jax": ours, "torch_fidelity": torch_versions},
            "cases": results,
        }
        write_json(options.json, report)
    return int(worst[DECISIVE] > BAR)


if __name__ == "__main__":
    sys.exit(main())
