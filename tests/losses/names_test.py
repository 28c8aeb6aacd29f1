"""The table of adversarial losses by name, the exported names, and what importing them costs."""

import doctest
import importlib
import inspect
import json
import os
import pathlib
import pkgutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

import gan_jax
from gan_jax import losses

REAL = jnp.array([2.0, -0.75, 0.5])
FAKE = jnp.array([-1.5, 0.25, 3.0])
NEED_REAL = {"relativistic", "relativistic_average"}


def test_names():
    assert losses.ADVERSARIAL_LOSS_NAMES == (
        "minimax",
        "non_saturating",
        "least_squares",
        "hinge",
        "wasserstein",
        "relativistic",
        "relativistic_average",
    )


@pytest.mark.parametrize("name", losses.ADVERSARIAL_LOSS_NAMES)
def test_a_name_stands_for_the_functions_of_that_name(name):
    game = losses.adversarial_loss(name)
    discriminator = getattr(losses, f"{name}_discriminator_loss")
    generator = getattr(losses, f"{name}_generator_loss")
    assert game.discriminator(REAL, FAKE) == discriminator(REAL, FAKE)
    assert game.generator_needs_real == (name in NEED_REAL)
    if game.generator_needs_real:
        assert game.generator(REAL, FAKE) == generator(REAL, FAKE)
    else:
        assert game.generator(REAL, FAKE) == generator(FAKE)
        assert game.generator(None, FAKE) == generator(FAKE)


def test_every_name_gives_another_game():
    values = {
        name: (
            float(losses.adversarial_loss(name).discriminator(REAL, FAKE)),
            float(losses.adversarial_loss(name).generator(REAL, FAKE)),
        )
        for name in losses.ADVERSARIAL_LOSS_NAMES
    }
    assert len(set(values.values())) == len(values)


def test_options_reach_the_losses():
    smoothed = losses.adversarial_loss(
        "non_saturating", real_label=0.9, fake_label=0.1, generator_label=0.8
    )
    assert smoothed.discriminator(REAL, FAKE) == losses.non_saturating_discriminator_loss(
        REAL, FAKE, real_label=0.9, fake_label=0.1
    )
    assert smoothed.generator(None, FAKE) == losses.non_saturating_generator_loss(FAKE, label=0.8)
    pearson = losses.adversarial_loss(
        "least_squares", real_target=2.0, fake_target=-1.0, generator_target=0.5
    )
    assert pearson.discriminator(REAL, FAKE) == losses.least_squares_discriminator_loss(
        REAL, FAKE, real_target=2.0, fake_target=-1.0
    )
    assert pearson.generator(None, FAKE) == losses.least_squares_generator_loss(FAKE, target=0.5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("hindge", {}, r"adversarial loss 'hindge': did you mean 'hinge'\? There are min"),
        ("zzz", {}, r"unknown adversarial loss 'zzz': .* There are minimax, "),
        (
            "non_saturating",
            {"real_lable": 0.9},
            r"option of adversarial loss non_saturating 'real_lable': did you mean 'real_label'\?",
        ),
        ("hinge", {"real_label": 0.9}, r"option of .* hinge 'real_label': there are none"),
        (
            "least_squares",
            {"real_label": 0.9},
            r"option of adversarial loss least_squares 'real_label': did you mean 'real_target'\?",
        ),
        ("non_saturating", {"real_label": 2.0}, r"real_label must be in \[0, 1\], got 2\.0"),
        ("non_saturating", {"fake_label": -1}, r"fake_label must be in \[0, 1\], got -1"),
        ("non_saturating", {"generator_label": 3}, r"generator_label must be in \[0, 1\], got 3"),
        ("least_squares", {"real_target": float("inf")}, r"real_target must be finite"),
        ("least_squares", {"fake_target": float("nan")}, r"fake_target must be finite"),
        ("least_squares", {"generator_target": "1"}, r"generator_target must be a number"),
    ],
)
def test_wrong_names_and_options_fail_before_anything_is_traced(name, options, message):
    with pytest.raises(ValueError, match=message) as error:
        losses.adversarial_loss(name, **options)
    assert "\n" not in str(error.value)


def test_a_game_can_be_jitted_and_differentiated():
    for name in losses.ADVERSARIAL_LOSS_NAMES:
        game = losses.adversarial_loss(name)
        gradient = jax.jit(jax.grad(game.generator, argnums=1))(REAL, FAKE)
        assert jnp.any(gradient != 0)


def test_all_lists_every_public_function_of_the_package():
    modules = [
        importlib.import_module(f"gan_jax.losses.{module.name}")
        for module in pkgutil.iter_modules(losses.__path__)
        if not module.name.startswith("_")
    ]
    public = {
        name
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }
    assert public | {"ADVERSARIAL_LOSS_NAMES", "Critic"} == set(losses.__all__)
    assert losses.__all__ == sorted(losses.__all__, key=lambda name: (not name.isupper(), name))


def test_docstrings_have_the_parts_a_stranger_looks_for():
    for name in losses.__all__:
        function = getattr(losses, name)
        if not inspect.isfunction(function):
            continue
        sections = ["Args:", "Returns:", "Raises:", "Example:"]
        if name != "adversarial_loss":
            sections += ["arXiv:"]
        for section in sections:
            assert section in function.__doc__, f"{name} lacks {section}"


def test_examples_in_docstrings_run():
    examples = 0
    for module in pkgutil.iter_modules(losses.__path__):
        result = doctest.testmod(importlib.import_module(f"gan_jax.losses.{module.name}"))
        assert result.failed == 0, f"an example in gan_jax.losses.{module.name} fails"
        examples += result.attempted
    assert examples >= 60


def test_importing_the_losses_imports_no_other_room_and_no_framework():
    program = "import json, sys; from gan_jax import losses; print(json.dumps(sorted(sys.modules)))"
    root = str(pathlib.Path(gan_jax.__file__).parents[1])
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = json.loads(process.stdout)
    roots = {module.partition(".")[0] for module in modules}
    assert {"jax", "chex", "gan_jax"} <= roots
    frameworks = {"flax", "tensorflow", "ml_collections", "optax", "orbax", "clu", "grain"}
    frameworks |= {"tensorflow_datasets", "torch", "matplotlib", "sklearn", "PIL"}
    assert not roots & frameworks
    own = [module for module in modules if module.startswith("gan_jax.")]
    assert {module.split(".")[1] for module in own} == {"losses", "names"}
