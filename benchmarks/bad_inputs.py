"""Tries bad inputs on the command line: what is wrong must be one line, and cost nothing.

    python benchmarks/bad_inputs.py --json=benchmarks/results/bad_inputs.json

starts the program once for each of over a thousand command lines with something wrong in it: flags
and keys with values from outside of their declared types, ranges and choices, damaged files, absent
devices, sizes without end. Each runs in a process of its own, forked from one that has imported
everything, with 20 seconds (`--seconds`, more on a busy machine) and 4 GiB. It is to end with
status 2 and one line that begins with "error: ", and to leave the run's folder and a new one as
they were. The exit status is 0 if all do.
`--only=TEXT` tries those whose title has it, `--kind=flag` (key, file, device) those of a kind,
`--sample=N` so many chosen at random.
"""

import argparse
import collections
import dataclasses
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SECONDS = 20.0
MEMORY = 4 << 30
# Configs whose keys are tried, the first with all of them.
CONFIGS = ("cgan_digits", "wgan_gp_cifar10", "dcgan_smoothed_cifar10")


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a case: "good", or what was wrong with it."""

    case: str
    kind: str
    verdict: str
    status: int
    seconds: float
    cpu_seconds: float
    line: str


def contents(folder: Path) -> dict[str, bytes]:
    """`{path: bytes}` of the files of a folder, without what is no plain file."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def verdict(
    status: int, out: str, err: str, *, warns: bool = False, unchanged: bool = True, name: str = ""
) -> str:
    """What a command line with something wrong in it did about it."""
    lines = err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if "Traceback" in err:
        return "traceback"
    if not unchanged:
        return "lost"
    if status == 0:
        warned = "warning: " in out + err
        return "good" if warns and warned else "accepted"
    if status < 0:
        return f"ended by signal {-status}"
    if status != 2 or len(errors) != 1 or not lines[-1].startswith("error: "):
        return "not one line"
    if name not in errors[0]:
        return "another mistake is told"
    return "good" if len(errors[0]) < 600 else "a line without end"


def run_forked(
    arguments, platforms: str, place: Path, seconds: float
) -> tuple[int | None, str, str, float]:
    """Runs a command line in a child: its status (None if it ran too long), stdout and stderr.

    The fourth is the CPU time that it took, in seconds.
    """
    files = [place / "out", place / "err"]
    pid = os.fork()
    if pid == 0:
        _child(arguments, platforms, place, files)
    end = time.monotonic() + seconds
    done, status, usage = os.wait4(pid, os.WNOHANG)
    while not done and time.monotonic() < end:
        time.sleep(0.01)
        done, status, usage = os.wait4(pid, os.WNOHANG)
    if not done:
        os.kill(pid, signal.SIGKILL)
        _, _, usage = os.wait4(pid, 0)
    texts = [file.read_text(errors="replace") if file.exists() else "" for file in files]
    taken = usage.ru_utime + usage.ru_stime
    return (os.waitstatus_to_exitcode(status) if done else None), texts[0], texts[1], taken


def _child(arguments, platforms: str, place: Path, files: list[Path]) -> None:
    status = 1
    try:
        for descriptor, file in zip((1, 2), files, strict=True):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        os.environ.update(JAX_PLATFORMS=platforms, XDG_CACHE_HOME=str(place / "cache"))
        import jax

        from gan_jax.cli.main import main

        jax.config.update("jax_platforms", platforms)
        status = main(["main.py", *arguments])
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def try_case(case, trained: Path, seconds: float) -> Result:
    """Runs a case on a copy of a trained run."""
    with tempfile.TemporaryDirectory(prefix="gan_jax_bad_") as folder:
        place = Path(folder)
        run, empty = place / "run", place / "tmp"
        shutil.copytree(trained, run)
        empty.mkdir()
        if case.prepare is not None:
            case.prepare(place)
        before = contents(run), contents(empty)
        words = {"{run}": str(run), "{tmp}": str(empty)}
        arguments = list(case.arguments)
        for word, path in words.items():
            arguments = [argument.replace(word, path) for argument in arguments]
        begin = time.monotonic()
        status, out, err, cpu = run_forked(arguments, case.platforms, place, seconds)
        taken = time.monotonic() - begin
        after = contents(run), contents(empty)
        unchanged = all(new.items() >= old.items() for old, new in zip(before, after, strict=True))
        unchanged &= status == 0 or after == before
        found = (
            "hang"
            if status is None
            else verdict(status, out, err, warns=case.warns, unchanged=unchanged, name=case.name)
        )
    line = next((line for line in reversed(err.splitlines()) if line.strip()), "")
    return Result(case.title, case.kind, found, -9 if status is None else status, taken, cpu, line)


