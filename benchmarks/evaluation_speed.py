"""Times of all statistics of ready features, and what they differ from float64 by.

    python benchmarks/evaluation_speed.py --json=benchmarks/results/NAME.json

makes features of two sets by a seed (a mixture of Gaussians with a decaying spectrum in 2,048
dimensions, cut off at zero as Inception's are) and scores one against the other, each count in a
process of its own: the time of each statistic, without and with what is kept of the real images,
and the process's peak resident memory. Counts up to `--check` are also computed in float64 by plain
NumPy, in programs that share no code with the package. `--overlap` also measures how much of the
time to read images is hidden behind their extraction.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
DIMENSIONS = 2048
NEIGHBORS = 3, 5  # Of precision and recall, and of density and coverage.
_ROWS = 1000


def make_features(count: int, seed: int, shift: float = 0.0, dimensions: int = DIMENSIONS):
    """Features like those of Inception.

    Args:
      count: Number of samples N.
      seed: Seed of the samples; the distribution is always the same.
      shift: What is added before values are cut off at zero.
      dimensions: D.

    Yields:
      float32 [B, D], N rows in all.
    """
    of_all = np.random.default_rng(7)
    spectrum = (6.0 * np.arange(1, dimensions + 1) ** -0.6).astype(np.float32)
    basis = of_all.normal(size=(dimensions, dimensions)).astype(np.float32) / np.sqrt(dimensions)
    basis = (spectrum[:, None] * basis).astype(np.float32)
    centers = 0.5 * of_all.normal(size=(20, dimensions)).astype(np.float32)
    random = np.random.default_rng(seed)
    for start in range(0, count, 2000):
        rows = min(2000, count - start)
        normal = random.standard_normal((rows, dimensions), dtype=np.float32)
        latent = normal + centers[random.integers(0, len(centers), rows)]
        yield np.maximum(latent @ basis + np.float32(0.3 + shift), 0.0)


def write_features(folder: Path, count: int) -> tuple[Path, Path]:
    """Files of real and of generated features [N, D]."""
    paths = folder / "real.npy", folder / "fake.npy"
    for path, seed, shift in zip(paths, (1, 2), (0.0, 0.02), strict=True):
        whole = np.lib.format.open_memmap(path, "w+", np.float32, (count, DIMENSIONS))
        start = 0
        for block in make_features(count, seed, shift):
            whole[start : start + len(block)] = block
            start += len(block)
        whole.flush()
    return paths


def measure(real_path: Path, fake_path: Path) -> dict:
    """Scores the features of two files in this process.

    Returns:
      seconds, by statistic: those of the real images alone ("real moments", "real distances"), and
      the others; total_first, of all, and total_next, without those of the real images; peak_mib,
      the process's largest resident memory; and the scores.
    """
    from gan_jax import metrics

    real, fake = (np.load(path, mmap_mode="r") for path in (real_path, fake_path))
    seconds: dict[str, float] = {}

    def timed(name: str, function: Callable):
        start = time.perf_counter()
        value = function()
        seconds[name] = time.perf_counter() - start
        return value

    moments = timed("real moments", lambda: metrics.moments(real))
    distances = timed("real distances", lambda: metrics.neighbor_distances(real, 5))
    own = timed("moments", lambda: metrics.moments(fake))
    scores = {"fid": timed("fid", lambda: metrics.frechet_inception_distance(moments, own))}
    kid = timed(
        "kid",
        lambda: metrics.kernel_inception_distance(
            real, fake, subset_size=min(1000, len(real) // 2)
        ),
    )
    scores["kid"] = kid.mean
    scores |= timed(
        "manifold", lambda: metrics.manifold_scores(real, fake, real_distances=distances)
    )._asdict()
    return {
        "count": len(real),
        "seconds": seconds,
        "total_first": sum(seconds.values()),
        "total_next": sum(v for name, v in seconds.items() if not name.startswith("real")),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "scores": scores,
    }


def float64_scores(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """The same statistics by their definitions in float64, memory for some blocks [1000, N]."""
    means = [x.mean(axis=0, dtype=np.float64) for x in (real, fake)]
    covariances = [np.cov(x.T, dtype=np.float64) for x in (real, fake)]
    variances, axes = np.linalg.eigh(covariances[0])
    root = axes * np.sqrt(np.maximum(variances, 0.0)) @ axes.T
    eigenvalues = np.linalg.eigvalsh(root @ covariances[1] @ root)
    fid = np.square(means[0] - means[1]).sum() + sum(map(np.trace, covariances))
    fid -= 2.0 * np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    real_radii, fake_radii = _radii(real), _radii(fake)
    found = {"fid": float(fid), "kid": _kid(real, fake)}
    real_is_in, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    fake_is_in, pairs = np.zeros(len(fake), bool), 0
    for rows, squared in _squared_distances(real, fake):
        fake_is_in |= (squared <= real_radii[rows, :1]).any(axis=0)
        real_is_in[rows] = (squared <= fake_radii[:, 0]).any(axis=1)
        inside = squared < real_radii[rows, 1:]
        pairs += int(inside.sum())
        covered[rows] = inside.any(axis=1)
    return found | {
        "precision": float(fake_is_in.mean()),
        "recall": float(real_is_in.mean()),
        "density": pairs / (NEIGHBORS[1] * len(fake)),
        "coverage": float(covered.mean()),
    }


def _squared_distances(first: np.ndarray, second: np.ndarray):
    center = second.mean(axis=0, dtype=np.float64)
    columns = second - center
    norms = np.square(columns).sum(axis=1)
    for start in range(0, len(first), _ROWS):
        rows = slice(start, min(start + _ROWS, len(first)))
        some = first[rows] - center
        yield rows, np.square(some).sum(axis=1)[:, None] + norms - 2.0 * (some @ columns.T)


def _radii(features: np.ndarray) -> np.ndarray:
    """Squared distances to each of the `NEIGHBORS`-th nearest of the others [N, 2]."""
    blocks = _squared_distances(features, features)
    return np.concatenate(
        [np.partition(squared, NEIGHBORS, axis=1)[:, NEIGHBORS] for _, squared in blocks]
    )


def _kid(real: np.ndarray, fake: np.ndarray) -> float:
    size, random = min(1000, len(real) // 2), np.random.default_rng(0)
    estimates = []
    for _ in range(100):
        x = real[random.choice(len(real), size, replace=False)].astype(np.float64)
        y = fake[random.choice(len(fake), size, replace=False)].astype(np.float64)
        xx, yy, xy = ((a @ b.T / real.shape[1] + 1.0) ** 3 for a, b in ((x, x), (y, y), (x, y)))
        within = sum((one.sum() - np.trace(one)) / (size * (size - 1)) for one in (xx, yy))
        estimates.append(within - 2.0 * xy.mean())
    return float(np.mean(estimates))


def measure_overlap(images: int = 512, batch_size: int = 64) -> dict[str, float]:
    """Seconds to read PNG files, to extract features, and to do both as an evaluation does.

    Returns:
      read, extract and both, in seconds; hidden, the share of the shorter of the two that does not
      add to the time of both: 1 where all of it is done meanwhile, 0 where one waits for the other.
    """
    from PIL import Image

    from gan_jax.evaluation import features
    from gan_jax.images import open_images
    from gan_jax.metrics import efficientnet_lite0

    extract = features.make_extract(efficientnet_lite0(resolution=64), batch_size=batch_size)
    pixels = np.random.default_rng(0).integers(0, 256, (images, 256, 256, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        for i, image in enumerate(pixels):
            Image.fromarray(image).save(Path(folder) / f"{i}.png")
        files = open_images(folder)

        def read():
            return files.batches(np.arange(images), batch_size)

        seconds: dict[str, list[float]] = {"read": [], "extract": [], "both": []}
        batches = list(read())
        work = {
            "read": lambda: list(read()),
            "extract": lambda: list(extract(batches)),
            "both": lambda: list(extract(read())),
        }
        work["extract"]()
        for _ in range(3):
            for name, function in work.items():
                start = time.perf_counter()
                function()
                seconds[name].append(time.perf_counter() - start)
    found = {name: float(np.median(values)) for name, values in seconds.items()}
    shorter = min(found["read"], found["extract"])
    return found | {"hidden": (found["read"] + found["extract"] - found["both"]) / shorter}


def differences(scores: dict[str, float], exact: dict[str, float]) -> dict[str, float]:
    """What each score differs by from float64's, as a share of it."""
    return {name: abs(scores[name] - value) / abs(value) for name, value in exact.items()}


