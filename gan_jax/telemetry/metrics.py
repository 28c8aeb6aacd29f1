"""``metrics.jsonl``: one JSON object per line, ``step`` first; the check that losses are finite.

JSON has no NaN and no infinities, so they are written as the strings "NaN", "Infinity" and
"-Infinity"; ``read_metrics`` gives them back as floats.
"""

import contextlib
import json
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from gan_jax import files
from gan_jax.untrusted import (
    FLAG,
    NULL,
    REAL,
    TEXT,
    Either,
    Keys,
    ListOf,
    Whole,
    parse_json,
    read_bytes,
)

_MAX_BYTES = 1 << 30
_MAX_LINE_BYTES = 1 << 20
_VALUE = Either((REAL, TEXT, FLAG, NULL))
_LINE = Keys({"step": Whole(0, 2**53)}, others=Either((_VALUE, ListOf(_VALUE))))
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class NonFiniteLossError(ValueError):
    """A loss or another metric is NaN or infinite; the message is one line for the user."""


class MetricsLog:
    """Appends to ``metrics.jsonl``.

    A line is handed to the operating system whole and in one call, so a process that is killed at
    any moment leaves whole lines, at worst with a torn one at the end that nobody reads. Lines are
    not forced to the disk one by one: they outlive the process, not a power cut.
    """

    def __init__(self, path: str | os.PathLike):
        """Names the file; nothing is opened or made before the first line."""
        self._path = pathlib.Path(path)

    def write(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Appends one line.

        Args:
          step: The step the metrics belong to.
          metrics: Numbers, strings, or lists of them by name; arrays without axes are numbers.

        Raises:
          OSError: If it cannot be written, in one line; no part of the line stays in the file.
          ValueError: If ``metrics`` has a ``step`` of its own.
        """
        if "step" in metrics:
            raise ValueError("metrics cannot be named step: that is the step of the line")
        line = json.dumps(files.to_json({"step": int(step), **metrics}), allow_nan=False)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Opened for each line: a log that nobody closes costs no handle and no warning.
            with open(self._path, "ab", buffering=0) as file:
                _append(file, f"{line}\n".encode())
        except OSError as error:
            raise files.write_error(self._path, error) from error

    def truncate_after(self, step: int) -> list[dict[str, Any]]:
        """Drops the lines of later steps, and a torn last line, in one atomic step.

        A run that is resumed at ``step`` writes them again.

        Returns:
          The lines that are left, as ``read_metrics`` returns them.

        Raises:
          OSError: If the file cannot be rewritten, in one line; it is then as it was before.
          ValueError: If a line before the last is not JSON.
        """
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        lines = [
            (line, _parse(self._path, number, line))
            for number, line in enumerate(_whole_lines(data), 1)
        ]
        kept = [(line, values) for line, values in lines if values["step"] <= step]
        contents = b"".join(line + b"\n" for line, _ in kept)
        if contents != data:
            files.write_bytes_atomically(self._path, contents)
        return [values for _, values in kept]


def read_metrics(path: str | os.PathLike) -> list[dict[str, Any]]:
    """Reads ``metrics.jsonl``.

    Args:
      path: The file; it need not be there.

    Returns:
      One dict per line, in the order of the file; without the last line where that is torn.

    Raises:
      ValueError: In one line that names the line, if one before the last is no JSON object of
        numbers, strings and lists of them with a whole `step`; or if the file is too large.
      OSError: If it cannot be read.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return []
    lines = _whole_lines(read_bytes(path, most=_MAX_BYTES))
    return [_parse(path, number, line) for number, line in enumerate(lines, 1)]


def check_finite(metrics: Mapping[str, Any], step: int) -> None:
    """Checks that no metric of a step is NaN or infinite.

    Args:
      metrics: Numbers by name; a player's loss is named ``loss/<player>``.
      step: The step they belong to.

    Raises:
      NonFiniteLossError: If one is, naming the step, the player (or the metric, where every loss is
        finite) and what to try.
    """
    bad = {name: float(value) for name, value in metrics.items() if not math.isfinite(value)}
    if not bad:
        return
    losses = {name: value for name, value in bad.items() if name.startswith("loss/")}
    what = " and ".join(
        f"the loss of {name.removeprefix('loss/')} is {value}" for name, value in losses.items()
    ) or " and ".join(f"{name} is {value}" for name, value in bad.items())
    raise NonFiniteLossError(
        f"step {step}: {what}; try a lower learning rate, gradient clipping, a larger gradient "
        "penalty, or precision float32"
    )


def _append(file, data: bytes) -> None:
    # A torn line of a killed process would swallow the new one.
    size = file.seek(0, os.SEEK_END)
    whole = _size_of_whole_lines(file.name, size)
    if whole != size:
        file.truncate(whole)
    try:
        written = 0
        while written < len(data):
            written += file.write(data[written:])
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(whole)
        raise


def _size_of_whole_lines(path: str, size: int) -> int:
    with open(path, "rb") as file:
        if size:
            file.seek(size - 1)
        if not size or file.read(1) == b"\n":
            return size
        file.seek(0)
        return file.read().rfind(b"\n") + 1


def _whole_lines(data: bytes) -> list[bytes]:
    return data.split(b"\n")[:-1]


def _parse(path: pathlib.Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        if len(line) > _MAX_LINE_BYTES:
            raise ValueError(f"longer than {_MAX_LINE_BYTES:,} bytes")
        values = parse_json(line)
        _LINE.check(values, "")
    except ValueError as error:
        raise ValueError(
            f"{path}: line {number} is not a JSON object of metrics ({error}); remove it"
        ) from None
    return {
        name: NOT_FINITE.get(value, value) if isinstance(value, str) else value
        for name, value in values.items()
    }
