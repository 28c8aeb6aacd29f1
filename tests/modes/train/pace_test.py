"""Calls of the device: their length is measured, and is nothing to the bits of a run."""

import types

import jax
import numpy as np
import pytest

from gan_jax import core
from gan_jax.modes.train import announcement, calls, pace


@pytest.mark.parametrize(
    ("seconds", "expected"), [(1e-9, 50), (0.005, 50), (0.01, 25), (0.1, 2), (0.3, 1), (60.0, 1)]
)
def test_a_call_takes_a_moment(seconds, expected):
    assert pace.fitting_size(seconds) == expected


def test_one_step_compiles_and_the_next_is_timed():
    measured = pace.Pace()
    assert (measured.size, measured.overlaps) == (1, False)
    assert not measured.add(1, 20.05)
    assert measured.add(1, 0.05)
    assert measured.seconds_per_step == 0.05
    assert (measured.size, measured.overlaps) == (5, True)
    assert not measured.add(5, 90.0)
    assert measured.size == 5


def test_a_length_that_was_asked_for_stays():
    measured = pace.Pace(4)
    assert measured.size == 4
    assert not measured.add(4, 60.0)
    assert not measured.add(2, 60.0)
    assert measured.add(4, 60.0)
    assert (measured.size, measured.seconds_per_step) == (4, 15.0)
    # Nothing is gained by overlapping calls of a minute, and an interruption would wait for two.
    assert not measured.overlaps


def on(monkeypatch, backend):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)


def counting():
    """Compiled steps of a toy, its state, what lies on the device; the lengths that are traced."""
    sent = []

    def chunk(state, inputs, resident):
        def step(carry, one):
            carry = carry * 0.5 + resident[one["index"][0, 0]]
            return carry, {"player": {"loss": carry}}

        sent.append(len(inputs["index"]))
        return jax.lax.scan(step, state, inputs)

    compiled = core.compile_chunk(chunk, devices=jax.devices()[:1])
    state, resident = (compiled.put_state(np.float32(x)) for x in (1.0, [3.0, 5.0, 7.0]))
    return calls.Calls(compiled, resident, what="the step"), state, sent


def inputs(*rows):
    return {"index": np.asarray(rows, np.int32)[:, None, None]}


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_a_call_is_the_same_in_one_program_and_in_several(monkeypatch, backend):
    on(monkeypatch, backend)
    sending, state, traced = counting()
    state = sending.send(state, inputs(0, 2, 1, 2), 0, whole=4)
    (call,) = sending.read()
    losses = call.metrics["player"]["loss"]
    np.testing.assert_array_equal(losses, np.float32([3.5, 8.75, 9.375, 11.6875]))
    assert (call.first, call.steps, float(state)) == (0, 4, losses[-1])
    assert traced == ([1] if backend == "cpu" else [4])


def test_calls_of_any_length_take_two_programs(monkeypatch):
    on(monkeypatch, "gpu")
    sending, state, traced = counting()
    for first, count in ((0, 3), (3, 2), (5, 3), (8, 1)):
        state = sending.send(state, inputs(*range(count)), first, whole=3)
    assert [(call.first, call.steps) for call in sending.read()] == [(0, 3), (3, 2), (5, 3), (8, 1)]
    assert sorted(traced) == [1, 3]


def test_calls_are_read_late_and_in_order():
    sending, state, _ = counting()
    state = sending.send(state, inputs(0), 0, whole=1)
    assert list(sending.read(keep=1)) == []
    state = sending.send(state, inputs(1), 1, whole=1)
    assert [call.first for call in sending.read(keep=1)] == [0]
    assert [call.first for call in sending.read()] == [1]
    assert list(sending.read()) == []


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
    found = types.SimpleNamespace(seconds_per_step=1 / 3.1)
    announcement.announce_pace(found, 23_450)
    assert said == ["23,450 steps at 3.1 steps/s: about 2 h 6 min"]
