"""A part of the table of bad inputs: values that the declarations of flags and keys rule out.

`python benchmarks/bad_inputs.py` tries all of it, each command line in a process of its own.
"""

import contextlib
import io
import random

import pytest

from gan_jax.cli.main import main
from tests.benchmarks.scripts import BENCHMARKS, importable

with importable():
    import bad_input_cases
    import bad_inputs


@pytest.fixture(scope="module")
def declared():
    """The cases whose line must name the flag or key."""
    cases = [*bad_input_cases.flag_cases(), *bad_input_cases.key_cases("cgan_digits")]
    return [case for case in cases if case.name]


def test_every_flag_and_key_with_a_range_or_choices_is_among_them(declared):
    names = {case.name for case in declared}
    assert len(declared) > 400
    assert {"--sample_seed", "--columns", "--truncation", "--batch_sizes"} <= names
    assert {"config.steps", "config.evaluate.extractor", "config.model.width"} <= names
    values = {case.arguments[-1] for case in declared}
    assert {"--sample_seed=-1", "--sample_seed=4294967296", "--truncation=nan"} <= values
    assert {"--config.model.generator_optimizer.b1=1.0", "--config.steps=0"} <= values


@pytest.mark.parametrize("seed", range(4))
def test_a_value_that_is_ruled_out_is_one_line_that_names_it(declared, seed, tmp_path, monkeypatch):
    monkeypatch.chdir(BENCHMARKS.parent)
    for case in random.Random(seed).sample(declared, 10):
        out, err = io.StringIO(), io.StringIO()
        arguments = [
            part.replace("{tmp}", str(tmp_path)).replace("{run}", str(tmp_path / "run"))
            for part in case.arguments
        ]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(["main.py", *arguments])
        found = bad_inputs.verdict(status, out.getvalue(), err.getvalue(), name=case.name)
        assert found == "good", (case.title, err.getvalue())
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("status", "out", "err", "options", "expected"),
    [
        (2, "", "error: columns\n", {}, "good"),
        (2, "", "warning: x\nerror: columns\n", {"name": "columns"}, "good"),
        (2, "", "error: columns\n", {"name": "rows"}, "another mistake is told"),
        (2, "", "error: columns\n", {"unchanged": False}, "lost"),
        (2, "", "error: a\nerror: b\n", {}, "not one line"),
        (2, "", "", {}, "not one line"),
        (1, "", "Traceback (most recent call last)\n", {}, "traceback"),
        (-6, "", "", {}, "ended by signal 6"),
        (0, "done", "", {}, "accepted"),
        (0, "warning: checkpoint 4 is damaged", "", {}, "accepted"),
        (0, "warning: checkpoint 4 is damaged", "", {"warns": True}, "good"),
        (0, "done", "", {"warns": True}, "accepted"),
        (2, "", "error: " + 600 * "x", {}, "a line without end"),
    ],
)
def test_what_counts_as_good(status, out, err, options, expected):
    assert bad_inputs.verdict(status, out, err, **options) == expected
