"""Shows that a run which is killed at any moment ends with the bits of one that was not.

    nice python benchmarks/kill_at_random.py --json=benchmarks/results/kill_at_random.json

trains a small run on a folder of images (it decodes them into an empty cache, trains, samples,
evaluates itself, keeps its best checkpoint) to its end, and measures how long that takes. Then, a
hundred times, a run in a new folder gets SIGKILL at a moment that is uniform over that time, is
started again by the same command, and compared with the first: every array of the newest and of
the best checkpoint, the log without its rates, the grids, and the files that were cached. Each run
is a process of its own, forked from one that has imported all it needs. Prints what was under way
at each kill. The status is 0 if all were the same.
"""

import argparse
import collections
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from compare import conditions
from comparison_summary import write_json

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gan_jax import files  # noqa: E402
from tests.toys import image_sets, program  # noqa: E402

CONFIG = {
    "steps": 48,
    "log_every": 2,
    "sample_every": 8,
    "checkpoint_every": 4,
    "evaluate.every": 8,
    "evaluate.extractor": "toy",
    "evaluate.num_images": 32,
    "evaluate.num_real": 20,
    "evaluate.metrics": "fid,kid",
}


def arguments_of(workdir: Path, images: Path) -> tuple[str, ...]:
    """The command line of the run."""
    return (
        "--config=tests/toys/config.py:pix2pix",
        f"--workdir={workdir}",
        f"--config.data.name=folder:{images}",
        *(f"--config.{key}={value}" for key, value in CONFIG.items()),
    )


def unfinished(workdir: Path) -> list[str]:
    """What lies in a run's folder only while a file or a checkpoint is being written."""
    patterns = ("*orbax-checkpoint-tmp*", "*.partial")
    found = {path.name for pattern in patterns for path in workdir.rglob(pattern)}
    return sorted(found)


def check(workdir: Path, expected: Path, cache: Path) -> None:
    """Compares a run with the one that was not interrupted.

    Raises:
      AssertionError: If anything differs, or something unfinished is left.
    """
    program.assert_same_run(workdir, expected)
    program.assert_same_run(workdir, expected, folder="checkpoint_best")
    assert unfinished(workdir) == []
    assert not (workdir / ".lock").exists()
    for path in cache.iterdir():
        if path.suffix in (".images", ".features", ".moments"):
            assert files.read_arrays(path, verify=True) is not None, f"{path} is damaged"


def kill_and_resume(
    run_program: program.Program, folder: Path, expected: Path, images: Path, seconds: float
) -> dict[str, Any] | None:
    """One kill, after so many seconds.

    Returns:
      Its result, JSON values; None where the run had ended before.
    """
    workdir = folder / "run"
    shutil.rmtree(workdir, ignore_errors=True)
    shutil.rmtree(run_program.cache, ignore_errors=True)
    line = arguments_of(workdir, images)
    under_way = run_program.kill_after(seconds, line)
    if under_way is None:
        return None
    result = {
        "seconds": seconds,
        "under_way": under_way,
        "unfinished": unfinished(workdir),
        "checkpoints": program.steps(workdir),
        "logged": len(program.metrics(workdir)) if (workdir / "metrics.jsonl").exists() else 0,
    }
    try:
        run_program(line)
        check(workdir, expected, run_program.cache)
    except AssertionError:
        return {**result, "same": False, "error": traceback.format_exc(limit=-1)[-2000:]}
    return {**result, "same": True}


def uninterrupted(run_program: program.Program, folder: Path, images: Path) -> tuple[Path, float]:
    """The run that the others are compared with, and how long it takes once it is compiled."""
    workdir, seconds = folder / "uninterrupted", []
    for name in (workdir, folder / "again", folder / "and_again"):
        shutil.rmtree(run_program.cache, ignore_errors=True)
        start = time.perf_counter()
        run_program(arguments_of(name, images))
        seconds.append(time.perf_counter() - start)
    program.assert_same_run(folder / "again", workdir)
    return workdir, min(seconds[1:])


def summary(results: Sequence[Mapping[str, Any]]) -> str:
    """One line for each kind of moment, and one for all."""
    kinds = collections.Counter(result["under_way"] for result in results)
    same = collections.Counter(result["under_way"] for result in results if result["same"])
    writing = [result for result in results if any("orbax" in n for n in result["unfinished"])]
    return "\n".join(
        [
            *(f"{kind}: {same[kind]} of {kinds[kind]}" for kind in sorted(kinds)),
            "a checkpoint in the background: "
            f"{sum(result['same'] for result in writing)} of {len(writing)}",
            f"{same.total()} of {len(results)} killed runs ended with the same bits",
        ]
    )


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=100, help="kills")
    parser.add_argument("--minutes", type=float, default=60.0, help="begins no kill after these")
    parser.add_argument("--seed", type=int, default=None, help="of the moments; drawn by default")
    parser.add_argument("--json", type=Path, help="file of the results")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Kills and compares; returns the exit status."""
    options = parse_arguments(arguments)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    moments, results = random.Random(seed), []
    report: dict[str, Any] = {**conditions(), "seed": seed, "config": CONFIG}
    report["versions"] = {name: metadata.version(name) for name in ("jax", "orbax-checkpoint")}
    report["python"] = sys.version.split()[0]
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = image_sets.pairs(folder / "images")
        run_program = program.Program(folder)
        try:
            expected, seconds = uninterrupted(run_program, folder, images)
            report["seconds_uninterrupted"] = seconds
            while len(results) < options.times and time.monotonic() < end:
                moment = moments.uniform(0.0, seconds)
                result = kill_and_resume(run_program, folder, expected, images, moment)
                if result is None:
                    continue  # It was quicker this time.
                results.append(result)
                print(f"{len(results):4d} {json.dumps(result)}", flush=True)
        finally:
            run_program.close()
    print(summary(results))
    if options.json:
        write_json(options.json, {**report, "kills": results})
    return 0 if results and all(result["same"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
