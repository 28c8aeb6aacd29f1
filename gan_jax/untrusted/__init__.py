"""Files that strangers may have written: regular files alone, bounded, JSON of a declared form."""

from gan_jax.untrusted.forms import (
    FLAG,
    NAME,
    NULL,
    PATH,
    REAL,
    TEXT,
    Anything,
    Either,
    Form,
    Keys,
    ListOf,
    MapOf,
    Of,
    Whole,
    read_json,
)
from gan_jax.untrusted.npz import Npz, open_npz
from gan_jax.untrusted.opening import available_memory, irregular, open_regular, read_bytes
from gan_jax.untrusted.strict_json import MAX_DEPTH, parse_json, printable, shown

__all__ = [
    "FLAG",
    "MAX_DEPTH",
    "NAME",
    "NULL",
    "PATH",
    "REAL",
    "TEXT",
    "Anything",
    "Either",
    "Form",
    "Keys",
    "ListOf",
    "MapOf",
    "Npz",
    "Of",
    "Whole",
    "available_memory",
    "irregular",
    "open_npz",
    "open_regular",
    "parse_json",
    "printable",
    "read_bytes",
    "read_json",
    "shown",
]
