"""The command line: python main.py --config=configs/X.py[:variant] --workdir=DIR --mode=MODE."""

from __future__ import annotations

import difflib
import glob
import importlib.util
import itertools
import logging as python_logging
import os
import re
import signal
import sys

from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from gan_jax.cli import flags as options

MODES = ("train", "sample", "evaluate", "benchmark", "report")
# Of the design, and not built yet.
LATER = ("export",)

FLAGS = flags.FLAGS
_CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment, configs/X.py[:variant].")
options.define(MODES)


class UsageError(ValueError):
    """The command line asks for what is not there."""


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f": did you mean {close[0]}?" if close else ""


def _keys(config: ConfigDict, prefix: str = "") -> list[str]:
    keys = []
    for name, value in config.items():
        keys.append(prefix + name)
        if isinstance(value, ConfigDict):
            keys += _keys(value, f"{prefix}{name}.")
    return keys


def _config_argument(arguments: list[str]) -> str | None:
    """The value of `--config=VALUE` or `--config VALUE`."""
    for argument, following in itertools.zip_longest(arguments, arguments[1:]):
        if match := re.fullmatch(r"--?config(?:=(.*))?", argument):
            return following if match[1] is None else match[1]
    return None


def _config_of(arguments: list[str]) -> ConfigDict | None:
    """The config without its overrides, to know its keys."""
    value = _config_argument(arguments)
    if value is None:
        return None
    path, _, variant = value.partition(":")
    if not os.path.isfile(path):
        known = sorted(glob.glob("configs/[!_]*_*.py"))
        raise UsageError(f"no config file {path}{_nearest(path, known)}")
    spec = importlib.util.spec_from_file_location("config", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.get_config(*([variant] if variant else []))


def check_overrides(arguments: list[str], config: ConfigDict | None) -> None:
    """Refuses `--config.key` for a key that the config has not.

    Raises:
      UsageError: Naming the nearest key there is.
    """
    for argument in arguments:
        match = re.match(r"--?(?:no)?config\.([^=]+)", argument)
        if not match:
            continue
        if config is None:
            raise UsageError(f"--config.{match[1]} needs a --config=configs/X.py")
        known = _keys(config)
        if match[1] not in known:
            raise UsageError(f"unknown config key '{match[1]}'{_nearest(match[1], known)}")


def parse(argv: list[str]) -> list[str]:
    """Parses the flags; a mistake is one line."""
    try:
        check_overrides(argv[1:], _config_of(argv[1:]))
        return FLAGS(argv)
    except (flags.Error, UsageError, ValueError, TypeError, KeyError, AttributeError) as error:
        sys.exit(_fail(error))


def _fail(error: BaseException) -> int:
    """Prints one line and returns the exit status of a mistake."""
    first = next((line for line in str(error).splitlines() if line.strip()), repr(error))
    print(f"error: {first}", file=sys.stderr, flush=True)
    return 2


def _needs(name: str) -> None:
    if getattr(FLAGS, name) is None:
        raise UsageError(f"--mode={FLAGS.mode} needs --{name}")


def _numbers(name: str) -> list[int]:
    try:
        return [int(number) for number in getattr(FLAGS, name)]
    except ValueError:
        given = ",".join(getattr(FLAGS, name))
        raise UsageError(f"--{name}={given}: give whole numbers, as in 32,64") from None


def _train() -> int:
    from gan_jax.modes.train.interrupt import Interrupt
    from gan_jax.modes.train.loop import train

    _needs("config")
    _needs("workdir")
    interrupt = Interrupt()
    step = train(FLAGS.config, FLAGS.workdir, interrupt=interrupt)
    if interrupt.signum is None or step >= FLAGS.config.steps:
        print(f"done: {step} steps; grids in {FLAGS.workdir}/samples", flush=True)
        return 0
    print(f"stopped after step {step}; the same command goes on from there", flush=True)
    return 128 + interrupt.signum


def _sample() -> int:
    from gan_jax.modes.sample.run import sample_run

    _needs("workdir")
    print(
        sample_run(
            FLAGS.workdir,
            output=FLAGS.output,
            num_images=FLAGS.num_images,
            step=FLAGS.checkpoint_step,
            best=FLAGS.best,
            classes=FLAGS.classes,
            columns=FLAGS.columns,
            interpolate=FLAGS.interpolate,
            truncation=FLAGS.truncation,
            ema=FLAGS.ema,
            seed=FLAGS.sample_seed,
        )
    )
    return 0


def _evaluate() -> int:
    from gan_jax.modes.evaluate.run import evaluate_run

    if FLAGS.best or FLAGS.checkpoint_step is not None:
        asked = "best" if FLAGS.best else FLAGS.checkpoint_step
        raise UsageError(f"--mode=evaluate takes --checkpoints={asked}")
    if FLAGS.images is not None:
        for name in ("ema", "sample_seed", "truncation"):
            if FLAGS[name].present:
                raise UsageError(f"--{name} belongs to a generator, and --images has none")
    options = {"names": FLAGS.metrics} if FLAGS.metrics else {}
    evaluate_run(
        FLAGS.workdir,
        config=FLAGS.config,
        images=FLAGS.images,
        checkpoints=FLAGS.checkpoints,
        split=FLAGS.split,
        extractor=FLAGS.extractor or "inception",
        weights=FLAGS.weights,
        num_images=FLAGS.num_images,
        num_real=FLAGS.num_real,
        truncation=FLAGS.truncation,
        ema=FLAGS.ema,
        seed=FLAGS.sample_seed,
        batch_size=FLAGS.eval_batch_size,
        json_path=FLAGS.json,
        **options,
    )
    return 0


def _report() -> int:
    from gan_jax.modes.report import report

    _needs("workdir")
    print(
        report(
            [FLAGS.workdir, *FLAGS.compare],
            output=FLAGS.output,
            extractor=FLAGS.extractor or "efficientnet_lite0",
            weights=FLAGS.weights,
            neighbor_images=FLAGS.neighbor_images,
            step=FLAGS.checkpoint_step,
            ema=FLAGS.ema,
            seed=FLAGS.sample_seed,
        )
    )
    return 0


def _benchmark() -> int:
    from gan_jax.modes.benchmark.run import benchmark

    _needs("config")
    benchmark(
        FLAGS.config,
        batch_sizes=_numbers("batch_sizes"),
        precisions=FLAGS.precisions,
        parallel_modes=FLAGS.parallel_modes,
        rounds=FLAGS.rounds,
        synthetic=FLAGS.synthetic,
        json_path=FLAGS.json,
    )
    return 0


def main(argv: list[str]) -> int:
    """Runs a mode; a user's mistake is one line and exit status 2."""
    logging.set_verbosity(logging.WARNING)
    # Warnings look like the errors, without absl's time, thread and line.
    logging.get_absl_handler().setFormatter(python_logging.Formatter("warning: %(message)s"))
    try:
        if len(argv) > 1:
            raise UsageError(f"unknown argument '{argv[1]}': every option begins with --")
        if FLAGS.mode in LATER:
            raise UsageError(f"--mode={FLAGS.mode} is not built yet; there are {', '.join(MODES)}")
        if FLAGS.mode not in MODES:
            raise UsageError(f"unknown --mode={FLAGS.mode}{_nearest(FLAGS.mode, list(MODES))}")
        if FLAGS.distributed:
            if FLAGS.mode != "train":
                raise UsageError(f"--distributed is for --mode=train, not {FLAGS.mode}")
            import jax

            jax.distributed.initialize(FLAGS.coordinator, FLAGS.num_processes, FLAGS.process_id)
        modes = {
            "train": _train,
            "sample": _sample,
            "evaluate": _evaluate,
            "benchmark": _benchmark,
            "report": _report,
        }
        return modes[FLAGS.mode]()
    except (ValueError, OSError, FloatingPointError) as error:
        return _fail(error)
    except RuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return _fail(
            UsageError(
                "the device has too little memory: lower config.batch_size (--eval_batch_size)"
            )
        )
    except KeyboardInterrupt:
        # Before the first step, or a second time: there is nothing new to save.
        print("interrupted", file=sys.stderr, flush=True)
        return 128 + signal.SIGINT


def run() -> None:
    """Runs the command line of this process and exits with its status."""
    app.run(main, flags_parser=parse)
