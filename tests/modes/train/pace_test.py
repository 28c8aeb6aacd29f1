"""Calls of the device: their length is measured, and is nothing to the bits of a run."""

import types

import jax
import numpy as np
import pytest

from gan_jax import core
from gan_jax.modes.train import announcement, pace


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(1e-9, 50), (0.01, 50), (0.011, 25), (0.05, 10), (0.1, 5), (0.2, 2), (0.3, 1), (60.0, 1)],
)
def test_a_call_takes_a_moment(seconds, expected):
    assert pace.fitting_size(50, seconds) == expected


def test_a_length_divides_the_events():
    assert pace.fitting_size(12, 0.1) == 4
    assert pace.fitting_size(1, 1e-9) == 1


def on(monkeypatch, backend):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)


def test_on_a_cpu_one_step_compiles_and_the_next_is_timed(monkeypatch):
    on(monkeypatch, "cpu")
    measured = pace.Pace(50, fixed=False)
    assert (measured.size, measured.end_of_call(7)) == (1, 8)
    assert not measured.add(1, 20.05)
    assert measured.add(1, 0.05)
    assert measured.seconds_per_step == 0.05
    assert measured.compile_seconds == pytest.approx(20.0)
    assert (measured.size, measured.end_of_call(7)) == (10, 10)
    assert not measured.add(10, 90.0)
    assert measured.size == 10


def test_on_an_accelerator_the_longest_call_is_tried_first(monkeypatch):
    on(monkeypatch, "gpu")
    measured = pace.Pace(50, fixed=False)
    # Resumed at step 31: the call to step 50 is another program.
    assert measured.end_of_call(31) == 50
    assert not measured.add(19, 30.0)
    assert not measured.add(50, 31.0)
    assert measured.add(50, 5.0)
    assert (measured.size, measured.seconds_per_step) == (5, 0.1)


def test_a_length_that_was_asked_for_stays(monkeypatch):
    on(monkeypatch, "cpu")
    measured = pace.Pace(4, fixed=True)
    assert measured.size == 4
    assert not measured.add(4, 60.0)
    assert measured.add(2, 60.0)
    assert measured.size == 4


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_a_call_is_the_same_in_one_program_and_in_several(monkeypatch, backend):
    on(monkeypatch, backend)
    sent = []

    def chunk(state, inputs, resident):
        def step(carry, one):
            carry = carry * 0.5 + resident[one["index"][0, 0]]
            return carry, {"player": {"loss": carry}}

        sent.append(len(inputs["index"]))
        return jax.lax.scan(step, state, inputs)

    compiled = core.compile_chunk(chunk, devices=jax.devices()[:1])
    state, resident = (compiled.put_state(np.float32(x)) for x in (1.0, [3.0, 5.0, 7.0]))
    inputs = {"index": np.asarray([[[0]], [[2]], [[1]], [[2]]], np.int32)}
    state, metrics = pace.run_call(compiled, state, inputs, resident)
    losses = metrics["player"]["loss"]
    np.testing.assert_array_equal(losses, np.float32([3.5, 8.75, 9.375, 11.6875]))
    assert float(state) == losses[-1]
    assert sent == ([1] if backend == "cpu" else [4])


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.2, "1 s"),
        (41.3, "41 s"),
        (150, "2 min"),
        (7_560, "2 h 6 min"),
        (86_400, "24 h 0 min"),
        (200_000, "2 days 8 h"),
    ],
)
def test_lengths_of_time(seconds, expected):
    assert announcement.about(seconds) == expected


def test_the_announcement_says_what_was_measured(monkeypatch):
    said = []
    monkeypatch.setattr(announcement.telemetry, "say", said.append)
    found = types.SimpleNamespace(seconds_per_step=1 / 3.1, compile_seconds=41.0)
    announcement.announce_pace(found, 23_450)
    assert said == ["compiled in 41 s; 23,450 steps at 3.1 steps/s: about 2 h 6 min"]
