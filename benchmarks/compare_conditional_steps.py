"""Checks that training steps of the class-conditional configs are PyTorch's.

    python benchmarks/compare_conditional_steps.py --torch-python=/path/to/python-with-torch

does three steps of SNGAN projection, SAGAN and BigGAN and of the independent reference in
`torch_conditional.py`, on the same weights, images, labels and noise, and compares every parameter,
vector of the spectral normalization, running statistic and averaged weight. With --golden it writes
digests of float64 PyTorch's steps, which the tests compare gan_jax with.
"""

import importlib
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import compare_steps
import conditional_inputs
import numpy as np
from compare_steps import Leaves
from conditional_inputs import CLASSES, SMALL, SYSTEMS, Case


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
    gan = game(case)
    batches = (conditional_inputs.batch(case, number) for number in range(case.steps))
    return compare_steps.do_steps(gan, start_state(gan), batches, leaves_of)


def torch_steps(case: Case, dtype: str, before: Leaves, python: str) -> Leaves:
    """Everything after PyTorch's steps; as `compare_steps.torch_steps`."""
    script = "torch_conditional_steps.py"
    return compare_steps.run_torch(script, case.to_json(), dtype, before, python)


def rests_on_rounding(path: str) -> bool:
    """As `compare_steps.rests_on_rounding`, of averages too."""
    return compare_steps.rests_on_rounding(path.removeprefix("ema/"))


def compare(case: Case, python: str) -> dict[str, Any]:
    """Both sides' steps; returns the relative error of every leaf, and what is left out."""
    before, ours = jax_steps(case)
    theirs = torch_steps(case, "float32", before, python)
    return compare_steps.errors(case, ours, theirs, rests_on_rounding)


def write_golden(path: Path, python: str) -> None:
    """Writes the digests of float64 PyTorch's steps of `SMALL`."""
    before = compare_steps.leaves_of(start_state(game(SMALL)))
    compare_steps.write_digests(path, torch_steps(SMALL, "float64", before, python))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns 0 if every error is below the tolerance."""
    parser = compare_steps.make_parser(__doc__)
    add = parser.add_argument
    add("--width", type=float, default=0.125, help="factor on the channels; 1 is full size")
    add("--image-size", type=int, default=32, help="16 takes much less compiling")
    options = parser.parse_args(arguments)
    if options.golden:
        write_golden(options.golden, options.torch_python)
        return 0
    cases = {
        f"{system}, {optimizer}": Case(
            system, options.width, options.image_size, optimizer=optimizer, steps=options.steps
        )
        for optimizer, system in itertools.product(("adam", "sgd"), SYSTEMS)
    }
    return compare_steps.report_on(options, cases, compare)


if __name__ == "__main__":
    sys.exit(main())
