import optax
import pytest

from gan_jax import core
from gan_jax.data import feed
from gan_jax.modes.train import events


@pytest.mark.parametrize(
    ("wanted", "every", "expected"),
    [
        (10, (23_400, 100, 1_000, 1_000), 10),
        (50, (23_400, 100, 1_000, 1_000), 50),
        (50, (40, 10, 20, 20), 10),
        (10, (36, 12, 24), 6),
        (10, (35, 10), 5),
        (10, (37, 10), 1),
        (3, (100, 100), 2),
        (10, (100, 0, 0), 10),
    ],
)
def test_steps_per_call_divide_every_event(wanted, every, expected):
    found = events.steps_per_call(wanted, every)
    assert found == expected
    assert all(event % found == 0 for event in every)


def experiment(*phases):
    """Phases of (steps, batch size), one update per step."""
    player = core.Player("only", ("net",), "sgd", lambda params, context: (0.0, core.Aux()))
    gan = core.Gan(lambda key: core.Networks({}, {}), {"sgd": optax.sgd(0.1)}, (player,))
    return core.Experiment(tuple(core.Phase(gan, steps, batch) for steps, batch in phases))


def sampled(phases, every=0, epochs=(), *, epoch=50_000, per_call=10):
    return events.sample_steps(
        experiment(*phases),
        every=every,
        epochs=epochs,
        examples_per_epoch=epoch,
        steps_per_call=per_call,
    )


def test_grids_are_generated_regularly_first_last_and_after_chosen_epochs():
    assert sampled([(40, 64)], 20) == {0, 20, 40}
    assert sampled([(50, 64)], 20) == {0, 20, 40, 50}
    assert sampled([(40, 64)]) == {0, 40}
    # An epoch ends after 781.25 steps, so in step 782, and the call with it ends after 790.
    assert sampled([(1_000, 64)], 0, (1,)) == {0, 790, 1_000}
    assert sampled([(1_000, 64)], 0, (1,), per_call=1) == {0, 782, 1_000}
    # Later than the run.
    assert sampled([(1_000, 64)], 0, (2,)) == {0, 1_000}


def test_an_epoch_that_ends_with_a_step_is_not_rounded_up():
    for epochs in range(1, 100):
        found = sampled([(10_000, 49)], 0, (epochs,), epoch=49 * 7, per_call=1)
        assert found == {0, 7 * epochs, 10_000}


def test_grids_are_generated_at_the_end_of_every_phase():
    assert sampled([(15, 8), (25, 4)], 20) == {0, 15, 20, 40}
    # 12 steps of 8 and 1 of 4 are 100 examples; the call that they end in ends with the phase.
    assert sampled([(12, 8), (25, 4)], 0, (1,), epoch=100, per_call=1) == {0, 12, 13, 37}
    assert sampled([(12, 8), (25, 4)], 0, (1,), epoch=95, per_call=10) == {0, 12, 37}


@pytest.mark.parametrize(
    ("start", "stop", "size", "expected"),
    [
        (0, 20, 10, [(0, 10), (10, 10)]),
        (10, 20, 5, [(10, 5), (15, 5)]),
        # Cut at the multiples wherever the run starts.
        (35, 60, 10, [(35, 5), (40, 10), (50, 10)]),
        (3, 5, 10, [(3, 2)]),
        (0, 7, 5, [(0, 5), (5, 2)]),
        (20, 20, 10, []),
    ],
)
def test_calls_meet_the_multiples_of_their_length(start, stop, size, expected):
    assert list(feed.calls(start, stop, size)) == expected
