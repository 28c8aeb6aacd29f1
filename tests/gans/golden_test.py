"""Golden numbers: two training steps of every family, as they were at commit 6cb1371.

`golden.json` was written at that commit, before `gans/` was reorganized, and is what a later state
of the code is compared with: parameter counts of every config at full size, and for small games on
given noise all metrics, and digests of every parameter and statistic after each step. Do not
regenerate the numbers to make a failing test pass: a failure says that training has changed. To add
a case, check out that commit, copy these two files into it, add the case there and run

    PYTHONPATH=. JAX_PLATFORMS=cpu python tests/gans/golden_test.py --write

Nothing here depends on how keys are derived: parameters, images, labels and noise come from NumPy,
dropout is off, and no penalty draws noise of its own. What the test knows of the library's
interface stands in `adapt`; `CASES` and `golden.json` use names of their own.
"""

from __future__ import annotations

import functools
import importlib
import json
import pathlib
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from gan_jax import core, gans

Tree = Any


class Game(NamedTuple):
    """A game, as the cases see it.

    Attributes:
      image_shape: (H, W, C).
      updates: Updates of the discriminator in a step.
      parameter_counts: `{network: number of parameters}`.
      start: `(value) -> state`, fresh, whose parameter arrays are `value(path, shape)`, with the
        path "NETWORK/params/MODULE/.../LEAF".
      batch: `{"image": [updates, B, H, W, C], "label": [updates, B], "discriminator latent":
        [updates, B, latent_dim], "generator latent": [B, latent_dim], "alpha": [updates, B]} ->
        what the step takes`. "alpha" is the position of interpolated images from real, 0, to
        generated, 1.
      step: `(state, batch) -> (state, metrics)`, pure.
      leaves: `state -> {"NETWORK/COLLECTION/MODULE/.../LEAF": array}` of the collections "params",
        "batch_stats" and "ema" (the average of "params").
      metrics: `metrics of the step -> {name: scalar}`, with the names "PLAYER loss" and, each for
        the player that computes it before its own update, "VIEW/real", "VIEW/fake before",
        "penalty" and "feature matching", and "VIEW/fake after" the generator's update on the same
        latents. VIEW is "probability" or "critic".
    """

    image_shape: tuple[int, int, int]
    updates: int
    parameter_counts: Mapping[str, int]
    start: Callable[[Callable[[str, tuple[int, ...]], np.ndarray]], Tree]
    batch: Callable[[Mapping[str, np.ndarray]], Tree]
    step: Callable[[Tree, Tree], tuple[Tree, Tree]]
    leaves: Callable[[Tree], dict[str, jax.Array]]
    metrics: Callable[[Tree], dict[str, jax.Array]]


