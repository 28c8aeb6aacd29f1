"""Trains the digits with Winograd's form and the matmul form, several seeds, and compares scores.

    python benchmarks/convolution_scores.py --json=benchmarks/results/convolution_scores.json

The score is the Frechet distance of pixels between generated and training images, a measure that
needs no extractor and that small digits are told apart by. Both forms get the same seeds.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
FORMS = ("winograd", "matmul")


def distance(ours: Any, theirs: Any) -> float:
    """The Frechet distance between two sets of images [N, H, W, C], by their pixels in [0, 1]."""
    import numpy as np

    from gan_jax import metrics

    def moments(images):
        pixels = np.asarray(images, np.float64).reshape(len(images), -1) / 255
        return pixels.mean(0), np.cov(pixels, rowvar=False)

    return float(metrics.frechet_distance(*moments(ours), *moments(theirs)))


def score(form: str, seed: int, steps: int, batch_size: int) -> float:
    """Trains the digits in one form, and compares as many samples as there are images."""
    import gan_jax
    from configs import cgan_digits
    from gan_jax import layers
    from gan_jax.modes.train.loop import train
    from gan_jax.runs.setup import set_up

    config = cgan_digits.get_config()
    config.update(steps=steps, seed=seed, batch_size=batch_size)
    (dataset,) = set_up(config).streams.values()
    config.update(sample_every=0, checkpoint_every=0, log_every=steps)
    with tempfile.TemporaryDirectory() as folder:
        with layers.preferring(form):
            train(config, folder)
        images = gan_jax.load(folder).sample(len(dataset))
    return distance(images, dataset.arrays["image"])


def main() -> None:
    """Prints each form's scores, their means and the spread of the seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    scores: dict[str, list[float]] = {form: [] for form in FORMS}
    for seed in range(options.seeds):
        for form in FORMS:
            scores[form].append(score(form, seed, options.steps, options.batch_size))
            print(f"seed {seed} {form}: {scores[form][-1]:.4f}", flush=True)
    for form, values in scores.items():
        print(
            f"{form}: mean {statistics.mean(values):.4f}, deviation {statistics.stdev(values):.4f}"
        )
    if options.json:
        from comparison_summary import write_json
        from machine import conditions

        write_json(options.json, {**conditions(), "steps": options.steps, "scores": scores})


if __name__ == "__main__":
    main()
