"""Measures gan_jax's train steps against PyTorch's, in turn, and prints the ratios.

    python benchmarks/compare.py --torch-python=/path/to/python-with-torch

starts one worker process for JAX and one for each PyTorch variant, lets each compile, and then goes
round: in every round each worker does a few steps while the others wait, in an order that moves on
by one from round to round, so that a machine that slows down slows all of them. See README.md.
"""

import argparse
import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from comparison_summary import COUNTING, JAX, rotation, summarize, table, write_json
from machine import conditions
from worker_process import WorkerError, WorkerProcess
from worker_protocol import (
    DEVICES,
    MAX_ISAS,
    NETWORKS,
    PRECISIONS,
    SYSTEMS,
    TORCH_VARIANTS,
    Settings,
)

HERE = Path(__file__).resolve().parent
OWN_NETWORKS = {"dcgan": "dcgan_4x4", "sngan": "resnet"}
SCRIPTS = {"jax": HERE / "jax_worker.py", "torch": HERE / "torch_worker.py"}


def applicable_variants(device: str) -> list[str]:
    """The PyTorch variants that make sense on a device."""
    return [
        name
        for name, variant in TORCH_VARIANTS.items()
        if not (variant.default_allocator if device == "cuda" else variant.cuda_graph)
    ]


def _list_of(allowed: Sequence[str]):
    def parse(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in allowed:
                raise argparse.ArgumentTypeError(
                    f"unknown name {name!r}; there are {', '.join(allowed)}"
                )
        return list(dict.fromkeys(names))

    return parse


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _width(text: str) -> float:
    number = float(text)
    if not 0.0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return number


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line; a mistake ends the process with status 2 and one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--system", type=_list_of(SYSTEMS), default=list(SYSTEMS), help=",".join(SYSTEMS))
    add(
        "--networks",
        choices=NETWORKS,
        default="dcgan_4x4",
        help="of wgan_gp; others have their own",
    )
    add("--variants", type=_list_of(tuple(TORCH_VARIANTS)), help="of PyTorch; default: all")
    add("--jax-python", default=sys.executable, help="python with gan_jax; default: this one")
    add("--torch-python", help="python with torch; default: this one")
    add("--rounds", type=_positive, default=7)
    add("--steps", type=_positive, default=2, help="steps of each worker in a round")
    add("--steps-per-call", type=_positive, help="steps in one call of JAX; default: --steps")
    add("--warmup-steps", type=_positive, default=2, help="steps before the first round")
    add("--batch-size", type=_positive, default=64)
    add("--critic-steps", type=_positive, default=5, help="of wgan_gp and sngan")
    add("--width", type=_width, default=1.0, help="factor on the channels of hidden layers")
    add("--device", choices=DEVICES, default="cpu")
    add("--precision", choices=PRECISIONS, default="float32")
    add("--threads", type=_positive, default=2, help="processors that each worker may use")
    add("--max-isa", choices=MAX_ISAS, help="hold both frameworks to these instructions")
    add("--data", default="random", help="random, or a .npy file of uint8 [N, 32, 32, 3]")
    add("--seed", type=int, default=0)
    add("--json", type=Path, help="where to write every timing")
    add("--log-dir", type=Path, help="where to keep what the workers print")
    options = parser.parse_args(arguments)
    options.steps_per_call = options.steps_per_call or options.steps
    for name in ("steps", "warmup_steps"):
        if getattr(options, name) % options.steps_per_call:
            parser.error(
                f"--{name.replace('_', '-')} {getattr(options, name)} is not a multiple of "
                f"--steps-per-call {options.steps_per_call}"
            )
    if options.precision == "tf32" and options.device != "cuda":
        parser.error("--precision tf32 needs --device cuda")
    if options.data != "random" and not Path(options.data).is_file():
        parser.error(f"--data {options.data} is not a file")
    unfit = set(options.variants or ()) - set(applicable_variants(options.device))
    if unfit:
        needed = "cpu" if options.device == "cuda" else "cuda"
        parser.error(f"--variants {','.join(sorted(unfit))} needs --device {needed}")
    return options


def settings_of(options: argparse.Namespace, system: str, variant: str) -> Settings:
    """The settings of one worker."""
    return Settings(
        system=system,
        networks=options.networks if system == "wgan_gp" else OWN_NETWORKS[system],
        variant=variant,
        batch_size=options.batch_size,
        critic_steps=1 if system == "dcgan" else options.critic_steps,
        width=options.width,
        precision=options.precision,
        device=options.device,
        threads=options.threads,
        max_isa=options.max_isa,
        steps_per_call=options.steps_per_call,
        data=options.data,
        seed=options.seed,
    )


def start_workers(
    options: argparse.Namespace, system: str
) -> tuple[dict[str, WorkerProcess], dict[str, str], dict[str, float]]:
    """Starts and warms up the workers of one system, one after the other.

    Returns:
      The workers that run, by variant; the errors of those that do not; the seconds that the first
      steps took, compilation included.
    """
    torch_python = options.torch_python or sys.executable
    workers, failures, warmups = {}, {}, {}
    for name in (JAX, *(options.variants or applicable_variants(options.device))):
        python, script = (
            (options.jax_python, SCRIPTS["jax"])
            if name == JAX
            else (torch_python, SCRIPTS["torch"])
        )
        log = options.log_dir / f"{system}_{name}.log" if options.log_dir else None
        print(f"{system}: {name} starts and compiles", file=sys.stderr)
        try:
            worker = WorkerProcess([python, str(script)], settings_of(options, system, name), log)
            warmups[name] = worker.run(options.warmup_steps)["seconds"]
            workers[name] = worker
        except WorkerError as error:
            failures[name] = str(error)
            print(f"{system}: {name} is left out: {error}", file=sys.stderr)
    return workers, failures, warmups


def measure(
    workers: dict[str, WorkerProcess], options: argparse.Namespace, system: str
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """Goes round the workers.

    Returns:
      The answers of each worker, one per round, and the errors of those that failed on the way,
      whose answers are dropped.
    """
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
    failures = {}
    for number in range(options.rounds):
        for name in rotation(list(workers), number):
            if name in failures:
                continue
            try:
                answers[name].append(workers[name].run(options.steps))
            except WorkerError as error:
                failures[name] = str(error)
                print(f"{system}: {name} is left out: {error}", file=sys.stderr)
        print(f"{system}: round {number + 1} of {options.rounds} done", file=sys.stderr)
    return {name: rows for name, rows in answers.items() if name not in failures}, failures


def compare(options: argparse.Namespace, system: str) -> dict[str, Any]:
    """Measures one system and returns all that is known about it."""
    workers, failures, warmups = start_workers(options, system)
    try:
        answers, more_failures = measure(workers, options, system)
        descriptions = {name: worker.description for name, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()
    settings = settings_of(options, system, "")
    seconds = {name: [row["seconds"] for row in rows] for name, rows in answers.items()}
    return {
        "settings": {
            key: value for key, value in dataclasses.asdict(settings).items() if key != "variant"
        },
        "workers": descriptions,
        "warmup_seconds": warmups,
        "rounds": answers,
        "failures": {**failures, **more_failures},
        **summarize(
            seconds,
            steps=options.steps,
            batch_size=settings.batch_size,
            critic_steps=settings.critic_steps,
        ),
    }


def _command() -> list[str]:
    """The command line, less the folders that interpreters and files lie in here."""
    return [Path(word).name if word.startswith("/") else word for word in sys.argv[1:]]


def exit_status(results: Mapping[str, Mapping[str, Any]], named: Sequence[str]) -> int:
    """0 if every system has a ratio and no variant that the user named failed, else 1."""
    for result in results.values():
        if not result["speedups"] or set(named) & set(result["failures"]):
            return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison; returns the exit status."""
    options = parse_arguments(arguments)
    if options.log_dir:
        options.log_dir.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {**conditions(), "counting": COUNTING, "command": _command()}
    report["steps_a_round"] = options.steps
    report["systems"] = {}
    for system in options.system:
        result = compare(options, system)
        report["systems"][system] = result
        settings = result["settings"]
        print(
            table(
                f"\n{system}: {settings['networks']}, batch {settings['batch_size']}, "
                f"{settings['critic_steps']} discriminator update(s) a step, "
                f"{settings['precision']}, {settings['device']}, {settings['threads']} threads, "
                f"width {settings['width']:g}, {settings['max_isa'] or 'any instructions'}, "
                f"median of {options.rounds} rounds of {options.steps} steps",
                result,
            )
        )
        for name, error in result["failures"].items():
            print(f"{name} was left out: {error}")
        if options.json:
            write_json(options.json, report)
    print(
        "\n* the best PyTorch variant"
        "\nimages/s: real images that update the discriminator, batch size x its updates per step"
    )
    return exit_status(report["systems"], [JAX, *(options.variants or ())])


if __name__ == "__main__":
    sys.exit(main())
