"""Reading ahead of the consumer in a background thread."""

import queue
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Request = TypeVar("Request")
Item = TypeVar("Item")


class _End:
    """Marks the end; carries the exception that ended the thread, if one did."""

    def __init__(self, error: BaseException | None):
        self.error = error


def _work(read, requests, ready: queue.Queue, stopped: threading.Event) -> None:
    error = None
    try:
        for request in requests:
            if stopped.is_set():
                break
            ready.put(read(request))
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


class ReadAhead(Iterator[Item], Generic[Item]):
    """Items read by a background thread; a context manager. See `read_ahead`."""

    def __init__(self, read: Callable[..., Item], requests: Iterable, prefetch: int):
        if prefetch < 1:
            raise ValueError(f"prefetch must be at least 1, is {prefetch}")
        self._ready: queue.Queue = queue.Queue(maxsize=prefetch)
        self._ended = False
        stopped = threading.Event()
        # The thread holds no reference to self, or self could never be collected.
        thread = threading.Thread(
            target=_work,
            args=(read, iter(requests), self._ready, stopped),
            name="gan_jax.data.read_ahead",
            # Not waited for at interpreter exit before the finalizer below has been called.
            daemon=True,
        )
        self._finalizer = weakref.finalize(self, _stop, thread, self._ready, stopped)
        thread.start()

    def __next__(self) -> Item:
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

    def __enter__(self) -> "ReadAhead[Item]":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def read_ahead(
    read: Callable[[Request], Item], requests: Iterable[Request], *, prefetch: int = 2
) -> ReadAhead[Item]:
    """Calls `read` in a background thread, ahead of the consumer.

    The thread ends when the requests do, when the iterator is closed, collected or left as a
    context manager, and at interpreter exit. An exception in the thread, of `read` or of the
    requests, is raised in the consumer in place of the item that it prevented.

    Args:
      read: called with one request after another.
      requests: iterated in the thread.
      prefetch: items to hold ready, at least 1.

    Returns:
      An iterator of the results, in the order of the requests, with a `close` method.

    Raises:
      ValueError: `prefetch` is less than 1.
    """
    return ReadAhead(read, requests, prefetch)
