"""Mutations of files: of bytes, of JSON, and of parts under a checksum that is right."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import random
import struct
import zipfile
import zlib
from typing import Any

# The tail of a file of arrays.
_TAIL = struct.Struct("<8sQ32s")
# Values that stand in the place of another, as JSON text.
HOSTILE = (
    *("null", "true", "[]", "{}", '""', "0", "-1", "1", "2", "0.5", "1e308", "-1e308", "1e-308"),
    *("NaN", "-Infinity", "1e999", "1" + "0" * 400, "9007199254740993", "18446744073709551615"),
    *('"NaN"', '"../../../etc/passwd"', '"\\u001b[2J"', '"\\ud800"', '"a\\nb"', '"\\u0000"'),
    *('"<script>alert(1)</script>"', '"user/repo:x"', '"' + "x" * 5000 + '"', "[1, [2]]"),
    *("[" * 40 + "]" * 40, "[" * 2000 + "]" * 2000, '{"a": 1, "a": 2}', '{"": {"b": []}}'),
)


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flips, overwrites, removes, inserts, repeats or cuts off bytes, up to four times."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 4, 8, 64)))
        match rng.randrange(7):
            case 0 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at:end] = rng.randbytes(end - at)
            case 2:
                data[at:end] = rng.choice((b"\x00", b"\xff", b"\x7f", b"9")) * (end - at)
            case 3:
                del data[at:end]
            case 4:
                data[at:at] = rng.randbytes(rng.choice((1, 4, 16)))
            case 5:
                data[at:at] = data[at:end]
            case 6 if rng.random() < 0.3:
                del data[at:]
    return bytes(data)


def mutate_json(content: bytes, rng: random.Random) -> bytes:
    """Puts something else in the place of a value or a key, or removes or repeats a key."""
    value = json.loads(content)
    mark = "5d1f-the-place-of-a-value"
    for _ in range(rng.choice((1, 1, 1, 2))):
        group, key = rng.choice(list(_places(value)))
        what = rng.randrange(8)
        if what == 0 and isinstance(group, dict):
            del group[key]
        elif what == 1 and isinstance(group, dict):
            group[rng.choice(("", "x", "../x", "a.b", "items", "__class__", "\n"))] = group.pop(key)
        elif what == 2 and isinstance(group, list):
            group.extend(copy.deepcopy(group[key : key + 1]) * rng.choice((1, 3)))
        else:
            group[key] = mark
    text = json.dumps(value)
    while f'"{mark}"' in text:
        text = text.replace(f'"{mark}"', rng.choice(HOSTILE), 1)
    return mutate_bytes(text.encode(), rng) if rng.random() < 0.1 else text.encode()


def _places(value: Any):
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def mutate_line(content: bytes, rng: random.Random) -> bytes:
    lines = content.splitlines()
    index = rng.randrange(len(lines))
    lines[index] = mutate_json(lines[index], rng)
    if rng.random() < 0.2:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return b"\n".join(lines) + b"\n"


def mutate_pickle(content: bytes, rng: random.Random) -> bytes:
    """Mutates the pickle of an archive that is whole again then, as an attacker would."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, mutate_bytes(data, rng) if name.endswith(".pkl") else data)
    return made.getvalue()


def mutate_description(content: bytes, rng: random.Random) -> bytes:
    """Mutates the description of a file of arrays, under a checksum that is right."""
    magic, length, _ = _TAIL.unpack(content[-_TAIL.size :])
    start = len(content) - _TAIL.size - length
    text = mutate_json(content[start : -_TAIL.size], rng)
    return content[:start] + text + _TAIL.pack(magic, len(text), hashlib.sha256(text).digest())


def mutate_record(content: bytes, rng: random.Random) -> bytes:
    """Mutates the record of a checkpoint, mostly under a checksum that is right."""
    body = mutate_json(content, rng)
    try:
        value = json.loads(body)
        value.pop("crc32", None)
        value["crc32"] = zlib.crc32(json.dumps(value, sort_keys=True).encode())
        return json.dumps(value).encode()
    except (ValueError, AttributeError, RecursionError):
        return body