def all_cases(seed: int = 0) -> list:
    """All cases: of the configs after the first a tenth of the keys."""
    import bad_input_cases as cases
    import bad_input_files as files

    chosen = [*cases.flag_cases(), *cases.key_cases(CONFIGS[0])]
    for config in CONFIGS[1:]:
        found = list(cases.key_cases(config))
        chosen += random.Random(seed).sample(found, len(found) // 10)
    return [*chosen, *cases.huge_cases(), *cases.device_cases(), *files.file_cases()]


def try_all(cases: list, trained: Path, seconds: float, jobs: int) -> list[Result]:
    """Tries the cases in several processes; what is not good is printed as it comes."""
    files = [trained.parent / f"results{job}.jsonl" for job in range(jobs)]
    children = []
    for job, file in enumerate(files):
        children.append(os.fork())
        if not children[-1]:
            _work(cases[job::jobs], file, trained, seconds)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [Result(**json.loads(line)) for line in lines]


def _work(cases: list, file: Path, trained: Path, seconds: float) -> None:
    """What one of the processes does."""
    status = 1
    try:
        with open(file, "w") as out:
            for case in cases:
                result = try_case(case, trained, seconds)
                print(json.dumps(dataclasses.asdict(result)), file=out, flush=True)
                if result.verdict != "good":
                    print(f"{result.verdict}: {case.title}\n    {result.line[:300]}", flush=True)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def prepare_imports() -> None:
    """Imports what the modes import, and starts no thread and no JAX backend."""
    import matplotlib.pyplot  # noqa: F401
    import sklearn.datasets  # noqa: F401

    from gan_jax.cli import modes
    from gan_jax.modes.benchmark import run as _benchmark  # noqa: F401
    from gan_jax.modes.evaluate import run as _evaluate  # noqa: F401
    from gan_jax.modes.report import report_run  # noqa: F401
    from gan_jax.modes.sample import run as _sample  # noqa: F401
    from gan_jax.modes.train import loop  # noqa: F401

    modes.load()
    assert threading.active_count() == 1, "a child would wait for locks of threads it has not"


def main() -> int:
    """Tries the cases; returns 0 if all are good."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", help="a file for all results")
    parser.add_argument("--only", default="", help="cases whose title has this text")
    parser.add_argument("--kind", default="", help="cases of this kind")
    parser.add_argument("--sample", type=int, help="so many cases, chosen at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--jobs", type=int, default=2, help="processes that try cases at once")
    options = parser.parse_args()
    os.chdir(ROOT)
    prepare_imports()
    from bad_input_cases import TINY

    cases = [case for case in all_cases(options.seed) if options.only in case.title]
    cases = [case for case in cases if options.kind in ("", case.kind)]
    if options.sample is not None:
        cases = random.Random(options.seed).sample(cases, min(options.sample, len(cases)))
    with tempfile.TemporaryDirectory(prefix="gan_jax_bad_") as folder:
        place = Path(folder)
        trained = place / "run"
        made = run_forked([*TINY, f"--workdir={trained}"], "cpu", place, 300.0)
        assert made[0] == 0, made
        results = try_all(cases, trained, options.seconds, options.jobs)
    counts = collections.Counter(result.verdict for result in results)
    print(f"{len(results)} cases: {', '.join(f'{n} {what}' for what, n in counts.most_common())}")
    if options.json:
        from compare import conditions
        from comparison_summary import write_json

        content = {
            "conditions": conditions(),
            "seconds_allowed": options.seconds,
            "counts": counts,
        }
        write_json(
            Path(options.json), {**content, "results": [dataclasses.asdict(r) for r in results]}
        )
    return 0 if set(counts) <= {"good"} else 1


if __name__ == "__main__":
    sys.exit(main())
