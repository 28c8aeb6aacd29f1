import pytest

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


def test_grids_are_drawn_regularly_first_last_and_after_chosen_epochs():
    def drawn(steps, every, epochs, per_call=10):
        return events.sample_steps(
            steps,
            every,
            epochs,
            images_per_step=64,
            images_per_epoch=50_000,
            steps_per_call=per_call,
        )

    assert drawn(40, 20, ()) == {0, 20, 40}
    assert drawn(50, 20, ()) == {0, 20, 40, 50}
    assert drawn(40, 0, ()) == {0, 40}
    # An epoch ends after 781.25 steps, so in step 782, and the call with it ends after 790.
    assert drawn(1_000, 0, (1,)) == {0, 790, 1_000}
    assert drawn(1_000, 0, (1,), per_call=1) == {0, 782, 1_000}
    # Later than the run.
    assert drawn(1_000, 0, (2,)) == {0, 1_000}


def test_an_epoch_that_ends_with_a_step_is_not_rounded_up():
    for epochs in range(1, 100):
        found = events.sample_steps(
            10_000,
            0,
            (epochs,),
            images_per_step=49,
            images_per_epoch=49 * 7,
            steps_per_call=1,
        )
        assert found == {0, 7 * epochs, 10_000}


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
