import json

import numpy as np
import optax
import pytest

from gan_jax import core, telemetry
from gan_jax.modes.train import intervals


def game():
    """Two players that move, one of them every fourth step, and one that only looks."""
    players = (
        core.Player("critic", ("critic",), "critic", None),
        core.Player("regulariser", ("critic",), "critic", None, every=4),
        core.Player("generator", ("generator",), "generator", None),
        core.Player("observer", (), None, None, every=4),
    )
    return core.Gan(
        lambda key: None, {"critic": optax.sgd(1.0), "generator": optax.sgd(1.0)}, players
    )


def metrics(first, count, **changes):
    steps = first + np.arange(count, dtype=np.float32)
    moved = np.where(steps % 4 == 0, steps, 0.0)
    made = {
        "critic": {"loss": steps, "score": 2 * steps},
        "regulariser": {"loss": moved},
        "generator": {"loss": -steps},
        "observer": {"loss": np.zeros(count), "after": 10 + moved},
    }
    for player, change in changes.items():
        made[player] = {**made[player], **change}
    return made


def test_means_are_over_the_steps_at_which_a_player_moved():
    window = intervals.Window(game())
    assert window.add(0, metrics(0, 6)) == 6
    assert window.add(6, metrics(6, 2)) == 2
    assert window.means() == {
        "loss/critic": 3.5,
        "score": 7.0,
        "loss/regulariser": 2.0,  # Of steps 0 and 4.
        "loss/generator": -3.5,
        "after": 12.0,
    }
    # The next window is a new one, and in it two players do not move.
    window.add(9, metrics(9, 1))
    assert window.means() == {"loss/critic": 9.0, "score": 18.0, "loss/generator": -9.0}


def test_a_resumed_window_goes_on_to_the_bit():
    rng = np.random.default_rng(0)
    losses = {"loss": rng.normal(size=8).astype(np.float32)}
    whole = intervals.Window(game())
    whole.add(0, metrics(0, 8, critic=losses))
    first = intervals.Window(game())
    first.add(0, metrics(0, 3, critic={"loss": losses["loss"][:3]}))
    progress = json.loads(json.dumps(first.progress()))
    second = intervals.Window(game(), progress)
    second.add(3, metrics(3, 5, critic={"loss": losses["loss"][3:]}))
    assert second.means() == whole.means()


def test_what_is_not_finite_is_named_with_its_step_and_player():
    with pytest.raises(
        telemetry.NonFiniteLossError, match=r"^step 7: the loss of generator is inf"
    ):
        intervals.Window(game()).add(
            5, metrics(5, 3, generator={"loss": np.array([1.0, np.inf, 1.0])})
        )
    # The observer comes after the generator: what it sees is the generator's doing.
    broken = {"after": np.array([np.nan, 1.0])}
    with pytest.raises(
        telemetry.NonFiniteLossError, match=r"^step 9: after after the update of generator is nan"
    ):
        intervals.Window(game()).add(8, metrics(8, 2, observer=broken))
    # It did not look at this step: the number is none.
    intervals.Window(game()).add(9, metrics(9, 2, observer=broken))


def test_rates_leave_out_the_compilation(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(intervals.time, "perf_counter", lambda: now[0])
    clock = intervals.Clock(images_per_step=64, images_per_epoch=50_000)
    now[0] = 160.0
    clock.tick(10)
    assert clock.rates(10) == {}
    now[0] = 165.0
    clock.tick(20)
    clock.tick(30)
    assert clock.rates(30) == {
        "time/steps_per_second": 4.0,
        "time/images_per_second": 256.0,
        "time/epoch_seconds": 50_000 / 256,
    }
    now[0] = 170.0
    assert clock.rates(40)["time/steps_per_second"] == 2.0
