"""Checks that a step of InfoGAN is PyTorch's, on the same weights, images, noise and codes.

    python benchmarks/compare_infogan.py --torch-python=/path/to/python-with-torch

does three steps of gan_jax's config and of the independent version in `torch_infogan.py`, and
compares every parameter and running statistic. With --golden it writes digests of float64
PyTorch's steps, which the tests compare gan_jax with.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import compare_steps
import numpy as np
import step_inputs
from compare_steps import PLAYERS, TOLERANCE, Leaves
from comparison_summary import write_json
from machine import conditions
from step_inputs import INFOGAN_SMALL, InfoGANCase


def game(case: InfoGANCase):
    """gan_jax's game of a case: `configs/infogan_mnist.py` with the case's sizes."""
    from configs import infogan_mnist
    from gan_jax import core
    from gan_jax.runs.setup import experiment_of

    config = infogan_mnist.get_config()
    config.model.update(width=case.width, latent_dim=case.latent_dim, categories=(case.categories,))
    config.batch_size = case.batch_size
    if case.optimizer == "sgd":
        for player in PLAYERS:
            rate = case.rates[player]
            config.model[f"{player}_optimizer"].update(name="sgd", learning_rate=rate, b1=0.0)
    image = core.ArraySpec((case.image_size, case.image_size, 1))
    return experiment_of(config, {"image": image}).phases[0].gan


def inputs(case: InfoGANCase, step: int) -> Leaves:
    """The batch of one step, as gan_jax takes it."""
    batch = step_inputs.infogan_batch(case, step)
    return {name: array[None] for name, array in batch.items()}


def jax_steps(case: InfoGANCase) -> tuple[Leaves, Leaves]:
    """Parameters and statistics before and after gan_jax's steps; after them the losses, too."""
    import jax

    from gan_jax import core

    gan = game(case)
    step, state = jax.jit(core.make_step(gan)), compare_steps.start_state(gan)
    before, losses = compare_steps.leaves_of(state), []
    for number in range(case.steps):
        state, metrics = step(state, inputs(case, number))
        losses.append([float(metrics[player]["loss"]) for player in PLAYERS])
    return before, {**compare_steps.leaves_of(state), "losses": np.array(losses)}


def torch_steps(case: InfoGANCase, dtype: str, before: Leaves, python: str) -> Leaves:
    """Parameters, statistics and losses after PyTorch's steps; as `compare_steps.torch_steps`."""
    return compare_steps.run_torch("torch_infogan.py", case.to_json(), dtype, before, python)


def rests_on_rounding(path: str) -> bool:
    """Whether a leaf cannot be compared under Adam: a bias that a batch normalization removes."""
    network, _, module, leaf = path.split("/")
    last = {"generator": "ConvTranspose_1", "discriminator": "Dense_0", "code_head": "Dense_1"}
    seen = module.startswith("BatchNorm") or module == last.get(network, "Conv_0")
    return leaf == "mean" or (leaf == "bias" and not seen)


def compare(case: InfoGANCase, python: str) -> dict[str, Any]:
    """Both sides' steps; returns the relative error of every leaf, and what is left out."""
    before, ours = jax_steps(case)
    theirs = torch_steps(case, "float32", before, python)
    left_out = [path for path in before if case.optimizer == "adam" and rests_on_rounding(path)]
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns 0 if every error is below the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--torch-python", default=sys.executable, help="python with torch; default: this one")
    add("--width", type=float, default=1.0, help="factor on channels; 1 is full size")
    add("--batch-size", type=int, default=16)
    add("--steps", type=int, default=3)
    add("--json", type=Path, help="where to write every error")
    add("--golden", type=Path, help="where to write the tests' numbers; compares nothing")
    options = parser.parse_args(arguments)
    if options.golden:
        before = compare_steps.leaves_of(compare_steps.start_state(game(INFOGAN_SMALL)))
        after = torch_steps(INFOGAN_SMALL, "float64", before, options.torch_python)
        compare_steps.write_digests(options.golden, before, after)
        return 0
    report: dict[str, Any] = {**conditions(), "tolerance": TOLERANCE, "cases": []}
    for optimizer in ("sgd", "adam"):
        case = InfoGANCase(
            options.width,
            batch_size=options.batch_size,
            optimizer=optimizer,
            steps=options.steps,
        )
        result = compare(case, options.torch_python)
        report["cases"].append(result)
        worst = max(result["errors"], key=result["errors"].get)
        print(
            f"{optimizer}, {options.steps} steps: largest relative error "
            f"{result['largest_error']:.1e} of {len(result['errors'])} leaves, in {worst}"
        )
    if options.json:
        write_json(options.json, report)
    return int(any(case["largest_error"] > TOLERANCE for case in report["cases"]))


if __name__ == "__main__":
    sys.exit(main())
