"""TensorBoard events through clu, where TensorFlow is installed."""

import contextlib
import importlib.util
import io
import os
import pathlib
from collections.abc import Mapping

import numpy as np
from absl import logging

from gan_jax import files

_INSTALL = "no TensorBoard events: they need TensorFlow (pip install tensorflow)"


class TensorBoard:
    """Writes scalars and images for TensorBoard; does nothing where TensorFlow is missing.

    Each run writes an event file of its own. A run that is resumed first drops the events of later
    steps, which it will write again, from the files that are there; a torn event at the end of one,
    left by a killed process, goes with them. A context manager.
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
        self._directory = pathlib.Path(directory)
        self._writer = None
        if not enabled:
            return
        if importlib.util.find_spec("tensorflow") is None:
            logging.warning(_INSTALL)
            return
        drop_events_after(self._directory, start)
        with self._errors():
            self._writer = _open_writer(self._directory)

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def write_scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        """Writes numbers by name; raises OSError in one line if it cannot."""
        if self._writer is not None:
            with self._errors():
                self._writer.write_scalars(step, {k: np.float32(v) for k, v in scalars.items()})

    def write_image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """Writes an image, uint8 [H, W, 1 or 3]; raises OSError in one line if it cannot."""
        if self._writer is not None:
            with self._errors():
                self._writer.write_images(step, {name: np.asarray(pixels)[None]})

    def flush(self) -> None:
        """Hands what is buffered to the operating system; raises OSError if it cannot."""
        if self._writer is not None:
            with self._errors():
                self._writer.flush()

    def close(self) -> None:
        """Flushes and closes the event file; raises OSError if it cannot."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._errors():
                writer.flush()
                writer.close()

    @contextlib.contextmanager
    def _errors(self):
        try:
            yield
        except OSError as error:
            raise files.write_error(self._directory, error) from error
        except Exception as error:
            # TensorFlow has error classes of its own.
            reason = " ".join(str(error).split())[:200]
            raise OSError(f"could not write events in {self._directory}: {reason}") from error


def drop_events_after(directory: str | os.PathLike, step: int) -> None:
    """Drops the events of later steps from the event files of a folder, each file atomically.

    Args:
      directory: Folder of the event files; it need not be there.
      step: The last step to keep.

    Raises:
      OSError: If a file cannot be rewritten, in one line; it is then as it was before.
    """
    paths = sorted(pathlib.Path(directory).glob("events.out.tfevents.*"))
    if not paths:
        return
    _hush_tensorflow()  # TensorBoard's reader imports it
    from tensorboard.backend.event_processing import event_file_loader
    from tensorboard.compat.proto import event_pb2
    from tensorboard.summary.writer import record_writer

    for path in paths:
        kept = io.BytesIO()
        writer = record_writer.RecordWriter(kept)
        for record in event_file_loader.RawEventFileLoader(str(path)).Load():
            if event_pb2.Event.FromString(record).step <= step:
                writer.write(record)
        if kept.getvalue() != path.read_bytes():
            files.write_bytes_atomically(path, kept.getvalue())


def _hush_tensorflow():
    """Keeps TensorFlow, before its first import, from printing what it was built with."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


def _open_writer(directory: pathlib.Path):
    _hush_tensorflow()
    import tensorflow as tf

    # It would take the memory of a GPU.
    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")
    from clu import metric_writers

    return metric_writers.SummaryWriter(str(directory))
