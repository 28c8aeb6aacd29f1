"""Checks that a training step of SNGAN is PyTorch's, on the same weights, images and noise.

    python benchmarks/compare_steps.py --torch-python=/path/to/python-with-torch

does three steps of gan_jax's config and of the independent reference in `torch_sngan.py`, and
compares every parameter, vector of the spectral normalization and running statistic. With --golden
it writes digests of float64 PyTorch's steps, which the tests compare gan_jax with.
"""

import argparse
import dataclasses
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import step_inputs
from comparison_summary import write_json
from machine import conditions
from step_inputs import SMALL, AnyCase, Case

HERE = Path(__file__).resolve().parent
# The configs belong to the checkout, not to the installed package.
sys.path.insert(0, str(HERE.parent))
Leaves = dict[str, np.ndarray]
TOLERANCE = 1e-4
PLAYERS = ("discriminator", "generator")
OPTIMIZERS = ("sgd", "adam")


def game(case: Case):
    """gan_jax's game of a case: `configs/sngan_cifar10.py` with the case's sizes."""
    from configs import sngan_cifar10
    from gan_jax import core
    from gan_jax.runs.setup import experiment_of

    config = sngan_cifar10.get_config()
    config.model.width = case.channels / 256
    config.model.latent_dim = case.latent_dim
    config.model.discriminator.steps = case.critic_steps
    config.batch_size = case.batch_size
    if case.optimizer == "sgd":
        for player in ("generator", "discriminator"):
            optimizer = config.model[f"{player}_optimizer"]
            optimizer.update(name="sgd", learning_rate=case.rate, b2=0.999)
    image = core.ArraySpec((case.image_size, case.image_size, 3))
    return experiment_of(config, {"image": image}).phases[0].gan


def start_state(gan):
    """A state whose parameters and statistics are those of `step_inputs.start`."""
    import jax

    from gan_jax import core

    shapes = jax.eval_shape(lambda: core.init_state(gan, 0))
    trees = {
        network: {"params": params, **shapes.variables[network]}
        for network, params in shapes.params.items()
    }
    filled = jax.tree_util.tree_map_with_path(
        lambda path, leaf: step_inputs.start(_join(path), leaf.shape), trees
    )
    params = {network: collections.pop("params") for network, collections in filled.items()}
    return shapes.replace(
        step=np.int32(0),
        params=params,
        variables=filled,
        opt_state=core.init_optimizers(gan, params),
        ema={},
        key=jax.random.key(0),
    )


def inputs(case: Case, step: int) -> Leaves:
    """The batch of one step, as gan_jax takes it: every array has a slice for each update."""
    batch = step_inputs.batch(case, step)
    batch["generator_latent"] = np.stack([batch["generator_latent"]] * case.critic_steps)
    batch["alpha"] = np.zeros(batch["image"].shape[:2], np.float32)
    return batch


def leaves_of(state) -> Leaves:
    """Parameters and statistics of a state, by path."""
    import jax

    trees = {
        network: {"params": params, **state.variables[network]}
        for network, params in state.params.items()
    }
    flat = jax.tree_util.tree_flatten_with_path(trees)[0]
    return {_join(path): np.asarray(leaf) for path, leaf in flat}


def _join(path) -> str:
    return "/".join(key.key for key in path)


def jax_steps(case: Case) -> tuple[Leaves, Leaves]:
    """Parameters and statistics before and after gan_jax's steps; after them the losses, too."""
    gan = game(case)
    return do_steps(gan, start_state(gan), (inputs(case, number) for number in range(case.steps)))


def do_steps(
    gan, state, batches: Iterable[Leaves], leaves_after: Callable[[Any], Leaves] | None = None
) -> tuple[Leaves, Leaves]:
    """What is there before gan_jax's steps and after them, then with the losses.

    Args:
      gan: The game.
      state: Its state.
      batches: The batch of each step.
      leaves_after: The leaves of a state that are compared; `leaves_of` by default.
    """
    import jax

    from gan_jax import core

    step = jax.jit(core.make_step(gan))
    before, losses = leaves_of(state), []
    for batch in batches:
        state, metrics = step(state, batch)
        losses.append([float(metrics[player]["loss"]) for player in PLAYERS])
    return before, {**(leaves_after or leaves_of)(state), "losses": np.array(losses)}


def torch_steps(case: Case, dtype: str, before: Leaves, python: str) -> Leaves:
    """Parameters, statistics and losses after PyTorch's steps.

    Args:
      case: The case.
      dtype: "float32" or "float64".
      before: Parameters and statistics to begin with.
      python: A python with torch.

    Raises:
      subprocess.CalledProcessError: They failed; what they said is on stderr.
    """
    return run_torch("torch_steps.py", case.to_json(), dtype, before, python)


