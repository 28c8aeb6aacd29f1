"""JSON, more strictly than `json.loads`, and its values in messages."""

from __future__ import annotations

import collections
import json
import re
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 32
# Letters and digits of a number: those of 64 bits have 20, those of a float at most 25.
_MAX_DIGITS = 40
# They end a line, or tell a terminal what to do; a lone surrogate cannot be written as UTF-8.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def shown(value: Any, most: int = 60) -> str:
    """A value for a message: in one line, without control characters, shortened."""
    if isinstance(value, Mapping):
        return "a group of keys"
    if isinstance(value, list):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def printable(text: str) -> str:
    """Text in which characters that end a line or control a terminal are written as escapes."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def parse_json(text: bytes) -> Any:
    """Parses JSON, more strictly than `json.loads`.

    Args:
      text: UTF-8.

    Returns:
      What it says.

    Raises:
      ValueError: In one line: not UTF-8, no JSON, a key that is there twice, NaN or infinity (which
        JSON does not have), a number beyond 64 bits or the range of a float, or nesting deeper
        than `MAX_DEPTH`.
    """
    try:
        value = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_parse_int,
            parse_float=_parse_float,
            parse_constant=_parse_constant,
        )
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"no JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    _check_depth(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = collections.Counter(key for key, _ in pairs)
        raise ValueError(f"the key {shown(counts.most_common(1)[0][0])} is there twice")
    return found


def _parse_int(text: str) -> int:
    if len(text) > _MAX_DIGITS or not -(2**63) <= int(text) < 2**64:
        raise ValueError(f"the number {text[:20]}{'...' * (len(text) > 20)} has more than 64 bits")
    return int(text)


def _parse_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:20]} is beyond the range of a float")
    return value


def _parse_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [
        part
        for one in level
        if isinstance(one, dict | list)
        for part in (one.values() if isinstance(one, dict) else one)
    ]:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_deep()


def _too_deep() -> ValueError:
    return ValueError(f"nested deeper than {MAX_DEPTH} levels")
