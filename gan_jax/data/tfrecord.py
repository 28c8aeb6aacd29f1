"""Random access to TFRecord files, the format tfds prepares by default, without TensorFlow.

A record is its length (little-endian, 8 bytes), a checksum of the length (4), the bytes, and
a checksum of them (4). The checksums (CRC-32C) are not verified: what is cut short is found by
the lengths, and a damaged image by its decoder.
"""

import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct("<Q")
_BEFORE = 12
_AFTER = 4


class TFRecords:
    """The records of some shards, addressed by their number."""

    def __init__(self, file_instructions: Iterable[Any]):
        """Finds where each record begins.

        Args:
          file_instructions: tfds's, which name a file and the records to take from it.

        Raises:
          OSError: a file is missing.
          ValueError: a file is cut short.
        """
        self._records: list[tuple[Path, int, int]] = []
        for instruction in file_instructions:
            path = Path(instruction.filename)
            spans = _spans(path)[instruction.skip : instruction.skip + instruction.take]
            self._records.extend((path, *span) for span in spans)

    def __len__(self) -> int:
        return len(self._records)

    def __getitems__(self, keys: Sequence[int]) -> list[bytes]:
        """Returns the bytes of some records."""
        found, path, file = [], None, None
        try:
            for key in keys:
                wanted, start, length = self._records[key]
                if file is None or wanted != path:
                    if file is not None:
                        file.close()
                    path, file = wanted, wanted.open("rb")
                file.seek(start)
                found.append(file.read(length))
        finally:
            if file is not None:
                file.close()
        return found


def _spans(path: Path) -> list[tuple[int, int]]:
    """Returns (start, length) of the bytes of every record."""
    spans = []
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        position = 0
        while position < size:
            file.seek(position)
            header = file.read(_BEFORE)
            start = position + _BEFORE
            if len(header) == _BEFORE:
                (length,) = _LENGTH.unpack_from(header)
                position = start + length + _AFTER
            if len(header) < _BEFORE or position > size:
                raise ValueError(f"{path.name} is cut short")
            spans.append((start, length))
    return spans
