"""Trains on few images with and without augmentation, and compares their scores over training.

    nice python benchmarks/little_data.py --json=benchmarks/results/little_data.json

Each way of augmenting trains the same network on the same 1,000 images of CIFAR-10 for equally many
steps, once for every seed, and is scored against all 50,000 by FID of EfficientNet-Lite0. Prints a
table of the last and of the best scores, their spread over the seeds, and ADA's p at the end. The
runs lie in --folder: a second call goes on where a first one was cut short, and trains again only
what was asked for otherwise. The seed is that of the weights, the noise and the order; the choice
of images is the same for all.
"""

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from comparison_summary import write_json
from machine import conditions

MAIN = Path(__file__).resolve().parents[1] / "main.py"
SCORE = "score/fid_efficientnet_lite0"
P = "augment/probability"
WAYS = ("none", "diffaugment", "ada")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="configs/dcgan_cifar10.py")
    parser.add_argument("--ways", default=",".join(WAYS), help="of " + ", ".join(WAYS))
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each way")
    parser.add_argument("--steps", type=int, default=6_000)
    parser.add_argument("--every", type=int, default=1_000, help="steps between two scores")
    parser.add_argument("--width", type=float, default=0.25, help="factor on the channels")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--examples", type=int, default=1_000, help="images to train on")
    parser.add_argument("--num-images", type=int, default=5_000, help="generated for a score")
    parser.add_argument("--num-real", type=int, default=0, help="compared with; 0 for all")
    parser.add_argument("--kimg", type=float, default=100.0, help="of ada, shorter than 500")
    parser.add_argument("--folder", type=Path, default=Path("runs/little_data"))
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


def command(options: argparse.Namespace, way: str, seed: int, workdir: Path) -> list[str]:
    """The command line of a training."""
    settings = {
        "seed": seed,
        "steps": options.steps,
        "batch_size": options.batch_size,
        "log_every": min(100, options.every),
        "sample_every": options.every,
        "checkpoint_every": options.every,
        "model.width": options.width,
        "model.ema_decay": 0.999,
        "model.augment.name": way,
        "data.max_examples": options.examples,
        "data.augment.flip": True,
        "evaluate.every": options.every,
        "evaluate.extractor": "efficientnet_lite0",
        "evaluate.num_images": options.num_images,
        "evaluate.num_real": options.num_real,
    }
    if way == "ada":
        settings["model.augment.kimg"] = options.kimg
    arguments = [f"--config.{key}={value}" for key, value in settings.items()]
    return [
        *(sys.executable, str(MAIN), f"--config={options.config}"),
        *(f"--workdir={workdir}", *arguments),
    ]


def result(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a log says of a training: scores and p by step."""
    scores = {line["step"]: line[SCORE] for line in lines if SCORE in line}
    if not scores:
        raise ValueError("the log holds no score")
    rates = [line["time/steps_per_second"] for line in lines if "time/steps_per_second" in line]
    return {
        "fid": scores,
        "last": scores[max(scores)],
        "best": min(scores.values()),
        "p": {line["step"]: line[P] for line in lines if P in line},
        "steps_per_second": sorted(rates)[len(rates) // 2] if rates else None,
    }


def summary(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Mean, lowest and highest score of each way, and whether it is better than "none".

    A way is better if its worst seed is better than the best seed without augmentation.
    """
    found: dict[str, Any] = {}
    for way, runs in results.items():
        found[way] = {"seeds": len(runs)}
        for kind in ("last", "best"):
            scores = [run[kind] for run in runs]
            spread = {"mean": math.fsum(scores) / len(scores), "low": min(scores)}
            found[way][kind] = {**spread, "high": max(scores)}
    for way in found.keys() & results.keys() - {"none"} if "none" in found else ():
        found[way]["better_beyond_spread"] = {
            kind: found[way][kind]["high"] < found["none"][kind]["low"] for kind in ("last", "best")
        }
    return found


def table(found: Mapping[str, Any]) -> str:
    """The summary as text."""
    rows = [f"{'way':12} {'last FID (low to high)':>28} {'best FID (low to high)':>28}"]
    for way, one in found.items():
        cells = [
            f"{one[kind]['mean']:.1f} ({one[kind]['low']:.1f} to {one[kind]['high']:.1f})"
            for kind in ("last", "best")
        ]
        rows.append(f"{way:12} {cells[0]:>28} {cells[1]:>28}")
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Trains, prints the table and writes the JSON; returns the exit status."""
    options = parse(arguments)
    ways = options.ways.split(",")
    if unknown := set(ways) - set(WAYS):
        print(f"error: --ways={','.join(sorted(unknown))}: there are {', '.join(WAYS)}")
        return 2
    before, results = conditions(), {way: [] for way in ways}
    # Seed by seed, so that a run that is cut short can be compared.
    for seed in range(options.seeds):
        for way in ways:
            workdir = options.folder / f"{way}-{seed}"
            done = subprocess.run(command(options, way, seed, workdir), check=False)
            if done.returncode:
                print(f"error: the training in {workdir} ended with status {done.returncode}")
                return 1
            lines = (workdir / "metrics.jsonl").read_text().splitlines()
            results[way].append({"seed": seed, **result([json.loads(line) for line in lines])})
            found = {one: runs for one, runs in results.items() if runs}
            print(table(summary(found)), flush=True)
            if options.json:
                settings = {k: str(v) for k, v in vars(options).items() if k != "json"}
                content = {"options": settings, "conditions": before, "runs": found}
                write_json(options.json, content | {"summary": summary(found)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
