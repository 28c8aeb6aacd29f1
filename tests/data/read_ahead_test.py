"""Reading ahead: in order, no further than asked, and no thread is left."""

import gc
import subprocess
import sys
import threading
import time

import pytest

from gan_jax.data.read_ahead import read_ahead


def threads():
    return [t for t in threading.enumerate() if t.name == "gan_jax.data.read_ahead"]


def endless():
    return iter(lambda: 1, None)


def test_items_come_in_order_and_from_another_thread():
    def read(request):
        return request**2, threading.current_thread()

    with read_ahead(read, range(5)) as items:
        found = list(items)
        assert next(items, None) is None
    assert [number for number, _ in found] == [0, 1, 4, 9, 16]
    assert threading.current_thread() not in {thread for _, thread in found}
    assert not threads()


def test_it_reads_no_further_ahead_than_asked():
    taken = []
    with read_ahead(taken.append, range(100), prefetch=3) as items:
        for _ in range(5):
            next(items)
        deadline = time.monotonic() + 30
        while len(taken) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        # Five used, three ready, one in the thread's hands.
        assert 8 <= len(taken) <= 9
    assert len(taken) < 100


def test_what_the_requests_raise_is_raised_in_place_of_the_item():
    def requests():
        yield 0
        raise RuntimeError("no more requests")

    with read_ahead(str, requests()) as items:
        assert next(items) == "0"
        with pytest.raises(RuntimeError, match="no more requests"):
            next(items)
        with pytest.raises(StopIteration):
            next(items)


def test_what_reading_raises_is_raised_in_place_of_the_item():
    with read_ahead([10, 20].__getitem__, [1, 2, 0]) as items:
        assert next(items) == 20
        with pytest.raises(IndexError):
            next(items)
        assert next(items, None) is None


def test_closing_stops_the_thread_even_when_it_waits_for_room():
    items = read_ahead(str, endless(), prefetch=1)
    next(items)
    assert len(threads()) == 1
    items.close()
    items.close()
    assert not threads()
    with pytest.raises(StopIteration):
        next(items)


def test_a_forgotten_iterator_stops_its_thread():
    items = read_ahead(str, endless())
    next(items)
    del items
    gc.collect()
    assert not threads()


def test_prefetch_must_be_positive():
    with pytest.raises(ValueError, match="prefetch"):
        read_ahead(str, [], prefetch=0)
    assert not threads()


@pytest.mark.parametrize(("ending", "code"), [("pass", 0), ("raise KeyboardInterrupt", -2)])
def test_interpreter_exits_while_reading(ending, code):
    program = f"""
from gan_jax.data.read_ahead import read_ahead
items = read_ahead(str, iter(lambda: 1, None))
next(items)
{ending}
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == code
    assert "Fatal" not in result.stderr
