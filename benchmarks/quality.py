"""Trains gan_jax and the PyTorch reference equally long on the same data, and scores both.

    python benchmarks/quality.py --torch-python=/path/to/python-with-torch --device=cuda

Both frameworks train DCGAN (second recipe, without augmentation) and WGAN-GP (five critic steps) on
CIFAR-10, read through gan_jax's own data path. Every `--every` steps both are scored by the same
extractor against the same images: gan_jax by its evaluation in training, PyTorch's samples by
`--mode=evaluate --images`. Prints a table, and keeps every score as JSON. gan_jax's runs resume
where a first call was cut short; PyTorch's begin anew, but finished ones are not run again.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
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


def parse_arguments(arguments=None):
    """Reads the command line; a mistake ends the process with status 2 and one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default="dcgan,wgan_gp")
    parser.add_argument("--frameworks", default="jax,torch")
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--every", type=int, default=5_000, help="steps between two scores")
    parser.add_argument("--num-images", type=int, default=10_000)
    parser.add_argument("--num-real", type=int, default=0, help="0 for all")
    parser.add_argument("--extractor", default="efficientnet_lite0")
    parser.add_argument("--metrics", default="fid")
    parser.add_argument("--weights", default="", help="the extractor's file")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--variant", default="", help="PyTorch's; its fastest kind by default")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--folder", type=Path, default=Path("runs/quality"))
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args(arguments)
    for name, known in (("systems", CONFIGS), ("frameworks", ("jax", "torch"))):
        chosen = getattr(options, name).split(",")
        if unknown := [item for item in chosen if item not in known]:
            parser.error(f"--{name}: unknown {unknown[0]}; there are {', '.join(known)}")
        setattr(options, name, chosen)
    if options.steps < 1 or options.every < 1:
        parser.error("--steps and --every must be at least 1")
    return options


def config_arguments(system: str) -> list[str]:
    """What names the experiment on main.py's command line."""
    config, *overrides = CONFIGS[system]
    return [f"--config={config}", *overrides]


def train_jax(system: str, options) -> dict:
    """Trains by main.py with evaluation, and returns {"scores": {step: {...}}, "seconds": ...}."""
    workdir = (options.folder / f"jax_{system}").resolve()
    metrics = ",".join(f"'{name}'" for name in options.metrics.split(","))
    _main(
        *config_arguments(system),
        f"--workdir={workdir}",
        f"--config.steps={options.steps}",
        f"--config.precision={options.precision}",
        f"--config.sample_every={options.every}",
        f"--config.checkpoint_every={options.every}",
        f"--config.evaluate.every={options.every}",
        f"--config.evaluate.extractor={options.extractor}",
        f"--config.evaluate.weights={options.weights}",
        f"--config.evaluate.metrics=({metrics},)",
        f"--config.evaluate.num_images={options.num_images}",
        f"--config.evaluate.num_real={options.num_real}",
    )
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    scores = {
        line["step"]: {k.removeprefix("score/"): v for k, v in line.items() if "score/" in k}
        for line in lines
        if any("score/" in key for key in line)
    }
    rates = [x["time/steps_per_second"] for x in lines if "time/steps_per_second" in x]
    median = sorted(rates)[len(rates) // 2] if rates else None
    return {"scores": scores, "median_steps_per_second": median}


def train_torch(system: str, options) -> dict:
    """Trains the reference, scores what it saved, and returns the same as `train_jax`."""
    folder = (options.folder / f"torch_{system}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "train.npy"
    if not data.exists():
        _export(system, data)
    done = folder / "done.json"
    if not done.exists():
        settings = {
            "system": system,
            "variant": options.variant
            or ("cuda_graphs_channels_last" if options.device == "cuda" else "channels_last"),
            "critic_steps": CRITIC_STEPS[system],
            "precision": options.precision,
            "device": options.device,
            "threads": options.threads,
            "data": str(data),
        }
        request = {
            "settings": settings,
            "steps": options.steps,
            "every": options.every,
            "count": options.num_images,
            "folder": str(folder),
        }
        worker = [options.torch_python, str(HERE / "torch_quality_worker.py"), json.dumps(request)]
        output = subprocess.run(worker, check=True, stdout=subprocess.PIPE, text=True).stdout
        done.write_text(json.dumps({**json.loads(output.splitlines()[-1]), "settings": settings}))
    scores = {}
    for file in sorted(folder.glob("step_*.npz")):
        step = int(file.stem.removeprefix("step_"))
        result = folder / f"{file.stem}.json"
        if not result.exists():
            _main(
                "--mode=evaluate",
                *config_arguments(system),
                f"--images={file}",
                f"--extractor={options.extractor}",
                *([f"--weights={options.weights}"] if options.weights else []),
                f"--metrics={options.metrics}",
                f"--num_real={options.num_real}",
                f"--json={result}",
            )
        scores[step] = json.loads(result.read_text())[0]["scores"]
    known = json.loads(done.read_text())
    return {
        "scores": scores,
        "median_steps_per_second": options.steps / known["seconds"],
        "settings": known["settings"],
        "torch": known["torch"],
    }


def _main(*arguments: str) -> None:
    subprocess.run([sys.executable, str(ROOT / "main.py"), *arguments], check=True, cwd=ROOT)


def _export(system: str, path: Path) -> None:
    """Writes the training images, as gan_jax reads them, for a process without gan_jax."""
    script = (
        "import sys, numpy as np, importlib.util\n"
        "from gan_jax import run_setup\n"
        "spec = importlib.util.spec_from_file_location('config', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "np.save(sys.argv[2], run_setup.load_data(module.get_config()).images)\n"
    )
    command = [sys.executable, "-c", script, CONFIGS[system][0], str(path)]
    subprocess.run(command, check=True, cwd=ROOT)


def summarize(results: dict, key: str, *, lower_is_better: bool = True) -> list[str]:
    """A table: system, framework, the best score and its step, the last, steps/s."""
    lines = [
        f"{'system':10}{'framework':11}{'best ' + key:>32}{'at step':>10}{'last':>9}{'steps/s':>9}"
    ]
    choose = min if lower_is_better else max
    for system, frameworks in results.items():
        for framework, found in frameworks.items():
            scores = {int(step): values[key] for step, values in found["scores"].items()}
            best = choose(scores, key=scores.get)
            rate = found["median_steps_per_second"]
            lines.append(
                f"{system:10}{framework:11}{scores[best]:32.3f}{best:10d}"
                f"{scores[max(scores)]:9.3f}{rate or float('nan'):9.1f}"
            )
    return lines


def main(arguments=None) -> None:
    """Runs what is asked for and writes the JSON after every part."""
    options = parse_arguments(arguments)
    sys.path.insert(0, str(ROOT))
    from gan_jax import evaluation, metrics, telemetry

    evaluation.check_metrics(options.metrics.split(","))
    kept = json.loads(options.json.read_text())["results"] if options.json.exists() else {}
    for system in options.systems:
        for framework in options.frameworks:
            train = {"jax": train_jax, "torch": train_torch}[framework]
            kept.setdefault(system, {})[framework] = train(system, options)
            settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()}
            settings.pop("torch_python")
            telemetry.write_json_atomically(
                options.json,
                {
                    "results": kept,
                    "options": settings,
                    "environment": telemetry.environment(),
                },
            )
    first = options.metrics.split(",")[0]
    key = metrics.metric_key(first, options.extractor)
    print("\n".join(summarize(kept, key, lower_is_better=first in evaluation.LOWER_IS_BETTER)))


if __name__ == "__main__":
    main()
