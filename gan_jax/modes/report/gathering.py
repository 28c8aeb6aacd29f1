"""What a run's folder holds, read so that what is missing or damaged is a sentence, no error."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_jax import telemetry
from gan_jax.evaluation import results
from gan_jax.runs import workdir
from gan_jax.untrusted import Anything, MapOf, irregular, printable, read_json

_MAX_ENVIRONMENT_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Run:
    """A run as its folder tells of it.

    Attributes:
      path: The folder.
      name: What the page calls it.
      config: The experiment, nested.
      info: What the run knows of its data.
      lines: Of `metrics.jsonl`, each with a whole number as its `step`.
      evaluations: Of `evaluations/*.json`, in the order of their steps.
      environment: Of the machine that trained, or None.
      grids: `{sampler: (step, PNG) in order}` of the grids of fixed inputs; the first sampler's
        name is "" here, as its files carry none.
      problems: A sentence for everything that is there and could not be read.
    """

    path: Path
    name: str
    config: dict[str, Any]
    info: workdir.DataInfo
    lines: list[dict[str, Any]]
    evaluations: list[dict[str, Any]]
    environment: dict[str, Any] | None
    grids: dict[str, list[tuple[int, Path]]]
    problems: tuple[str, ...]

    @property
    def title(self) -> str:
        """As "cgan on cifar10"."""
        names = dict.fromkeys(str(stream["name"]) for stream in self.info.streams.values())
        return f"{self.config.get('name', '?')} on {' and '.join(names) or '?'}"

    @property
    def steps(self) -> int:
        """The last step that anything in the folder tells of."""
        of_grids = (step for found in self.grids.values() for step, _ in found)
        return max([0, *(line["step"] for line in self.lines), *of_grids])

    @property
    def epoch(self) -> int | None:
        """Examples of an epoch: those of the first stream; None where no stream is known."""
        return next((stream["size"] for stream in self.info.streams.values()), None)


def gather(path: str | Path) -> Run:
    """Reads the folder of a run.

    Args:
      path: The workdir.

    Returns:
      The Run.

    Raises:
      WorkdirError: If the folder holds no run, or its config.json cannot be read.
    """
    config, info = workdir.load(path)
    where = workdir.Workdir(Path(path))
    problems: list[str] = []
    return Run(
        path=where.path,
        name=where.path.resolve().name,
        config=config.to_dict(),
        info=info,
        lines=_lines(where.metrics, problems),
        evaluations=_evaluations(where.evaluations, problems),
        environment=_environment(where.environment, problems),
        grids=_grids(where.samples, problems),
        problems=tuple(problems),
    )


def gather_all(paths: Sequence[str | Path]) -> list[Run]:
    """Reads several; runs whose folders share a name get as much of the path as tells them apart.

    Raises:
      ValueError: If no folder, or one folder twice, is given.
      WorkdirError: As `gather`.
    """
    if not paths:
        raise ValueError("a report needs the workdir of at least one run")
    resolved = [Path(path).resolve() for path in paths]
    for path in resolved:
        if resolved.count(path) > 1:
            raise ValueError(f"workdir {path} is given twice: give each run once")
    runs = [gather(path) for path in paths]
    depth = 1
    while len({_tail(path, depth) for path in resolved}) < len(resolved):
        depth += 1
    return [
        dataclasses.replace(run, name=_tail(path, depth))
        for run, path in zip(runs, resolved, strict=True)
    ]


def _tail(path: Path, depth: int) -> str:
    return "/".join(path.parts[-depth:])


def _lines(path: Path, problems: list[str]) -> list[dict[str, Any]]:
    try:
        lines = telemetry.read_metrics(path)
    except (ValueError, OSError) as error:
        problems.append(f"{path.name} could not be read ({_reason(error, path)}).")
        return []
    return sorted(lines, key=lambda line: line["step"])


def _evaluations(folder: Path, problems: list[str]) -> list[dict[str, Any]]:
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(results.read_result(path))
        except (ValueError, OSError) as error:
            name = printable(path.name)
            problems.append(f"evaluations/{name} could not be read ({_reason(error, path)}).")
    return sorted(found, key=lambda content: (content["step"] is None, content["step"] or 0))


def _environment(path: Path, problems: list[str]) -> dict[str, Any] | None:
    try:
        return read_json(path, MapOf(Anything()), most=_MAX_ENVIRONMENT_BYTES)
    except FileNotFoundError:
        pass
    except (ValueError, OSError) as error:
        problems.append(f"{path.name} could not be read ({_reason(error, path)}).")
    return None


def _grids(folder: Path, problems: list[str]) -> dict[str, list[tuple[int, Path]]]:
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in folder.glob("step_*.png"):
        # A number of more digits is no step.
        if match := re.fullmatch(r"step_([0-9]{1,16})(?:_(.+))?", path.stem):
            # A link in a stranger's folder would put another file of the reader's into the page.
            if what := irregular(path, follow=False):
                problems.append(f"samples/{printable(path.name)} is {what} and is left out.")
                continue
            found.setdefault(printable(match[2] or ""), []).append((int(match[1]), path))
    return {name: sorted(found[name]) for name in sorted(found)}


def _reason(error: Exception, path: Path) -> str:
    """Why, without where on this machine the file lies."""
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return text.removeprefix(f"{path}: ").replace(str(path), "it")


def as_number(value: Any) -> float | None:
    """A number of a JSON file as a float, the names of those that JSON has not included."""
    if isinstance(value, str):
        return telemetry.NOT_FINITE.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
