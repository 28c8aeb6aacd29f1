"""Which examples a step sees, and reading them ahead of it."""

import functools
import queue
import threading
import weakref
from collections.abc import Iterable, Iterator

import numpy as np

from gan_jax.data.dataset import ImageDataset


# A run goes through the epochs in order, and several streams (or players) may be one epoch
# apart; the entries are values of a pure function, so the cache cannot change a result.
@functools.lru_cache(maxsize=4)
def _epoch_permutation(size: int, seed: int, epoch: int) -> np.ndarray:
    # NumPy promises that a bit generator's raw stream never changes, and promises nothing of
    # the kind for Generator.permutation; a stable sort makes the order exact even for ties.
    bits = np.random.Philox(key=np.array([seed, epoch], np.uint64)).random_raw(size)
    permutation = np.argsort(bits, kind="stable").astype(np.int32)
    permutation.flags.writeable = False
    return permutation


def index_batches(size: int, batch_size: int, *, seed: int, start: int, count: int) -> np.ndarray:
    """Returns the batches `start` to `start + count - 1` of an endless shuffled pass over the data.

    The examples of all epochs are laid end to end, each epoch a permutation that is a pure
    function of (seed, epoch), and cut into batches; so a batch may straddle two epochs, none is
    dropped, and what a step sees depends on (seed, step) alone, however the steps are chunked
    and wherever a run was resumed. The permutations come from the raw Philox-4x64 stream
    (Salmon et al., 2011, "Parallel Random Numbers: As Easy as 1, 2, 3"), which NumPy keeps the
    same for all of its versions.

    Args:
      size: number of examples, 1 to 2**31 - 1.
      batch_size: examples in a batch, at least 1; may exceed `size`.
      seed: 0 to 2**64 - 1.
      start: the first batch, at least 0.
      count: number of batches, at least 0.

    Returns:
      int32 [count, batch_size], values in [0, size).

    Raises:
      ValueError: an argument out of its range.
    """
    if not 1 <= size < 2**31:
        raise ValueError(f"size must be in 1..2**31 - 1, is {size}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, is {batch_size}")
    if start < 0 or count < 0:
        raise ValueError(f"start and count must not be negative, are {start} and {count}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed must be in 0..2**64 - 1, is {seed}")
    position, stop = start * batch_size, (start + count) * batch_size
    indices = np.empty(stop - position, np.int32)
    filled = 0
    while filled < len(indices):
        epoch, offset = divmod(position + filled, size)
        taken = _epoch_permutation(size, seed, epoch)[offset : offset + len(indices) - filled]
        indices[filled : filled + len(taken)] = taken
        filled += len(taken)
    return indices.reshape(count, batch_size)


class _End:
    """Marks the end of a stream; carries the exception that ended it, if one did."""

    def __init__(self, error: BaseException | None):
        self.error = error


def _read_ahead(images, labels, rows, ready: queue.Queue, stopped: threading.Event) -> None:
    error = None
    try:
        for row in rows:
            if stopped.is_set():
                break
            row = np.asarray(row)
            ready.put((images[row], labels[row]))
    except BaseException as e:  # whatever it is, it belongs to the consumer
        error = e
    ready.put(_End(error))


def _stop(thread: threading.Thread, ready: queue.Queue, stopped: threading.Event) -> None:
    stopped.set()
    while thread.is_alive():
        # The thread may be waiting to put: room for one lets it see that it is to stop.
        try:
            ready.get_nowait()
        except queue.Empty:
            thread.join(timeout=0.01)


class Stream(Iterator[tuple[np.ndarray, np.ndarray]]):
    """Batches read by a background thread; a context manager. See `stream`."""

    def __init__(self, dataset: ImageDataset, rows: Iterable[np.ndarray], prefetch: int):
        if prefetch < 1:
            raise ValueError(f"prefetch must be at least 1, is {prefetch}")
        self._ready: queue.Queue = queue.Queue(maxsize=prefetch)
        self._ended = False
        stopped = threading.Event()
        # The thread holds no reference to self, or self could never be collected. As plain
        # arrays, because indexing a memmap yields a memmap that keeps its file open.
        arrays = dataset.images.view(np.ndarray), dataset.labels.view(np.ndarray)
        thread = threading.Thread(
            target=_read_ahead,
            args=(*arrays, iter(rows), self._ready, stopped),
            name="gan_jax.data.stream",
            # Not waited for before the finalizer below has had its turn at interpreter exit.
            daemon=True,
        )
        self._finalizer = weakref.finalize(self, _stop, thread, self._ready, stopped)
        thread.start()

    def __next__(self) -> tuple[np.ndarray, np.ndarray]:
        if self._ended or not self._finalizer.alive:
            raise StopIteration
        item = self._ready.get()
        if isinstance(item, _End):
            self._ended = True
            if item.error is not None:
                raise item.error
            raise StopIteration
        return item

    def close(self) -> None:
        """Stops the thread and waits for it; further iteration ends at once. Repeatable."""
        self._finalizer()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def stream(dataset: ImageDataset, indices: Iterable[np.ndarray], *, prefetch: int = 2) -> Stream:
    """Reads batches in a background thread, ahead of the consumer.

    The thread ends when the indices do, when the stream is closed, collected or left as a
    context manager, and at interpreter exit. An exception in the thread, or of the iterator of
    indices, is raised in the consumer in place of the batch that it prevented.

    Args:
      dataset: what to read from.
      indices: each int [..., B], in [0, len(dataset)).
      prefetch: batches to hold ready, at least 1.

    Returns:
      An iterator of (uint8 [..., B, H, W, C], int32 [..., B]) with a `close` method.

    Raises:
      ValueError: `prefetch` is less than 1.
    """
    return Stream(dataset, indices, prefetch)
