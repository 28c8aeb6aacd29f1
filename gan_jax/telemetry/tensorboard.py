"""TensorBoard events, in TensorBoard's own format; TensorFlow is not imported, which takes seconds.

An event file is a sequence of records: the length (little-endian, 8 bytes) and its checksum (4),
an `Event` protocol buffer, and its checksum (4).
"""

import itertools
import os
import pathlib
import socket
import struct
import time
from collections.abc import Iterator, Mapping

import numpy as np

from gan_jax import files, images

_LENGTH = struct.Struct("<Q")
_BEFORE, _AFTER = 12, 4
_FILE_VERSION = "brain.Event:2"
_numbers = itertools.count()


class TensorBoard:
    """Writes scalars and images for TensorBoard.

    Each run writes an event file of its own. A run that is resumed first drops the events of later
    steps, which it will write again, from the files that are there; a torn event at the end of one,
    left by a killed process, goes with them. An event is handed to the operating system whole. A
    context manager.
    """

    def __init__(self, directory: str | os.PathLike, *, start: int = 0, enabled: bool = True):
        """Opens an event file.

        Args:
          directory: Folder of the event files.
          start: The step that the run starts at; events of later steps are dropped.
          enabled: Whether to write anything; only one process of several should.

        Raises:
          OSError: If the folder cannot be written, in one line.
        """
        self._path: pathlib.Path | None = None
        if not enabled:
            return
        drop_events_after(directory, start)
        name = f"events.out.tfevents.{time.time_ns() // 10**9}.{socket.gethostname()}"
        self._path = pathlib.Path(directory) / f"{name}.{os.getpid()}.{next(_numbers)}.v2"
        self._append(0, file_version=_FILE_VERSION)

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Writes numbers by name; raises OSError in one line if it cannot."""
        if self._path is None:
            return
        from tensorboard.plugins.scalar import metadata
        from tensorboard.util import tensor_util

        described = metadata.create_summary_metadata(display_name=None, description=None)
        for name, value in scalars.items():
            tensor = tensor_util.make_tensor_proto(np.float32(value))
            self._append_summary(step, name, described, tensor)

    def write_image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """Writes an image, uint8 [H, W, 1 or 3]; raises OSError in one line if it cannot."""
        if self._path is None:
            return
        from tensorboard.plugins.image import metadata
        from tensorboard.util import tensor_util

        described = metadata.create_summary_metadata(
            display_name=None, description=None, converted_to_tensor=None
        )
        pixels = np.asarray(pixels)
        height, width = (str(size).encode() for size in pixels.shape[:2])
        tensor = tensor_util.make_tensor_proto([width, height, images.encode_png(pixels)])
        self._append_summary(step, name, described, tensor)

    def close(self) -> None:
        """Ends the event file: nothing more is written."""
        self._path = None

    def _append_summary(self, step: int, name: str, described, tensor) -> None:
        from tensorboard.compat.proto import summary_pb2

        value = summary_pb2.Summary.Value(tag=name, metadata=described, tensor=tensor)
        self._append(step, summary=summary_pb2.Summary(value=[value]))

    def _append(self, step: int, **contents) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer import record_writer

        assert self._path is not None
        event = event_pb2.Event(wall_time=time.time(), step=int(step), **contents)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, "ab", buffering=0) as file:
                record_writer.RecordWriter(file).write(event.SerializeToString())
        except OSError as error:
            raise files.write_error(self._path, error) from error


def drop_events_after(directory: str | os.PathLike, step: int) -> None:
    """Drops the events of later steps from the event files of a folder, each file atomically.

    Args:
      directory: Folder of the event files; it need not be there.
      step: The last step to keep.

    Raises:
      OSError: If a file cannot be rewritten, in one line; it is then as it was before.
    """
    from tensorboard.compat.proto import event_pb2

    for path in sorted(pathlib.Path(directory).glob("events.out.tfevents.*")):
        data = path.read_bytes()
        kept = b"".join(
            record
            for record in _records(data)
            if event_pb2.Event.FromString(record[_BEFORE:-_AFTER]).step <= step
        )
        if kept != data:
            files.write_bytes_atomically(path, kept)


def _records(data: bytes) -> Iterator[bytes]:
    """The whole records of an event file, each with its length and checksums."""
    start = 0
    while start + _BEFORE <= len(data):
        (length,) = _LENGTH.unpack_from(data, start)
        end = start + _BEFORE + length + _AFTER
        if end > len(data):
            return
        yield data[start:end]
        start = end