def run_torch(script: str, case: str, dtype: str, before: Leaves, python: str) -> Leaves:
    """What a script of PyTorch makes of parameters and statistics.

    Args:
      script: Its file in this folder.
      case: The case as JSON.
      dtype: "float32" or "float64".
      before: Parameters and statistics to begin with.
      python: A python with torch.

    Raises:
      subprocess.CalledProcessError: It failed; what it said is on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        start, end = (str(Path(folder, name)) for name in ("start.npz", "end.npz"))
        np.savez(start, **before)
        subprocess.run([python, str(HERE / script), case, dtype, start, end], check=True)
        with np.load(end) as file:
            return dict(file)


def rests_on_rounding(path: str) -> bool:
    """Whether a leaf cannot be compared under Adam.

    A bias that a later batch normalization removes has the gradient 0. What comes instead is a
    rounding error, of which Adam makes a step of full length; running means contain these biases.
    """
    *modules, leaf = path.split("/")
    bias = leaf == "bias" and "UpBlock" in path and "Conv" in modules[-1]
    return path.startswith("generator") and (bias or leaf == "mean")


def compare(case: Case, python: str) -> dict[str, Any]:
    """Both sides' steps; returns the relative error of every leaf, and what is left out."""
    before, ours = jax_steps(case)
    return errors(case, ours, torch_steps(case, "float32", before, python), rests_on_rounding)


def errors(
    case: AnyCase, ours: Leaves, theirs: Leaves, is_rounding: Callable[[str], bool]
) -> dict[str, Any]:
    """The relative error of every leaf, and what is left out under Adam: the result of a case.

    Raises:
      ValueError: A leaf is there on one side only.
    """
    if set(ours) != set(theirs):
        raise ValueError(f"on one side only: {sorted(set(ours) ^ set(theirs))}")
    # The losses are no leaf of a network.
    leaves = [path for path in ours if path != "losses"]
    left_out = [path for path in leaves if case.optimizer == "adam" and is_rounding(path)]
    found = {
        path: step_inputs.relative_error(ours[path], theirs[path])
        for path in ours
        if path not in left_out
    }
    return {
        "case": dataclasses.asdict(case),
        "largest_error": max(found.values()),
        "errors": found,
        "left_out": left_out,
    }


def write_golden(path: Path, python: str) -> None:
    """Writes the digests of float64 PyTorch's steps of `SMALL`."""
    before = leaves_of(start_state(game(SMALL)))
    write_digests(path, torch_steps(SMALL, "float64", before, python))


def write_digests(path: Path, after: Leaves) -> None:
    """Writes the digests of leaves, and the losses, one per line."""
    leaves = {name: leaf for name, leaf in after.items() if name != "losses"}
    digests = {name: step_inputs.digest(name, leaf) for name, leaf in leaves.items()}
    path.write_text(step_inputs.golden_text({**digests, "losses": after["losses"].ravel()}))


def make_parser(description: str) -> argparse.ArgumentParser:
    """The options that every comparison of steps has."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    add = parser.add_argument
    add("--torch-python", default=sys.executable, help="python with torch; default: this one")
    add("--steps", type=int, default=3)
    add("--json", type=Path, help="where to write every error")
    add("--golden", type=Path, help="where to write the tests' numbers; compares nothing")
    return parser


def report_on(
    options: argparse.Namespace,
    cases: Mapping[str, Any],
    compare: Callable[[Any, str], dict[str, Any]],
) -> int:
    """Compares cases and prints a line for each; returns the exit status.

    Args:
      options: Of `make_parser`.
      cases: `{title: case}`.
      compare: Maps (case, python) to the case's result, as `errors` returns it.

    Returns:
      0 if every error is below the tolerance.
    """
    report: dict[str, Any] = {**conditions(), "tolerance": TOLERANCE, "cases": []}
    for title, case in cases.items():
        result = compare(case, options.torch_python)
        report["cases"].append(result)
        worst = max(result["errors"], key=result["errors"].get)
        print(
            f"{title}, {options.steps} steps: largest relative error "
            f"{result['largest_error']:.1e} of {len(result['errors'])} leaves, in {worst}",
            flush=True,
        )
        # After each, since compiling takes minutes.
        if options.json:
            write_json(options.json, report)
    return int(any(case["largest_error"] > TOLERANCE for case in report["cases"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns 0 if every error is below the tolerance."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--channels", type=int, default=32, help="of the generator; 256 is full size"
    )
    parser.add_argument("--batch-size", type=int, default=8)
    options = parser.parse_args(arguments)
    if options.golden:
        write_golden(options.golden, options.torch_python)
        return 0
    sizes = {"batch_size": options.batch_size, "steps": options.steps}
    cases = {one: Case(options.channels, optimizer=one, **sizes) for one in OPTIMIZERS}
    return report_on(options, cases, compare)


if __name__ == "__main__":
    sys.exit(main())
