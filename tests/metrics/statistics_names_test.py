"""The public names of the statistics: documented, and with examples that run."""

import doctest
import importlib
import inspect
import json
import pathlib
import subprocess
import sys

import pytest

import gan_jax
from gan_jax import metrics

MODULES = ["distances", "feature_moments", "frechet", "inception_scores", "kernel", "manifold"]
FUNCTIONS = [
    name
    for name in metrics.__all__
    if inspect.isfunction(getattr(metrics, name))
    and getattr(metrics, name).__module__.rpartition(".")[2] in MODULES
]


def test_all_statistics_are_public():
    assert len(FUNCTIONS) == 15


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_statistic_says_what_it_takes_gives_and_refuses(name):
    for section in ("Args:", "Returns:", "Raises:"):
        assert section in getattr(metrics, name).__doc__


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(f"gan_jax.metrics.{module}"))
    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    modules = [importlib.import_module(f"gan_jax.metrics.{name}") for name in MODULES]
    assert sum(len(test.examples) for module in modules for test in finder.find(module)) >= 8


def test_importing_the_metrics_imports_no_other_room_and_no_framework():
    program = (
        "import json, sys; from gan_jax import metrics; print(json.dumps(sorted(sys.modules)))"
    )
    root = str(pathlib.Path(gan_jax.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    imported = json.loads(result.stdout)
    ours = {name.split(".")[1] for name in imported if name.startswith("gan_jax.")}
    assert ours == {"metrics", "names"}
    assert not {"tensorflow", "torch", "ml_collections"} & set(imported)
