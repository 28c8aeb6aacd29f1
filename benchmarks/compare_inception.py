"""Compares gan_jax's FID Inception-v3 with torch-fidelity's, with one set of random weights.

    python benchmarks/compare_inception.py --torch-python=/path/to/python-with-torch-fidelity

lets torch-fidelity's network make the weights, PyTorch write them in both of its formats, and both
networks extract from the same images: noise and real ones of 32, 75 and 299 pixels, and noise that
is not square. Prints a table of the largest differences. The status is 0 if all are within the
bound.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from compare import conditions
from comparison_summary import write_json
from inception_speed import SPEED_BATCH, best_speed

HERE = Path(__file__).resolve().parent
WORKER = HERE / "inception_torch_worker.py"
BOUND = 1e-4
KINDS = ("features", "logits")
SIZES = (32, 75, 299)
EXPLANATION = (
    "Largest over the images of a set of |ours - theirs| / |theirs|, in the Euclidean norm of an "
    "image's features or logits; element: largest difference of one number, over the largest "
    "number of its kind; spread: |ours - theirs| over the norm of the deviation from the set's "
    "mean, root mean squares over the set; pixels: largest difference after the resize, of 255."
)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line; a mistake ends the process with status 2 and one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--torch-python", default=sys.executable, help="python with torch and torch-fidelity")
    add("--images", type=int, default=8, help="of each set")
    add("--batch-size", type=int, default=4)
    add("--seed", type=int, default=0)
    add("--data", default="cifar10", help="real images: a name that gan_jax.data knows")
    add("--data-dir", help="where it is prepared; default: TFDS_DATA_DIR")
    add("--data-note", default="", help="what to write of the data, as 'JPEG copy'")
    add("--json", type=Path, help="where to write the numbers")
    return parser.parse_args(arguments)


def image_sets(options: argparse.Namespace) -> dict[str, np.ndarray]:
    """Images by name, uint8 [N, H, W, 3]."""
    from gan_jax import data

    rng = np.random.default_rng(options.seed)
    shapes = {f"random {size}x{size}": (size, size) for size in SIZES}
    sets = {
        name: rng.integers(0, 256, (options.images, *shape, 3), np.uint8)
        for name, shape in {**shapes, "random 40x57": (40, 57)}.items()
    }
    for size in SIZES:
        real = data.load(
            options.data,
            split=f"test[:{options.images}]",
            data_dir=options.data_dir,
            image_size=size,
            channels=3,
            progress=False,
        )
        sets[f"{options.data} {size}x{size}"] = np.asarray(real.arrays["image"])
    return sets


def file_name(name: str) -> str:
    return name.replace(" ", "_").replace("/", "_")


def run_torch(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Runs torch-fidelity on the images of the folder; returns what it reports.

    Raises:
      RuntimeError: it failed.
    """
    command = [options.torch_python, str(WORKER), str(folder), str(options.seed)]
    result = subprocess.run([*command, str(options.batch_size)], stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise RuntimeError(f"{WORKER.name} ended with status {result.returncode}")
    return json.loads(result.stdout.splitlines()[-1])


def difference(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """See `EXPLANATION`.

    Args:
      ours: float32 [N, D].
      theirs: the same shape.
    """
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    errors = np.linalg.norm(ours - theirs, axis=1)
    deviations = np.linalg.norm(theirs - theirs.mean(0, keepdims=True), axis=1)
    return {
        "relative": float(np.max(errors / np.linalg.norm(theirs, axis=1))),
        "element": float(np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs))),
        "spread": float(np.sqrt(np.mean(errors**2) / np.mean(deviations**2))),
    }


