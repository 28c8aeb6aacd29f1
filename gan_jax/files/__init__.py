"""Files that are written whole or not at all, files of arrays, and locks between processes."""

from gan_jax.files.arrays import ArrayWriter, array_writer, read_arrays
from gan_jax.files.atomic import (
    canonical_json,
    to_json,
    write_bytes_atomically,
    write_error,
    write_json_atomically,
)
from gan_jax.files.keyed import KeyedFiles

__all__ = [
    "ArrayWriter",
    "KeyedFiles",
    "array_writer",
    "canonical_json",
    "read_arrays",
    "to_json",
    "write_bytes_atomically",
    "write_error",
    "write_json_atomically",
]