def adapt(name: str, overrides: Mapping[str, Any], image_size: int) -> Game:
    """The only function here that knows the library's interface.

    Args:
      name: A file of `configs/`.
      overrides: `{key: value}` with the keys that the configs had at commit 6cb1371, parts joined
        by dots.
      image_size: Height and width of the images.
    """
    config = importlib.import_module(f"configs.{name}").get_config("full")
    of_the_run = ("steps", "batch_size", "log_every")
    config.update_from_flattened_dict(
        {key if key in of_the_run else f"model.{key}": value for key, value in overrides.items()}
    )
    channels = 1 if config.data.name in ("digits", "mnist") else 3
    shape = (image_size, image_size, channels)
    arrays = {"image": core.ArraySpec(shape), "label": core.ArraySpec((), 10)}
    run = gans.Run(config.steps, config.batch_size, monitor_every=config.log_every)
    model = config.model.to_dict()
    gan = gans.build(config.family, model, arrays, run).phases[0].gan
    shapes = jax.eval_shape(lambda: core.init_state(gan, 0))

    def start(value):
        params = {
            network: jax.tree_util.tree_map_with_path(
                lambda path, leaf, network=network: value(
                    f"{network}/params/{_join(path)}", leaf.shape
                ),
                tree,
            )
            for network, tree in shapes.params.items()
        }
        variables = jax.tree_util.tree_map_with_path(
            lambda path, leaf: np.full(leaf.shape, _join(path).endswith("var"), np.float32),
            shapes.variables,
        )
        return shapes.replace(
            step=np.int32(0),
            params=params,
            variables=variables,
            opt_state=core.init_optimizers(gan, params),
            ema=gan.ema.of(params, variables) if gan.ema else {},
            key=jax.random.key(0),
        )

    def batch(arrays):
        arrays = dict(arrays)
        arrays["latent"] = arrays.pop("discriminator latent")
        # Every array has a slice for each update; the generator uses its first.
        latents = arrays.pop("generator latent")
        arrays["generator_latent"] = np.stack([latents] * gan.updates)
        return arrays

    def leaves(state):
        trees = {}
        for network, params in state.params.items():
            collections = {"params": params, **state.variables[network]}
            if network in state.ema:
                collections["ema"] = state.ema[network]["params"]
            trees[network] = collections
        flat = jax.tree_util.tree_flatten_with_path(trees)[0]
        return {_join(path): leaf for path, leaf in flat}

    def metrics(raw):
        found = {}
        for player, values in raw.items():
            for metric, value in values.items():
                if metric != "loss":
                    found[metric.replace("_", " ")] = value
                else:
                    found[f"{player} loss"] = value
        return found

    return Game(
        image_shape=shape,
        updates=gan.updates,
        parameter_counts={
            network: sum(leaf.size for leaf in jax.tree.leaves(tree))
            for network, tree in shapes.params.items()
        },
        start=start,
        batch=batch,
        step=core.make_step(gan),
        leaves=leaves,
        metrics=metrics,
    )


def _join(path) -> str:
    return "/".join(key.key for key in path)


GOLDEN = pathlib.Path(__file__).with_name("golden.json")
TOLERANCE = 1e-6
CONFIGS = (
    "cgan_cifar10",
    "cgan_digits",
    "cwgan_gp_cifar10",
    "dcgan_8x8_cifar10",
    "dcgan_cifar10",
    "dcgan_smoothed_cifar10",
    "hinge_cifar10",
    "lsgan_cifar10",
    "vanilla_mnist",
    "wgan_cifar10",
    "wgan_gp_cifar10",
)

BATCH_SIZE = 4
LATENT_DIM = 6
IMAGE_SIZE = 16
# Of all cases, besides their own.
COMMON = {
    "width": 0.0625,
    "latent_dim": LATENT_DIM,
    "batch_size": BATCH_SIZE,
    "discriminator.dropout": 0.0,
    "log_every": 1,
}


class Case(NamedTuple):
    """A small game, trained for a few steps.

    Attributes:
      config: A file of `configs/`.
      changes: `{key: value}`, as `adapt` takes them, besides `COMMON`.
      steps: Steps to train.
    """

    config: str
    changes: Mapping[str, Any] = {}
    steps: int = 2


def _descent(rate: float, **options) -> dict[str, Any]:
    """The same optimizer for both players: plain descent, unless `options` say otherwise."""
    # What an optimizer does not have must be left at its default.
    settings = {"name": "sgd", "learning_rate": rate, "b1": 0.0, "b2": 0.999, **options}
    return {
        f"{player}_optimizer.{key}": value
        for player in ("discriminator", "generator")
        for key, value in settings.items()
    }


