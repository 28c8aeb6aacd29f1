import optax
import pytest

from gan_jax import core
from gan_jax.data import feed
from gan_jax.modes.train import events


@pytest.mark.parametrize(
    ("wanted", "every", "expected"),
    [
        (50, (100, 1_000, 1_000), 50),
        (33, (100, 1_000, 1_000), 25),
        (10, (36, 12, 24), 6),
        (50, (97, 1_000), 49),
        (50, (100, 7), 7),
        (50, (10_007,), 50),
        (1, (100,), 1),
        (10, (100, 0, 0), 10),
    ],
)
def test_calls_between_two_events_are_about_equally_long(wanted, every, expected):
    assert events.Events.of(every, ()).call_size(wanted) == expected


def cut(every, chosen, start, stop, size):
    return list(events.Events.of(every, chosen).calls(start, stop, size))


def test_a_call_ends_at_each_event_and_is_whole_otherwise():
    assert cut((100,), (10_007,), 9_900, 10_007, 50) == [(9_900, 50), (9_950, 50), (10_000, 7)]
    assert cut((20,), (13, 40), 0, 40, 10) == [(0, 10), (10, 3), (13, 7), (20, 10), (30, 10)]
    assert cut((10, 7), (20,), 0, 20, 5) == [(0, 5), (5, 2), (7, 3), (10, 4), (14, 5), (19, 1)]
    assert cut((10,), (30,), 30, 30, 5) == []
    # The end of a phase, which is not among the events here.
    assert cut((10,), (30,), 10, 14, 3) == [(10, 3), (13, 1)]


@pytest.mark.parametrize("size", [1, 4, 7, 50])
def test_a_run_that_goes_on_is_cut_as_one_that_was_not_interrupted(size):
    whole = cut((12, 30), (0, 31, 77), 0, 77, size)
    assert sum(count for _, count in whole) == 77
    ends = {first + count for first, count in whole}
    assert ends >= {12, 24, 30, 31, 36, 48, 60, 72, 77}
    for first, _ in whole:
        assert cut((12, 30), (0, 31, 77), first, 77, size) == whole[whole.index((first, _)) :]


def experiment(*phases):
    """Phases of (steps, batch size), one update per step."""
    player = core.Player("only", ("net",), "sgd", lambda params, context: (0.0, core.Aux()))
    gan = core.Gan(lambda key: core.Networks({}, {}), {"sgd": optax.sgd(0.1)}, (player,))
    return core.Experiment(tuple(core.Phase(gan, steps, batch) for steps, batch in phases))


def sampled(phases, every=0, epochs=(), *, epoch=50_000):
    return events.sample_steps(
        experiment(*phases),
        every=every,
        epochs=epochs,
        examples_per_epoch=epoch,
    )


def test_grids_are_generated_regularly_first_last_and_after_chosen_epochs():
    assert sampled([(40, 64)], 20) == {0, 20, 40}
    assert sampled([(50, 64)], 20) == {0, 20, 40, 50}
    assert sampled([(40, 64)]) == {0, 40}
    # An epoch ends after 781.25 steps, so in step 782.
    assert sampled([(1_000, 64)], 0, (1,)) == {0, 782, 1_000}
    # Later than the run.
    assert sampled([(1_000, 64)], 0, (2,)) == {0, 1_000}


def test_an_epoch_that_ends_with_a_step_is_not_rounded_up():
    for epochs in range(1, 100):
        found = sampled([(10_000, 49)], 0, (epochs,), epoch=49 * 7)
        assert found == {0, 7 * epochs, 10_000}


def test_grids_are_generated_at_the_end_of_every_phase():
    assert sampled([(15, 8), (25, 4)], 20) == {0, 15, 20, 40}
    # 12 steps of 8 and 1 of 4 are 100 examples.
    assert sampled([(12, 8), (25, 4)], 0, (1,), epoch=100) == {0, 12, 13, 37}
    assert sampled([(12, 8), (25, 4)], 0, (1,), epoch=95) == {0, 12, 37}


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
