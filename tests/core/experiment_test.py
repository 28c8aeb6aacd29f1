"""Where a step lies in the phases of an experiment."""

import optax
import pytest

from gan_jax import core


def game(updates=1, samplers=("only",), inputs=None):
    player = core.Player("gen", ("gen",), "adam", None, updates=updates)
    return core.Gan(
        lambda key: None,
        {"adam": optax.adam(1e-3)},
        (player,),
        samplers={name: core.Sampler(inputs or {}, None, ("gen",)) for name in samplers},
    )


@pytest.fixture(scope="module")
def experiment():
    """Steps 0 to 9, 10 to 14 and 15 to 17; 8, 2 x 4 and 2 examples per step."""
    return core.Experiment(
        (core.Phase(game(), 10, 8), core.Phase(game(updates=2), 5, 4), core.Phase(game(), 3, 2))
    )


def test_phases_follow_each_other(experiment):
    assert experiment.starts == (0, 10, 15)
    assert experiment.steps == 18
    assert [phase.examples_per_step for phase in experiment.phases] == [8, 8, 2]


@pytest.mark.parametrize(
    ("step", "taken_next", "taken_last"),
    [(0, 0, 0), (1, 0, 0), (9, 0, 0), (10, 1, 0), (11, 1, 1), (15, 2, 1), (17, 2, 2), (18, 2, 2)],
)
def test_the_phase_at_a_step(experiment, step, taken_next, taken_last):
    """At a boundary the next step is of the new phase, the state there of the old one."""
    assert experiment.index(step) == taken_next
    assert experiment.reached(step) is experiment.phases[taken_last]


@pytest.mark.parametrize(
    ("step", "examples"),
    [(0, 0), (1, 8), (10, 80), (11, 88), (15, 120), (16, 122), (18, 126)],
)
def test_examples_are_counted_and_not_batches(experiment, step, examples):
    assert experiment.examples_before(step) == examples


def test_the_examples_of_a_step_begin_where_those_of_the_step_before_end(experiment):
    for step in range(experiment.steps):
        phase = experiment.phases[experiment.index(step)]
        after = experiment.examples_before(step) + phase.examples_per_step
        assert after == experiment.examples_before(step + 1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: core.Phase(game(), 0, 8), "a phase's steps must be at least 1, not 0"),
        (lambda: core.Phase(game(), 1, 0), "a phase's batch_size must be at least 1, not 0"),
        (lambda: core.Phase(game(), 1, 8, (0, 4)), r"image_size must be at least 1, not \(0, 4\)"),
        (lambda: core.Experiment(()), "an experiment needs at least one phase"),
        (
            lambda: core.Experiment(
                (core.Phase(game(), 1, 8), core.Phase(game(samplers=("other",)), 1, 8))
            ),
            r"all phases need the same samplers, not \[\('only',\), \('other',\)\]",
        ),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_the_arrays_that_samplers_read():
    inputs = {"source": core.FromData("left"), "z": core.Normal((2,))}
    assert core.data_inputs(game(inputs=inputs)) == {"left": "only"}
    assert core.data_inputs(game(inputs={"z": core.Normal((2,))})) == {}