# First every family as its config has it, then options that no config sets. Cases that are not
# about an optimizer use plain descent, whose update is proportional to the gradient: the sign of a
# gradient near zero, which is Adam's first update, would be the sign of a rounding error.
CASES = {
    "vanilla": Case("vanilla_mnist"),
    "dcgan": Case("dcgan_cifar10"),
    "dcgan first recipe": Case("dcgan_8x8_cifar10"),
    "dcgan second recipe": Case("dcgan_smoothed_cifar10"),
    "cgan": Case("cgan_cifar10"),
    "cgan digits": Case("cgan_digits"),
    "lsgan": Case("lsgan_cifar10"),
    "hinge": Case("hinge_cifar10"),
    # A bound of 0.01 would leave hardly a weight of `_parameter` within it.
    "wgan": Case("wgan_cifar10", {"weight_clip": 0.1}),
    "wgan_gp": Case("wgan_gp_cifar10"),
    "cwgan_gp": Case("cwgan_gp_cifar10"),
    "minimax, feature matching, normalized mlp": Case(
        "vanilla_mnist",
        {
            "loss": "minimax",
            "feature_matching": 1.0,
            "discriminator.normalization": "batch",
            **_descent(0.03, b1=0.5),
        },
    ),
    "relativistic, minibatch discrimination, feature matching": Case(
        "dcgan_8x8_cifar10",
        {
            "loss": "relativistic",
            "feature_matching": 0.05,
            "discriminator.minibatch_discrimination": 3,
            **_descent(0.03),
        },
    ),
    "relativistic average, r1": Case(
        "dcgan_8x8_cifar10",
        {
            "loss": "relativistic_average",
            "penalty.name": "r1",
            "penalty.weight": 2.0,
            **_descent(0.03),
        },
    ),
    "label smoothing, two critic steps, clipped gradients": Case(
        "cgan_cifar10",
        {
            "network": "mlp",
            "real_label": 0.9,
            "fake_label": 0.2,
            "discriminator.steps": 2,
            "discriminator.normalization": "none",
            **_descent(0.1, gradient_clip=0.5),
        },
    ),
    "r2, averaged weights, adamw": Case(
        "lsgan_cifar10",
        {
            "network": "mlp",
            "penalty.name": "r2",
            "penalty.weight": 0.5,
            # The average's warm-up allows 1/10 in the first step, 2/11 in the second.
            "ema_decay": 0.15,
            **_descent(0.003, name="adamw", b1=0.9, weight_decay=0.1),
        },
    ),
    "one-sided penalty": Case(
        "wgan_gp_cifar10",
        {
            "network": "mlp",
            "discriminator.steps": 2,
            "discriminator.initializer": "recipe",
            "penalty.one_sided": True,
            **_descent(0.03),
        },
    ),
    "penalty with target 0, rmsprop": Case(
        "lsgan_cifar10",
        {
            "network": "mlp",
            "penalty.name": "gradient_penalty",
            "penalty.weight": 1.0,
            "penalty.target": 0.0,
            **_descent(0.001, name="rmsprop", b1=0.5, b2=0.9),
        },
    ),
    "linear schedule": Case(
        "lsgan_cifar10",
        {"network": "mlp", "steps": 4, **_descent(0.03, schedule="linear", decay_start=1)},
        steps=3,
    ),
    "cosine schedule with warm-up": Case(
        "lsgan_cifar10",
        {"network": "mlp", "steps": 3, **_descent(0.05, schedule="cosine", warmup_steps=2)},
        steps=3,
    ),
}


def _random(name: str) -> np.random.RandomState:
    """Random numbers that depend on `name` alone."""
    # NumPy promises that this stream never changes; that of `default_rng` may.
    return np.random.RandomState(zlib.crc32(name.encode()))


def _parameter(path: str, shape: tuple[int, ...]) -> np.ndarray:
    """Parameters of a size at which no layer's output vanishes or saturates."""
    noise = _random(path).standard_normal(shape)
    if path.endswith("scale"):
        values = 1.0 + 0.2 * noise
    elif len(shape) == 1:
        # Not close to zero: errors are compared with a leaf's norm, and a head has a single bias.
        values = np.copysign(0.1, noise) + 0.1 * noise
    else:
        values = 1.25 * noise / np.sqrt(np.prod(shape[:-1]))
    return values.astype(np.float32)


def _arrays(step: int, game: Game) -> dict[str, np.ndarray]:
    """Images, labels and noise of one step, as `Game.batch` takes them."""
    random = _random(f"step {step}")
    lead = (game.updates, BATCH_SIZE)

    def normal(*shape):
        return random.standard_normal(shape).astype(np.float32)

    return {
        "label": random.randint(0, 10, lead).astype(np.int32),
        "alpha": random.uniform(0, 1, lead).astype(np.float32),
        "generator latent": normal(BATCH_SIZE, LATENT_DIM),
        "discriminator latent": normal(*lead, LATENT_DIM),
        "image": random.uniform(-1, 1, (*lead, *game.image_shape)).astype(np.float32),
    }


