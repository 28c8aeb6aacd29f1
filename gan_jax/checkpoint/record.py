"""The record of a checkpoint: its form, which a stranger may have written, and its checksum."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from gan_jax.checkpoint.errors import DamagedError
from gan_jax.untrusted import (
    MAX_DEPTH,
    NULL,
    TEXT,
    Anything,
    Either,
    Keys,
    ListOf,
    MapOf,
    Of,
    Whole,
)

Record = dict[str, Any]

FORMAT = 1
_SHORT = Of("a short string", lambda v: TEXT.holds(v) and len(v) <= 100)
_PATH = ListOf(_SHORT, MAX_DEPTH)
_LEAF = Keys(
    {
        "path": _PATH,
        "shape": ListOf(Whole(0, 2**40), MAX_DEPTH),
        "dtype": _SHORT,
        "crc32": Whole(0, 2**32 - 1),
        "key": Either((_SHORT, NULL)),
    }
)
_RECORD = Keys(
    {
        "format": Whole(),
        "step": Whole(0, 2**53),
        "progress": Anything(),
        "leaves": MapOf(_LEAF),
        "empty": ListOf(_PATH),
    }
)


def verify_record(step: int, record: Record) -> Record:
    """Returns the record of a checkpoint if it is as ``describe`` wrote it.

    Args:
      step: The step that was asked for.
      record: The record as it was read.

    Raises:
      DamagedError: If it is not, or is of a format that this version does not read.
      ValueError: If it has another form than any record.
    """
    _RECORD.check(record, "its record")
    body = {key: value for key, value in record.items() if key != "crc32"}
    if record.get("crc32") != checksum_of_json(body) or record["step"] != step:
        raise DamagedError("its record does not match its checksum")
    if record["format"] != FORMAT:
        raise DamagedError(f"its format is {record['format']}, this version reads {FORMAT}")
    places = {tuple(leaf["path"]) for leaf in record["leaves"].values()}
    for name, leaf in record["leaves"].items():
        path = tuple(leaf["path"])
        if "/".join(path) != name or any(path[:n] in places for n in range(len(path))):
            raise DamagedError("the names of its leaves are not those of their places")
    return record


def checksum_of_json(body: Mapping[str, Any]) -> int:
    """CRC-32 of a record without its own."""
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