def compare_set(
    apply: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    images: np.ndarray,
    theirs: Mapping[str, np.ndarray],
    batch_size: int,
) -> dict[str, Any]:
    """Differences of one set of images."""
    from gan_jax.metrics.resize import resize_bilinear_tf1

    batches = [images[i : i + batch_size] for i in range(0, len(images), batch_size)]
    features, logits = (np.concatenate(parts) for parts in zip(*map(apply, batches), strict=True))
    pixels = np.asarray(resize_bilinear_tf1(images.astype(np.float32), (299, 299)))
    return {
        "images": len(images),
        "features": difference(features, theirs["features"]),
        "logits": difference(logits, theirs["logits"]),
        "pixels": float(np.max(np.abs(pixels - theirs["pixels"]))),
        "features_alive": float(np.mean(np.any(theirs["features"] > 0, axis=0))),
        "features_mean": float(np.mean(theirs["features"])),
    }


def compare(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Runs both on the same images; returns all numbers."""
    import jax

    from gan_jax.metrics.inception_v3 import inception

    sets = image_sets(options)
    for name, images in sets.items():
        np.save(folder / f"images_{file_name(name)}.npy", images)
    torch = run_torch(options, folder)
    extractor = inception(folder / "weights.pth", sha256=None)
    legacy = inception(folder / "legacy.pth", sha256=None)
    same = jax.tree.map(np.array_equal, extractor.params, legacy.params)
    compiled = jax.jit(extractor.apply)

    def apply(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return jax.tree.map(np.asarray, compiled(extractor.params, images))

    results = {}
    for name, images in sets.items():
        with np.load(folder / f"torch_{file_name(name)}.npz") as theirs:
            results[name] = compare_set(apply, images, theirs, options.batch_size)
        print(f"gan_jax: {name} done", file=sys.stderr)
    versions = {name: metadata.version(name) for name in ("jax", "jaxlib", "flax", "numpy")}
    small = np.zeros((SPEED_BATCH, 32, 32, 3), np.uint8)
    speed = best_speed(lambda: apply(small), SPEED_BATCH)
    return {
        "weights": "random, of torch-fidelity's network, written by torch.save",
        "formats_agree": all(jax.tree.leaves(same)),
        "seed": options.seed,
        "data": f"{options.data} ({options.data_note})" if options.data_note else options.data,
        "gan_jax": {
            "versions": versions,
            "device": jax.devices()[0].device_kind,
            "speed": speed,
        },
        "torch_fidelity": torch,
        "sets": results,
    }


def worst(results: Mapping[str, Mapping[str, Any]]) -> float:
    """The largest relative difference of features and logits over the sets."""
    return max(result[kind]["relative"] for result in results.values() for kind in KINDS)


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """One line a set."""
    columns = [f"{kind} {column}" for kind in KINDS for column in ("relative", "element", "spread")]
    lines = [f"{'images':<18}" + "".join(f"{c:>18}" for c in columns) + f"{'pixels':>10}"]
    for name, result in results.items():
        numbers = [result[kind][column] for kind, column in (c.split() for c in columns)]
        cells = "".join(f"{number:>18.2e}" for number in numbers)
        lines.append(f"{name:<18}{cells}{result['pixels']:>10.2e}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns the exit status."""
    options = parse_arguments(arguments)
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = compare(options, Path(folder))
        except (ValueError, OSError, RuntimeError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
    print(table(result["sets"]))
    print(f"\n{EXPLANATION}")
    print(f"both formats of the file give the same parameters: {result['formats_agree']}")
    for system in ("gan_jax", "torch_fidelity"):
        speed = result[system]["speed"]
        print(
            f"{system}: {speed['images_per_second']:.2f} images/s, "
            f"{speed['processor_seconds_per_image']:.3f} processor seconds per image"
        )
    largest = worst(result["sets"])
    within = largest <= BOUND and result["formats_agree"]
    print(f"largest relative difference {largest:.1e}, bound {BOUND:.0e}: {within}")
    if options.json:
        summary = {"bound": BOUND, "largest_relative": largest, "within_bound": within}
        write_json(options.json, {**conditions(), "explanation": EXPLANATION, **summary, **result})
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
