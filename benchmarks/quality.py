"""Trains gan_jax and the PyTorch reference equally long on the same data, and scores both.

    python benchmarks/quality.py --torch-python=/path/to/python-with-torch --device=cuda --json=FILE

Both train DCGAN (second recipe, without augmentation) and WGAN-GP (five critic steps) on CIFAR-10,
read through gan_jax's own data path, and keep their generators every `--every` steps. Then
`--mode=evaluate` scores what these generate, by one extractor against the same images. Prints a
table, and keeps every score with its protocol as JSON.

What a training depends on is its request, and a hash of that names its folder; scores lie in it in
a folder that the options of the evaluation name. So a second call does again only what was asked
for otherwise. gan_jax's training resumes where a first call was cut short; PyTorch's begins anew.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compare import conditions
from comparison_summary import spread, write_json
from quality_request import (
    CONFIGS,
    evaluation_request,
    matmul_precision,
    parse_arguments,
    scores_folder,
    summarize,
    training_folder,
    training_request,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MAIN = ROOT / "main.py"
WORKER = HERE / "torch_quality_worker.py"
EXPLANATION = (
    "Each result holds the options that it was trained and scored with. conditions are of when its "
    "training began, environment of its framework. steps_per_second is of either framework the "
    "spread over windows of window_steps steps, without the first, in which it compiles and warms "
    "up; scoring and sampling are left out."
)
# Each is a process of its own: this one must not take the accelerator's memory from the others.
LOOK_ROUND = """
import json, sys, jax
from gan_jax import metrics, telemetry
from gan_jax.evaluation import protocols
extractor, weights, names = sys.argv[1:]
try:
    protocols.check_metrics(names.split(","))
    sha256 = metrics.make_extractor(extractor, weights=weights or None).weights_sha256
except (OSError, ValueError) as error:
    sys.exit(f"error: {error}")
first = names.split(",")[0]
best = {
    "key": metrics.metric_key(first, extractor),
    "title": metrics.metric_title(first, extractor),
    "lower_is_better": first in protocols.LOWER_IS_BETTER,
}
environment = telemetry.environment()
print(json.dumps({"environment": environment, "weights_sha256": sha256, "best": best}))
"""
EXPORT = """
import hashlib, importlib, json, os, sys
import numpy as np
from gan_jax.runs import setup
module = sys.argv[1].removesuffix(".py").replace("/", ".")
try:
    (dataset,) = setup.load_streams(importlib.import_module(module).get_config()).values()
except (OSError, ValueError) as error:
    sys.exit(f"error: {error}")
images = np.ascontiguousarray(dataset.arrays["image"])
sha256 = hashlib.sha256(images).hexdigest()
path = os.path.join(sys.argv[2], f"data_{sha256[:16]}.npy")
if not os.path.exists(path):
    partial = os.path.join(sys.argv[2], f".data_{os.getpid()}.npy")
    np.save(partial, images)
    os.replace(partial, path)
print(json.dumps({"name": dataset.name, "images": len(images), "sha256": sha256}))
"""
ON_FEWER_PROCESSORS = """
import os, sys
sys.path.insert(0, sys.argv[1])
import worker_protocol
worker_protocol.restrict_threads(int(sys.argv[2]))
os.execvp(sys.argv[3], sys.argv[3:])
"""


class QualityError(RuntimeError):
    """The comparison cannot be made; one line."""


def train(request: Mapping[str, Any], folder: Path, machine, options) -> dict[str, Any]:
    """Trains what is asked for, unless that is done: {steps_per_second, environment, ...}."""
    done = folder / "trained.json"
    if done.exists():
        return json.loads(done.read_text())
    write_json(folder / "request.json", request)
    before = conditions()
    if request["framework"] == "jax":
        windows, environment = _train_jax(request, folder, options), machine["environment"]
    else:
        windows, environment = _train_torch(request, folder, options)
    # Both frameworks compile, choose their kernels and fill their optimizers in the first.
    rates = [w["steps_per_second"] for w in windows if w["step"] > request["window_steps"]]
    trained = {
        "steps_per_second": spread(rates) | {"windows": len(rates)} if rates else None,
        "environment": environment,
        "conditions": before,
    }
    write_json(folder / "windows.json", windows)
    write_json(done, trained)
    return trained


def _train_jax(request, folder: Path, options) -> list[dict[str, float]]:
    workdir = folder / "run"
    config, *overrides = request["config"]
    _run(
        [
            *(sys.executable, str(MAIN), f"--config={config}", *overrides),
            f"--workdir={workdir}",
            f"--config.steps={options.steps}",
            f"--config.precision={options.precision}",
            f"--config.log_every={request['window_steps']}",
            "--config.sample_every=0",
            f"--config.checkpoint_every={options.every}",
            f"--config.keep_checkpoints={options.steps // options.every}",
        ],
        "gan_jax's training",
        options,
        threads=options.threads,
    )
    lines = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
    rate = "time/steps_per_second"
    return [{"step": x["step"], "steps_per_second": x[rate]} for x in lines if rate in x]


def _train_torch(request, folder: Path, options) -> tuple[list[dict[str, float]], dict[str, Any]]:
    data = options.folder / f"data_{request['data']['sha256'][:16]}.npy"
    asked = {
        "command": "train",
        "settings": request["settings"] | {"data": str(data)},
        "folder": str(folder),
        **{name: request[name] for name in ("steps", "every", "window_steps")},
    }
    worker = [options.torch_python, str(WORKER), json.dumps(asked)]
    answer = _run(worker, "PyTorch's training", options, threads=options.threads)
    return answer["windows"], answer["environment"]


def score(training, evaluation, folder: Path, options) -> list[dict[str, Any]]:
    """Scores every kept step that is not scored yet; each whole result, its protocol included."""
    scores = scores_folder(evaluation, folder)
    write_json(scores / "request.json", evaluation)
    found = []
    for step in range(options.every, options.steps + 1, options.every):
        result = scores / f"step_{step:08d}.json"
        if not result.exists():
            what = (
                [f"--workdir={folder / 'run'}", f"--checkpoints={step}"]
                if training["framework"] == "jax"
                else [f"--images={_torch_images(training, step, folder, options)}"]
            )
            _run(
                [
                    *(sys.executable, str(MAIN), "--mode=evaluate", *what),
                    f"--config={CONFIGS[training['system']][0]}",
                    f"--extractor={options.extractor}",
                    *([f"--weights={options.weights}"] if options.weights else []),
                    f"--metrics={options.metrics}",
                    f"--num_images={options.num_images}",
                    f"--num_real={options.num_real}",
                    f"--json={result}",
                ],
                f"the evaluation of step {step}",
                options,
            )
        found.append({**json.loads(result.read_text())[0], "step": step})
    return found


def _torch_images(training, step: int, folder: Path, options) -> Path:
    """Images of PyTorch's generator after `step` steps, generated unless they are there."""
    path = folder / f"images_{options.num_images}" / f"step_{step:08d}.npz"
    if not path.exists():
        asked = {
            "command": "sample",
            "settings": training["settings"],
            "folder": str(folder),
            "step": step,
            "count": options.num_images,
            "output": str(path),
        }
        worker = [options.torch_python, str(WORKER), json.dumps(asked)]
        _run(worker, f"PyTorch's sampling of step {step}", options)
    return path


