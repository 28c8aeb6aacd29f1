"""What `quality.py` is asked for: its options, and the requests that name its folders; its table.

Nothing here starts a process or needs more than the standard library.
"""

import argparse
import dataclasses
import hashlib
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compare import applicable_variants
from worker_protocol import DEVICES, Settings

DESCRIPTION = "Trains gan_jax and the PyTorch reference equally long, and scores both."
CONFIGS = {
    "dcgan": (
        "configs/dcgan_smoothed_cifar10.py",
        "--config.data.augment.flip=False",
        "--config.data.augment.crop_padding=0",
        "--config.data.augment.rotation_degrees=0.0",
    ),
    "wgan_gp": ("configs/wgan_gp_cifar10.py",),
}
CRITIC_STEPS = {"dcgan": 1, "wgan_gp": 5}
FRAMEWORKS = ("jax", "torch")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line; a mistake ends the process with status 2 and one line."""
    parser = argparse.ArgumentParser(prog="quality.py", description=DESCRIPTION)
    parser.add_argument("--systems", default="dcgan,wgan_gp")
    parser.add_argument("--frameworks", default="jax,torch")
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--every", type=int, default=5_000, help="steps between two scores")
    parser.add_argument("--num-images", type=int, default=10_000)
    parser.add_argument("--num-real", type=int, default=0, help="0 for all")
    parser.add_argument("--extractor", default="efficientnet_lite0")
    parser.add_argument("--metrics", default="fid", help="the first one chooses the best step")
    parser.add_argument("--weights", default="", help="the extractor's file")
    parser.add_argument("--device", default="cpu", choices=DEVICES, help="of both frameworks")
    parser.add_argument("--variant", default="", help="PyTorch's; its fastest kind by default")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--threads", type=int, default=2, help="processors to train on")
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--folder", type=Path, default=Path("runs/quality"))
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args(arguments)
    for name, known in (("systems", CONFIGS), ("frameworks", FRAMEWORKS)):
        chosen = list(dict.fromkeys(getattr(options, name).split(",")))
        if unknown := [item for item in chosen if item not in known]:
            parser.error(f"--{name}: unknown {unknown[0]}; there are {', '.join(known)}")
        setattr(options, name, chosen)
    for name, least in (("steps", 1), ("every", 1), ("num_images", 2), ("num_real", 0)):
        if getattr(options, name) < least:
            parser.error(f"--{name.replace('_', '-')} must be at least {least}")
    if options.steps % options.every:
        parser.error(f"--steps={options.steps} is not a multiple of --every={options.every}")
    processors = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    if not 1 <= options.threads <= processors:
        parser.error(f"--threads={options.threads}: this machine gives 1 to {processors}")
    options.variant = options.variant or (
        "cuda_graphs_channels_last" if options.device == "cuda" else "channels_last"
    )
    if options.variant not in (known := applicable_variants(options.device)):
        parser.error(
            f"--variant={options.variant}: for {options.device} there are {', '.join(known)}"
        )
    # Processes are started in other folders than this one.
    options.folder = options.folder.resolve()
    options.weights = str(Path(options.weights).resolve()) if options.weights else ""
    return options


def window_steps(every: int) -> int:
    """Steps whose time is taken at once: up to 100 that divide `every`, where 10 or more do."""
    return next((size for size in range(100, 9, -1) if every % size == 0), every)


def training_request(
    system: str, framework: str, data: Mapping[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """All that a training depends on, JSON-able, the paths of this machine left out."""
    request = {
        "system": system,
        "framework": framework,
        "steps": options.steps,
        "every": options.every,
        "window_steps": window_steps(options.every),
        "precision": options.precision,
        "device": options.device,
        "threads": options.threads,
        "data": dict(data),
    }
    if framework == "jax":
        return request | {"config": CONFIGS[system], "matmul_precision": matmul_precision(options)}
    settings = Settings(
        system=system,
        variant=options.variant,
        critic_steps=CRITIC_STEPS[system],
        precision=options.precision,
        device=options.device,
        threads=options.threads,
    )
    # The data is named above; how many steps go to the device at once is JAX's alone.
    unused = ("data", "steps_per_call")
    settings = {k: v for k, v in dataclasses.asdict(settings).items() if k not in unused}
    return request | {"settings": settings}


def evaluation_request(weights_sha256: str, options: argparse.Namespace) -> dict[str, Any]:
    """All that a score depends on apart from the training, JSON-able."""
    return {
        "extractor": options.extractor,
        "weights_sha256": weights_sha256,
        "metrics": options.metrics.split(","),
        "num_images": options.num_images,
        "num_real": options.num_real,
    }


def named(readable: str, request: Mapping[str, Any]) -> str:
    """A folder's name: what a reader recognizes, and a hash of all of the request."""
    text = json.dumps(request, sort_keys=True)
    return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def training_folder(request: Mapping[str, Any], options: argparse.Namespace) -> Path:
    """Where a training lies."""
    readable = "{framework}_{system}_{steps}_{precision}_{device}".format(**request)
    return options.folder / named(readable, request)


def scores_folder(evaluation: Mapping[str, Any], folder: Path) -> Path:
    """Where the scores of a training in `folder` lie."""
    number = f"{evaluation['num_images']}_of_{evaluation['num_real'] or 'all'}"
    return folder / named(f"scores_{evaluation['extractor']}_{number}", evaluation)


def matmul_precision(options) -> str | None:
    """XLA's own choice for float32 on a GPU is TF32, which PyTorch is not given here."""
    return "highest" if (options.device, options.precision) == ("cuda", "float32") else None


def summarize(
    results: Sequence[Mapping[str, Any]], *, key: str, title: str, lower_is_better: bool
) -> str:
    """A table: system, framework, the best score and its step, the last score, steps per second.

    Args:
      results: Each with its training, evaluation, trained and scores; of one evaluation, as long.
      key: The key of the score.
      title: The title of the score, for a reader.
      lower_is_better: Whether a lower score is better.
    """
    lines = [
        f"{title}, {_describe(results[0])}",
        f"{'system':10}{'framework':11}{'best':>10}{'at step':>10}{'last':>10}{'steps/s':>10}",
    ]
    for result in results:
        scores = {found["step"]: float(found["scores"][key]) for found in result["scores"]}
        finite = {step: value for step, value in scores.items() if math.isfinite(value)}
        best = (min if lower_is_better else max)(finite or scores, key=scores.get)
        rate = result["trained"]["steps_per_second"]
        lines.append(
            f"{result['training']['system']:10}{result['training']['framework']:11}"
            f"{scores[best]:10.3f}{best:10d}{scores[max(scores)]:10.3f}"
            f"{format(rate['median'], '.2f') if rate else '-':>10}"
        )
    return "\n".join(lines)


def _describe(result: Mapping[str, Any]) -> str:
    training, evaluation = result["training"], result["evaluation"]
    real = f"{evaluation['num_real']:,}" if evaluation["num_real"] else "all"
    return (
        f"{evaluation['num_images']:,} generated against {real} real images, every "
        f"{training['every']:,} of {training['steps']:,} steps, {training['precision']} on "
        f"{training['device']}, {training['threads']} processor(s)"
    )
