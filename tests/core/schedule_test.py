"""Numbers that change with the step, against values worked out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core

STEPS = [0, 10, 11, 12, 14, 99]


def values(number, steps):
    return [float(core.schedule(number, jnp.int32(step))) for step in steps]


def test_a_number_is_the_same_number_at_every_step():
    number = 0.2
    assert core.schedule(number, 7) is number
    assert values(core.Schedule("constant", 0.2), [0, 1, 1000]) == pytest.approx([0.2] * 3)


def test_linear():
    to_zero = core.Schedule("linear", 0.2, start=10, steps=4)
    assert values(to_zero, STEPS) == pytest.approx([0.2, 0.2, 0.15, 0.1, 0.0, 0.0])
    upwards = core.Schedule("linear", 1.0, to=3.0, start=10, steps=4)
    assert values(upwards, STEPS) == pytest.approx([1.0, 1.0, 1.5, 2.0, 3.0, 3.0])


def test_cosine():
    to_zero = core.Schedule("cosine", 0.2, start=10, steps=4)
    quarter = 0.1 * (1 + np.cos(np.pi / 4))
    assert values(to_zero, STEPS) == pytest.approx([0.2, 0.2, quarter, 0.1, 0.0, 0.0], abs=1e-8)
    upwards = core.Schedule("cosine", 1.0, to=3.0, start=10, steps=4)
    quarter = 2.0 - np.cos(np.pi / 4)
    assert values(upwards, STEPS) == pytest.approx([1.0, 1.0, quarter, 2.0, 3.0, 3.0])


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_a_schedule_may_change_from_the_first_step(kind):
    schedule = core.Schedule(kind, 0.2, steps=2)
    assert values(schedule, [0, 1, 2]) == pytest.approx([0.2, 0.1, 0.0], abs=1e-8)


def test_warmup_comes_first():
    schedule = core.Schedule("linear", 0.2, start=4, steps=4, warmup=4)
    expected = [0.0, 0.05, 0.15, 0.2, 0.15, 0.0]
    assert values(schedule, [0, 1, 3, 4, 5, 8]) == pytest.approx(expected)
    schedule = core.Schedule("constant", 0.2, warmup=2)
    assert values(schedule, [0, 1, 2, 9]) == pytest.approx([0.0, 0.1, 0.2, 0.2])


def test_a_schedule_is_a_float32_scalar_under_jit_too():
    schedule = core.Schedule("linear", 1.0, to=0.5, steps=2)
    value = jax.jit(lambda step: core.schedule(schedule, step))(jnp.int32(1))
    assert (value.dtype, value.shape) == (jnp.float32, ())
    assert float(value) == core.schedule(schedule, 1) == 0.75


def test_what_ends_with_the_run_is_resolved_by_its_steps():
    """Only a schedule that asks for it is another one in a longer run."""
    open_ended = core.Schedule("linear", 1.0, start=10)
    assert open_ended.ends_with_the_run
    assert values(core.resolve(open_ended, 30), [10, 20, 30]) == pytest.approx([1.0, 0.5, 0.0])
    assert values(core.resolve(open_ended, 50), [10, 30, 50]) == pytest.approx([1.0, 0.5, 0.0])
    # Begun after the run: it never changes.
    assert values(core.resolve(open_ended, 5), [0, 4]) == [1.0, 1.0]
    for number in (0.3, core.Schedule("linear", 1.0, steps=5), core.Schedule("constant", 1.0)):
        assert core.resolve(number, 30) is number
    with pytest.raises(ValueError, match="lasts as long as the run: resolve it with the run's"):
        core.schedule(open_ended, 0)


@pytest.mark.parametrize(
    ("number", "constant"),
    [
        (0.1, True),
        (core.Schedule("constant", 0.1), True),
        (core.Schedule("constant", 0.1, warmup=1), False),
        (core.Schedule("linear", 0.1, steps=5), False),
        (core.Schedule("cosine", 0.1), False),
    ],
)
def test_what_is_constant(number, constant):
    assert core.is_constant(number) == constant


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "cosin"}, "unknown schedule 'cosin': did you mean 'cosine'"),
        ({"value": np.nan}, "finite numbers, not value=nan and to=0.0"),
        ({"to": np.inf}, "finite numbers, not value=0.0 and to=inf"),
        ({"start": -1}, "start, steps and warmup of at least 0, not -1, 0 and 0"),
        ({"steps": -1}, "not 0, -1 and 0"),
        ({"warmup": -2}, "not 0, 0 and -2"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        core.Schedule(**options)