def _environment(options) -> dict[str, str]:
    """Variables of every process: one device of the kind that is asked for."""
    if options.device == "cpu":
        return {**os.environ, "JAX_PLATFORMS": "cpu"}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    variables = {**os.environ, "CUDA_VISIBLE_DEVICES": visible}
    if precision := matmul_precision(options):
        variables["JAX_DEFAULT_MATMUL_PRECISION"] = precision
    return variables


def _run(command: list[str], what: str, options, *, threads: int | None = None) -> Any:
    """Runs a process and returns the JSON of its last line, None if that is none."""
    if threads is not None:
        command = [sys.executable, "-c", ON_FEWER_PROCESSORS, str(HERE), str(threads), *command]
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=_environment(options)
    )
    lines = ended.stdout.splitlines()
    if ended.returncode:
        raise QualityError(f"{what} ended with status {ended.returncode}, see above")
    try:
        return json.loads(lines[-1]) if lines else None
    except ValueError:
        return None


def look_round(options) -> dict[str, Any]:
    """What JAX runs on, and the extractor's weights; refuses another device than asked for.

    Raises:
      QualityError: In one line.
    """
    weights, names = options.weights, options.metrics
    command = [sys.executable, "-c", LOOK_ROUND, options.extractor, weights, names]
    machine = _run(command, "the check of extractor and device", options)
    wanted = "gpu" if options.device == "cuda" else "cpu"
    there = machine["environment"]
    if "jax" in options.frameworks and (there["platform"], there["devices"]) != (wanted, 1):
        raise QualityError(
            f"--device={options.device} needs JAX on one {wanted}, it has {there['devices']} "
            f"{there['platform']} device(s): install JAX for that device, or leave gan_jax out by "
            "--frameworks=torch"
        )
    return machine


def export(system: str, options) -> dict[str, Any]:
    """Keeps the images as gan_jax reads them, for PyTorch: {name, images, sha256}."""
    options.folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", EXPORT, CONFIGS[system][0], str(options.folder)]
    return _run(command, "reading the data", options)


def _read(path: Path) -> dict[str, Any]:
    """Results of earlier calls, each under the name of its folders."""
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
        if content["explanation"] == EXPLANATION:
            return content["results"]
    except (ValueError, KeyError, TypeError):
        pass
    raise QualityError(f"{path} holds no results of this program: give a new --json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is asked for, writes the JSON after every part; returns the exit status."""
    options = parse_arguments(arguments)
    try:
        kept, machine = _read(options.json), look_round(options)
        evaluation = evaluation_request(machine["weights_sha256"], options)
        results = []
        for system in options.systems:
            data = export(system, options)
            for framework in options.frameworks:
                training = training_request(system, framework, data, options)
                folder = training_folder(training, options)
                results.append(
                    {
                        "training": training,
                        "evaluation": evaluation,
                        "trained": train(training, folder, machine, options),
                        "scores": score(training, evaluation, folder, options),
                    }
                )
                kept[f"{folder.name}/{scores_folder(evaluation, folder).name}"] = results[-1]
                write_json(options.json, {"explanation": EXPLANATION, "results": kept})
    except (QualityError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(summarize(results, **machine["best"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
