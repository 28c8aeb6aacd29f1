"""The plain-JAX example runs as a stranger would run it, and learns."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", "examples/losses_in_plain_jax.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def report(process):
    assert process.returncode == 0, process.stderr
    modes = re.search(r"^modes covered: (\d) of 8$", process.stdout, re.MULTILINE)
    quality = re.search(
        r"^high-quality samples: ([\d.]+)% \(real ones ([\d.]+)%\)$", process.stdout, re.MULTILINE
    )
    # Three standard deviations hold 1 - exp(-4.5) = 98.9% of a Gaussian in two dimensions.
    assert abs(float(quality[2]) - 98.9) < 0.5
    return int(modes[1]), float(quality[1])


def test_training_covers_every_mode_and_an_untrained_generator_does_not():
    modes, quality = report(run("--steps=1"))
    assert modes < 8
    assert quality < 15
    process = run("--steps=700")
    assert len(re.findall(r"^step +\d+  critic loss +-?\d", process.stdout, re.MULTILINE)) == 7
    modes, quality = report(process)
    assert modes == 8
    assert quality > 30


def test_steps_must_be_positive():
    process = run("--steps=0")
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1].endswith("--steps must be at least 1, got 0")
