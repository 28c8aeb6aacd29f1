"""What the training loop costs besides its steps: the start, and reading metrics one call late.

    python benchmarks/loop.py start --json=benchmarks/results/NAME.json

starts `--config` again and again, each time in a new workdir, by the command line: seconds from the
command to the first line of the log, of one step, that is on disk. The first start finds no
compiled programs, the others those of the first.

    python benchmarks/loop.py overlap --json=benchmarks/results/NAME.json

trains `--config` in turns as the loop does, which sends a call before it reads the metrics of the
one before, and with calls that are waited for: steps per second of both, and their ratio.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def start(config: str, rounds: int, overrides: list[str]) -> dict:
    """Seconds from the command to the first step, of each start."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{folder}/programs"}
        for number in range(rounds):
            workdir = Path(folder, str(number))
            command = [sys.executable, "main.py", f"--config={config}", f"--workdir={workdir}"]
            command += ["--config.steps=2", "--config.log_every=1", *overrides]
            begin = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
            )
            while not (workdir / "metrics.jsonl").exists() and process.poll() is None:
                time.sleep(0.01)
            seconds.append(time.perf_counter() - begin)
            if process.wait():
                raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}")
    return {
        "seconds_of_the_first_start": seconds[0],
        "seconds_of_the_next_starts": seconds[1:],
        "median_of_the_next_starts": statistics.median(seconds[1:]),
    }


def overlap(config: str, rounds: int, overrides: list[str], *, steps: int = 2_000) -> dict:
    """Steps per second with calls that overlap, and with calls that are waited for."""
    from gan_jax.cli import main
    from gan_jax.modes.train.pace import Pace
    from gan_jax.telemetry import read_metrics

    found: dict[str, list[float]] = {"late": [], "waiting": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name, rates in found.items():
                workdir = Path(folder, f"{name}{number}")
                command = ["main.py", f"--config={config}", f"--workdir={workdir}"]
                command += [f"--config.steps={steps}", "--config.log_every=10"]
                command += ["--config.sample_every=0", "--config.checkpoint_every=0", *overrides]
                waits = mock.patch.object(Pace, "overlaps", new=property(lambda pace: False))
                with waits if name == "waiting" else contextlib.nullcontext():
                    if main.main(command):
                        raise RuntimeError(f"{' '.join(command)} failed")
                lines = read_metrics(workdir / "metrics.jsonl")
                # The first lines are those of calls whose length was still being measured.
                rates += [line["time/steps_per_second"] for line in lines[5:]]
    medians = {f"steps_per_second_{name}": statistics.median(r) for name, r in found.items()}
    ratio = medians["steps_per_second_late"] / medians["steps_per_second_waiting"]
    return {**medians, "ratio": ratio}


def main(arguments: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("start", "overlap"))
    parser.add_argument("--config", help="dcgan_cifar10 for start, cgan_digits for overlap")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=2_000, help="of each run of overlap")
    parser.add_argument("--json", type=Path, help="where to write the result")
    options, overrides = parser.parse_known_args(arguments)
    if options.what == "start":
        config = options.config or "dcgan_cifar10"
        result = start(config, options.rounds, overrides)
    else:
        config = options.config or "cgan_digits"
        result = overlap(config, options.rounds, overrides, steps=options.steps)
    print(json.dumps(result, indent=2))
    if options.json:
        from gan_jax import telemetry

        settings = {"config": config, "overrides": overrides, "rounds": options.rounds}
        whole = {"what": options.what, **settings, **result, "environment": telemetry.environment()}
        options.json.write_text(json.dumps(whole, indent=1) + "\n")
    return result


if __name__ == "__main__":
    main()
