"""Peak memory while evaluating more and more generated images: it must not grow with their number.

    python benchmarks/evaluation_memory.py --json=benchmarks/results/NAME.json

generates images by a DCGAN with random weights and scores FID and the Inception Score by
EfficientNet-Lite0, each count in a process of its own, and prints the processes' peak resident
memory. `--resolution` is what images are resized to: the smallest by default, since the sums that
are kept do not depend on it. `--metrics=fid,kid` shows the other side: metrics that compare single
images keep features.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
# 1280 features in float32 are 5 KiB per image; a tenth of that would be growth.
BYTES_PER_IMAGE = 512


def measure(count: int, metrics: list[str], resolution: int) -> dict[str, float]:
    """Evaluates `count` images in this process.

    Returns:
      peak_mib, the process's largest resident memory; seconds; and the scores.
    """
    import jax
    import numpy as np

    from configs import dcgan_cifar10
    from gan_jax import core, data, evaluation
    from gan_jax.metrics import efficientnet_lite0
    from gan_jax.runs import setup

    pixels = np.random.default_rng(0).integers(0, 256, (512, 32, 32, 3), np.uint8)
    streams = {"data": data.from_arrays({"image": pixels}, name="noise")}
    config = dcgan_cifar10.get_config()
    config.model.width = 0.125
    gan = setup.experiment_of(config, streams["data"].specs).phases[0].gan
    name, sampler = next(iter(gan.samplers.items()))
    weights = core.sampling_weights(core.start(gan, 0), sampler)
    evaluator = evaluation.make_evaluator(
        efficientnet_lite0(resolution=resolution),
        streams,
        sampler.target,
        metrics,
        num_images=count,
    )
    evaluate = evaluation.make_sample_evaluator(
        evaluator,
        sampler,
        weights,
        streams,
        family=config.family,
        sampler_name=name,
        precision=config.precision,
        count=count,
        averaged=config.model.ema_decay > 0.0,
    )
    start = time.perf_counter()
    scores = evaluate(weights)
    return {
        "count": count,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "seconds": time.perf_counter() - start,
        "device": jax.devices()[0].device_kind,
        "scores": scores,
    }


def main() -> int:
    """Measures every count and says whether memory grew; status 1 if it did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", default="5000,20000,50000")
    parser.add_argument("--metrics", default="fid,inception_score")
    parser.add_argument("--resolution", type=int, default=32)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    metrics = options.metrics.split(",")
    if options.one:
        print(json.dumps(measure(options.one, metrics, options.resolution)))
        return 0
    found = []
    for count in map(int, options.counts.split(",")):
        command = [sys.executable, __file__, *sys.argv[1:], f"--one={count}"]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found.append(json.loads(output.splitlines()[-1]))
        print(
            f"{count:7d} images  {found[-1]['peak_mib']:8.0f} MiB  {found[-1]['seconds']:6.0f} s",
            flush=True,
        )
    first, last = found[0], found[-1]
    grown = (last["peak_mib"] - first["peak_mib"]) * 2**20 / (last["count"] - first["count"])
    print(f"{grown:.0f} bytes per image, bound {BYTES_PER_IMAGE}")
    if options.json:
        from compare import conditions
        from comparison_summary import write_json

        write_json(
            options.json,
            {
                **conditions(),
                "metrics": metrics,
                "resolution": options.resolution,
                "bytes_per_image": grown,
                "measurements": found,
            },
        )
    return int(grown > BYTES_PER_IMAGE)


if __name__ == "__main__":
    sys.exit(main())
