"""Checks that a step of InfoGAN is PyTorch's, on the same weights, images, noise and codes.

    python benchmarks/compare_infogan.py --torch-python=/path/to/python-with-torch

does three steps of gan_jax's config and of the independent version in `torch_infogan.py`, and
compares every parameter and running statistic. With --golden it writes digests of float64
PyTorch's steps, which the tests compare gan_jax with.
"""

import sys
from collections.abc import Sequence
from typing import Any

import compare_steps
import step_inputs
from compare_steps import OPTIMIZERS, PLAYERS, Leaves
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
    gan = game(case)
    batches = (inputs(case, number) for number in range(case.steps))
    return compare_steps.do_steps(gan, compare_steps.start_state(gan), batches)


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
    return compare_steps.errors(case, ours, theirs, rests_on_rounding)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns 0 if every error is below the tolerance."""
    parser = compare_steps.make_parser(__doc__)
    parser.add_argument(
        "--width", type=float, default=1.0, help="factor on channels; 1 is full size"
    )
    parser.add_argument("--batch-size", type=int, default=16)
    options = parser.parse_args(arguments)
    if options.golden:
        before = compare_steps.leaves_of(compare_steps.start_state(game(INFOGAN_SMALL)))
        after = torch_steps(INFOGAN_SMALL, "float64", before, options.torch_python)
        compare_steps.write_digests(options.golden, after)
        return 0
    sizes = {"batch_size": options.batch_size, "steps": options.steps}
    cases = {one: InfoGANCase(options.width, optimizer=one, **sizes) for one in OPTIMIZERS}
    return compare_steps.report_on(options, cases, compare)


if __name__ == "__main__":
    sys.exit(main())
