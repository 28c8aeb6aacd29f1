"""Checks that training steps of the class-conditional configs are PyTorch's.

    python benchmarks/compare_conditional_steps.py --torch-python=/path/to/python-with-torch

does three steps of SNGAN projection, SAGAN and BigGAN and of the independent reference in
`torch_conditional.py`, on the same weights, images, labels and noise, and compares every parameter,
vector of the spectral normalization, running statistic and averaged weight. With --golden it writes
digests of float64 PyTorch's steps, which the tests compare gan_jax with.
"""

import argparse
import dataclasses
import importlib
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import compare_steps
import conditional_inputs
import numpy as np
import step_inputs
from comparison_summary import write_json
from conditional_inputs import CLASSES, SMALL, SYSTEMS, Case
from machine import conditions

HERE = Path(__file__).resolve().parent
Leaves = dict[str, np.ndarray]
TOLERANCE = 1e-4


def game(case: Case):
    """gan_jax's game of a case: its config with the case's sizes."""
    from gan_jax import core
    from gan_jax.runs.setup import experiment_of

    config = importlib.import_module(f"configs.{case.system}_cifar10").get_config()
    config.model.width = case.width
    config.model.latent_dim = case.latent_dim
    config.model.discriminator.steps = case.critic_steps
    config.batch_size = case.batch_size
    if case.system == "biggan":
        config.model.update(ema_decay=case.ema_decay, ema_start=case.ema_start)
    for player in ("generator", "discriminator"):
        if case.system == "sagan":
            config.model[player].attention = case.attention[player]
        if case.optimizer == "sgd":
            optimizer = config.model[f"{player}_optimizer"]
            optimizer.update(name="sgd", learning_rate=case.rates[player], b2=0.999)
    arrays = {
        "image": core.ArraySpec((case.image_size, case.image_size, 3)),
        "label": core.ArraySpec((), CLASSES),
    }
    return experiment_of(config, arrays).phases[0].gan


def start_state(gan):
    """A state whose parameters and statistics are those of `step_inputs.start`."""
    import jax

    state = compare_steps.start_state(gan)
    average = gan.ema.of(state.params, state.variables) if gan.ema else {}
    return state.replace(ema=jax.tree.map(np.copy, average))


def leaves_of(state) -> Leaves:
    """Parameters, statistics and averages of a state, by path."""
    averages = state.replace(params=state.ema, variables={name: {} for name in state.ema})
    flat = compare_steps.leaves_of(averages)
    # An average lies by its collections, of which "params" is one.
    averaged = {path.replace("/params/", "/", 1): leaf for path, leaf in flat.items()}
    found = {f"ema/{path}": leaf for path, leaf in averaged.items()}
    return {**compare_steps.leaves_of(state), **found}


def jax_steps(case: Case) -> tuple[Leaves, Leaves]:
    """What is there before gan_jax's steps and after them, then with the losses."""
    import jax

    from gan_jax import core

    gan = game(case)
    step, state = jax.jit(core.make_step(gan)), start_state(gan)
    before, losses = compare_steps.leaves_of(state), []
    for number in range(case.steps):
        state, metrics = step(state, conditional_inputs.batch(case, number))
        losses.append([float(metrics[player]["loss"]) for player in compare_steps.PLAYERS])
    return before, {**leaves_of(state), "losses": np.array(losses)}


def torch_steps(case: Case, dtype: str, before: Leaves, python: str) -> Leaves:
    """Everything after PyTorch's steps.

    Args:
      case: The case.
      dtype: "float32" or "float64".
      before: Parameters and statistics to begin with.
      python: A python with torch.

    Raises:
      subprocess.CalledProcessError: They failed; what they said is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        start, end = (str(Path(folder, name)) for name in ("start.npz", "end.npz"))
        np.savez(start, **before)
        script = str(HERE / "torch_conditional_steps.py")
        subprocess.run([python, script, case.to_json(), dtype, start, end], check=True)
        with np.load(end) as file:
            return dict(file)


def compare(case: Case, python: str) -> dict[str, Any]:
    """Both sides' steps; returns the relative error of every leaf, and what is left out."""
    before, ours = jax_steps(case)
    theirs = torch_steps(case, "float32", before, python)
    if set(ours) != set(theirs):
        raise ValueError(f"on one side only: {sorted(set(ours) ^ set(theirs))}")
    adam = case.optimizer == "adam"
    left_out = [
        path for path in ours if adam and compare_steps.rests_on_rounding(path.removeprefix("ema/"))
    ]
    errors = {
        path: step_inputs.relative_error(ours[path], theirs[path])
        for path in ours
        if path not in left_out
    }
    return {
        "case": dataclasses.asdict(case),
        "largest_error": max(errors.values()),
        "errors": errors,
        "left_out": left_out,
    }


def write_golden(path: Path, python: str) -> None:
    """Writes the digests of float64 PyTorch's steps of `SMALL`, one leaf per line."""
    before = compare_steps.leaves_of(start_state(game(SMALL)))
    after = torch_steps(SMALL, "float64", before, python)
    digests = {name: step_inputs.digest(name, leaf) for name, leaf in after.items()}
    digests["losses"] = after["losses"].ravel()
    lines = (
        f"  {json.dumps(name)}: {json.dumps([float(f'{x:.9g}') for x in values])}"
        for name, values in digests.items()
    )
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns 0 if every error is below the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--torch-python", default=sys.executable, help="python with torch; default: this one")
    add("--width", type=float, default=0.125, help="factor on the channels; 1 is full size")
    add("--image-size", type=int, default=32, help="16 takes much less compiling")
    add("--steps", type=int, default=3)
    add("--json", type=Path, help="where to write every error")
    add("--golden", type=Path, help="where to write the tests' numbers; compares nothing")
    options = parser.parse_args(arguments)
    if options.golden:
        write_golden(options.golden, options.torch_python)
        return 0
    report: dict[str, Any] = {**conditions(), "tolerance": TOLERANCE, "cases": []}
    for optimizer, system in itertools.product(("adam", "sgd"), SYSTEMS):
        case = Case(
            system,
            options.width,
            options.image_size,
            optimizer=optimizer,
            steps=options.steps,
        )
        result = compare(case, options.torch_python)
        report["cases"].append(result)
        worst = max(result["errors"], key=result["errors"].get)
        print(
            f"{system}, {optimizer}, {options.steps} steps: largest relative error "
            f"{result['largest_error']:.1e} of {len(result['errors'])} leaves, in {worst}",
            flush=True,
        )
        # After each, since compiling takes minutes.
        if options.json:
            write_json(options.json, report)
    return int(any(case["largest_error"] > TOLERANCE for case in report["cases"]))


if __name__ == "__main__":
    sys.exit(main())