def main() -> int:
    """Measures every count; status 1 if a score differs from float64's by more than 1e-4."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", default="2000,5000,10000,20000,50000")
    parser.add_argument("--check", type=int, default=5000, help="the most to compute in float64")
    parser.add_argument("--overlap", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one / "real.npy", options.one / "fake.npy")))
        return 0
    found = []
    for count in map(int, options.counts.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            paths = write_features(Path(folder), count)
            command = [sys.executable, __file__, f"--one={folder}"]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            one = json.loads(output.splitlines()[-1])
            if count <= options.check:
                one["float64"] = float64_scores(*map(np.load, paths))
                one["differences"] = differences(one["scores"], one["float64"])
        found.append(one)
        _say(one)
    overlap = measure_overlap() if options.overlap else None
    if overlap:
        print(json.dumps(overlap))
    if options.json:
        from compare import conditions
        from comparison_summary import write_json

        write_json(options.json, {**conditions(), "measurements": found, "overlap": overlap})
    return int(any(max(one.get("differences", {"": 0.0}).values()) > 1e-4 for one in found))


def _say(one: dict) -> None:
    parts = ", ".join(f"{name} {value:.1f}" for name, value in one["seconds"].items())
    print(
        f"{one['count']:6d}: {one['total_first']:.1f} s, with what is kept of the real images "
        f"{one['total_next']:.1f} s ({parts}); {one['peak_mib']:.0f} MiB",
        flush=True,
    )
    for name, value in one.get("differences", {}).items():
        print(f"        {name} {one['scores'][name]:.6g}, from float64 {value:.1e}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