def _digest(path: str, leaf: jax.Array) -> tuple[float, float]:
    """A sum that weighs every entry of a leaf differently, and the leaf's norm."""
    leaf = np.asarray(leaf, np.float64)
    weights = _random(f"digest {path}").standard_normal(leaf.shape)
    return float(np.sum(weights * leaf)), float(np.linalg.norm(leaf))


def _parameter_counts(config: str) -> dict[str, int]:
    return dict(adapt(config, {}, 32).parameter_counts)


def _train(case: Case) -> dict[str, dict[str, list]]:
    """Trains a case.

    Returns:
      `{"metrics": {name: [value after step 1, ...]}, "leaves": {path: [digest, norm after step 1,
      ...]}}`.
    """
    game = adapt(case.config, {**COMMON, **case.changes}, IMAGE_SIZE)
    # Compiling is most of what a case costs.
    step = jax.jit(game.step, compiler_options={"xla_backend_optimization_level": 0})
    state = game.start(_parameter)
    metrics, leaves = {}, {}
    for index in range(case.steps):
        state, raw = step(state, game.batch(_arrays(index, game)))
        for name, value in game.metrics(raw).items():
            metrics.setdefault(name, []).append(float(value))
        for path, leaf in game.leaves(state).items():
            leaves.setdefault(path, []).extend(_digest(path, leaf))
    return {"metrics": metrics, "leaves": leaves}


def _differences(found, golden) -> list[str]:
    """What differs by more than 1e-6: of a leaf's norm, or of a metric's size and 1."""
    lines = []
    for name, values in golden["metrics"].items():
        for step, (old, new) in enumerate(zip(values, found["metrics"][name], strict=True), 1):
            if not abs(new - old) <= TOLERANCE * max(1.0, abs(old)):
                lines.append(f"step {step}, {name}: {new:.9g} instead of {old:.9g}")
    for path, values in golden["leaves"].items():
        pairs = zip(values, found["leaves"][path], strict=True)
        for index, (old, new) in enumerate(pairs):
            norm = values[index | 1]
            if not abs(new - old) <= TOLERANCE * norm:
                what = "norm" if index % 2 else "digest"
                lines.append(
                    f"step {index // 2 + 1}, {path}: {what} {new:.9g} instead of {old:.9g} "
                    f"({abs(new - old) / norm:.1e} of the norm)"
                )
    return lines


@functools.cache
def _golden() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_has_as_many_parameters_as_before(config):
    assert _parameter_counts(config) == _golden()["parameter_counts"][config]


@pytest.mark.parametrize("name", CASES)
def test_training_steps_give_the_golden_numbers(name):
    golden, found = _golden()["cases"][name], _train(CASES[name])
    for part in ("metrics", "leaves"):
        assert sorted(found[part]) == sorted(golden[part])
    differences = _differences(found, golden)
    assert not differences, "\n".join(differences)


def _write() -> None:
    """Writes `golden.json`, one config, metric or leaf per line; see the head of this file."""

    def block(entries: Mapping[str, str], indent: int) -> str:
        space = " " * indent
        lines = ",\n".join(f"{space}  {json.dumps(key)}: {text}" for key, text in entries.items())
        return f"{{\n{lines}\n{space}}}"

    def numbers(lists: Mapping[str, list[float]]) -> str:
        texts = {
            key: json.dumps([float(f"{value:.9g}") for value in values])
            for key, values in lists.items()
        }
        return block(texts, 6)

    counts = {config: json.dumps(_parameter_counts(config)) for config in CONFIGS}
    cases = {}
    for name, case in CASES.items():
        parts = _train(case)
        cases[name] = block({part: numbers(values) for part, values in parts.items()}, 4)
    text = block({"parameter_counts": block(counts, 2), "cases": block(cases, 2)}, 0)
    GOLDEN.write_text(text + "\n")


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    _write()
