"""American spelling and the field's words, in code, comments, messages and documents."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = ("gan_jax", "configs", "benchmarks", "examples", "tests", "docs")
STEMS = "normal|initial|optim|regular|quant|synchron|minim|maxim|general|organ|recogn|serial|summar"
BANNED = {
    rf"\w*(?:{STEMS})is(?:e|ed|es|er|ers|ing|ation|ations)": "-ize, -ization",
    r"\w*(?:colour|neighbour|behaviour|favour)\w*": "-or",
    r"centre[sd]?|grey": "center, gray",
    r"\w*(?:labelled|labelling)\w*|signalled|misspelt": "labeled, signaled, misspelled",
    r"looks? at|looked at|looking at": "compute, extract or inspect",
    r"pictures?": "image",
    r"a JSON object a line|a row a class": "one per",
    r"(?:ms|seconds|images) a (?:second|step|epoch|image)": "per",
    r"cannot be had": "not available",
}
"""What is not written, and what is written in its place."""
EXCEPTIONS = {"tests/words_test.py", "tests/data/prepared_test.py"}


def texts():
    files = [*ROOT.glob("*.md"), *ROOT.glob("*.py")]
    for folder in FOLDERS:
        files += [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.md")]
    return {
        name: file.read_text(encoding="utf-8")
        for file in sorted(files)
        if (name := file.relative_to(ROOT).as_posix()) not in EXCEPTIONS
    }


@pytest.fixture(scope="module")
def lines():
    found = [(f"{f}:{n}", s) for f, t in texts().items() for n, s in enumerate(t.split("\n"), 1)]
    assert len(found) > 10_000
    return found


@pytest.mark.parametrize("banned", BANNED)
def test_the_word_of_the_field_is_written(lines, banned):
    # A word of its own or part of a name: `labeled_grid`.
    pattern = re.compile(rf"(?<![A-Za-z])(?:{banned})(?![A-Za-z])", re.IGNORECASE)
    found = [f"{place} {match[0]!r}" for place, line in lines if (match := pattern.search(line))]
    assert not found, f"write {BANNED[banned]}: {found}"
