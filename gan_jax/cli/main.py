"""The command line: gan-jax --config=NAME[:VARIANT] --workdir=DIR; see --help."""

from __future__ import annotations

import contextlib
import faulthandler
import logging as python_logging
import os
import signal
import sys
from collections.abc import Sequence


def run() -> None:
    """Runs the command line of this process and exits with its status."""
    with contextlib.suppress(Exception):  # Where stderr is no file.
        faulthandler.enable()
    sys.exit(main(sys.argv))


def main(argv: Sequence[str]) -> int:
    """Runs a mode; a user's mistake is one line and exit status 2.

    Args:
      argv: The program's name and its arguments.

    Returns:
      The exit status.
    """
    try:
        return _main(argv)
    except ModuleNotFoundError as error:
        if (error.name or "gan_jax").partition(".")[0] == "gan_jax":
            raise
        return _fail(f"{error}: install what the modes need, pip install 'gan_jax[train,report]'")
    except (ValueError, OSError, FloatingPointError) as error:
        return _fail(error)
    except RuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return _fail(
            "the device has too little memory: lower config.batch_size (--eval_batch_size)"
        )
    except KeyboardInterrupt:
        # Before the first step, or a second time: there is nothing new to save.
        print("interrupted", file=sys.stderr, flush=True)
        return 128 + signal.SIGINT


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

    # The logging of absl waits until its own flags are parsed; here they keep their defaults.
    flags.FLAGS(["gan-jax"])
    logging.use_absl_handler()
    logging.set_verbosity(logging.WARNING)
    # Warnings look like the errors, without absl's time, thread and line.
    logging.get_absl_handler().setFormatter(python_logging.Formatter("warning: %(message)s"))


def _fail(error: BaseException | str) -> int:
    """Prints one line and returns the exit status of a mistake."""
    first = next((line for line in str(error).splitlines() if line.strip()), repr(error))
    print(f"error: {first}", file=sys.stderr, flush=True)
    return 2
