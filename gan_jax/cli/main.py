"""The command line: gan-jax --config=NAME[:VARIANT] --workdir=DIR; see --help."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import logging as python_logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence

from gan_jax.runs.allocator import keep_freed_memory


def run() -> None:
    """Runs the command line of this process and exits with its status."""
    _open_standard_streams()
    with contextlib.suppress(Exception):  # Where stderr is no file.
        faulthandler.enable()
    keep_freed_memory()
    status = 1  # Of an error that is raised.
    # Registered before the others it runs after them. What is left is to take down the modules of
    # XLA and TensorFlow one by one, which takes a second or more and frees what the system frees.
    atexit.register(lambda: _leave(status))
    try:
        status = main(sys.argv)
    except SystemExit as ended:  # Of a signal that came before the loop.
        status = ended.code if isinstance(ended.code, int) else 1
    sys.exit(status)


def _open_standard_streams() -> None:
    """Opens those that the process was started without, or a file of a run would take the place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest number that is free.


def _leave(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


def main(argv: Sequence[str]) -> int:
    """Runs a mode; a user's mistake is one line and exit status 2, any other error is raised.

    Args:
      argv: The program's name and its arguments.

    Returns:
      The exit status.
    """
    try:
        return _main(argv)
    except KeyboardInterrupt:
        # Before the first step, or a second time: there is nothing new to save.
        print("interrupted", file=sys.stderr, flush=True)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read the output has enough of it. Python flushes stdout once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:
        from gan_jax.cli import errors, parsing

        line = errors.mistake(error)
        if line is None:
            raise
        if parsing.wants_traceback(argv):
            traceback.print_exc()
        return _fail(line)


def _main(argv: Sequence[str]) -> int:
    from gan_jax.cli import modes, parsing, usage

    _set_up_logging()
    table = modes.load()
    if parsing.wants_help(argv):
        print(usage.usage(os.path.basename(argv[0]), table, parsing.asked_mode(argv)))
        return 0
    mode, values = parsing.parse(argv, table)
    return mode.main(values)


def _set_up_logging() -> None:
    from absl import flags, logging

    # Images that it cannot read, or only in part, are told of in lines of our own.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # The logging of absl waits until its own flags are parsed; here they keep their defaults.
    flags.FLAGS(["gan-jax"])
    logging.use_absl_handler()
    logging.set_verbosity(logging.WARNING)
    # Warnings look like the errors, without absl's time, thread and line.
    logging.get_absl_handler().setFormatter(python_logging.Formatter("warning: %(message)s"))


def _fail(line: str) -> int:
    """Prints the line and returns the exit status of a mistake."""
    from gan_jax.untrusted import printable

    # A path may hold what no encoding knows, a name from a file what controls a terminal.
    print(f"error: {printable(line)}", file=sys.stderr, flush=True)
    return 2
