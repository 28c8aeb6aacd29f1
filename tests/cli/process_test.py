"""The command line as a process: how it begins and ends."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
RUN = """
import atexit, os, sys
from gan_jax.cli import main as module

def main(argv):
    atexit.register(lambda: print("atexit", end=""))
    if argv[1:] == ["descriptors"]:
        with open(os.devnull) as file:
            os.write(report, str(file.fileno()).encode())
    if argv[1:] == ["raise"]:
        raise RuntimeError("a programming error")
    return 7

report = os.dup(2)
module.main = main
module.run()
"""


def run(*arguments, shell=(), **options):
    return subprocess.run(
        [*shell, sys.executable, "-c", RUN, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=240,
        **options,
    )


def test_a_process_ends_with_its_status_after_what_is_to_be_done_at_the_end():
    done = run(stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout, done.stderr) == (7, "atexit", "")
    failed = run("raise", stdout=subprocess.PIPE)
    assert (failed.returncode, failed.stdout) == (1, "atexit")
    assert failed.stderr.endswith("RuntimeError: a programming error\n")


def test_no_file_takes_the_place_of_a_stream_that_is_closed():
    closing = ("sh", "-c", 'exec "$0" "$@" <&- >&-')
    done = run("descriptors", shell=closing)
    assert done.returncode == 7
    assert int(done.stderr) > 2
