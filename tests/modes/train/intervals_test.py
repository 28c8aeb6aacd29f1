import json

import numpy as np
import optax
import pytest

from gan_jax import core, telemetry
from gan_jax.modes.train import intervals


def game(*monitors, generator_every=1):
    """Three players, one of which trains every fourth step."""
    players = (
        core.Player("critic", ("critic",), "critic", None),
        core.Player("regularizer", ("critic",), "critic", None, every=4),
        core.Player("generator", ("generator",), "generator", None, every=generator_every),
    )
    return core.Gan(
        lambda key: None,
        {"critic": optax.sgd(1.0), "generator": optax.sgd(1.0)},
        players,
        monitors=monitors or (core.Monitor("monitor", None, every=4),),
    )


def metrics(first, count, **changes):
    steps = first + np.arange(count, dtype=np.float32)
    made = {
        "critic": {"loss": steps, "score": 2 * steps},
        "regularizer": {"loss": np.where(steps % 4 == 0, steps, 0.0)},
        "generator": {"loss": -steps},
        "monitor": {"after": np.where(steps % 4 == 3, 10 + steps, 0.0)},
    }
    for player, change in changes.items():
        made[player] = {**made[player], **change}
    return made


def test_means_are_over_the_steps_at_which_a_player_trained():
    window = intervals.Window(game())
    assert window.add(0, metrics(0, 6)) == 6
    assert window.add(6, metrics(6, 2)) == 2
    assert window.means() == {
        "loss/critic": 3.5,
        "score": 7.0,
        "loss/regularizer": 2.0,  # Of steps 0 and 4.
        "loss/generator": -3.5,
        "after": 15.0,  # After four steps, in step 3, and after eight, in step 7.
    }
    # The next window is a new one; in it one player does not train and nothing is monitored.
    window.add(9, metrics(9, 1))
    assert window.means() == {"loss/critic": 9.0, "score": 18.0, "loss/generator": -9.0}
    assert window.means() == {}


def test_before_and_after_are_of_the_same_step():
    """Else an update that raises D(G(z)) could seem to lower it, where it differs over steps."""
    before = np.float32([0.9, 0.8, 0.7, 0.1, 0.9, 0.8, 0.7, 0.2])
    after = np.where(np.arange(8) % 4 == 3, before + 0.1, 0.0)
    window = intervals.Window(game(core.Monitor("monitor", None, every=4, pairs=("fake_before",))))
    reported = metrics(0, 8, generator={"fake_before": before}, monitor={"fake_after": after})
    window.add(0, reported)
    means = window.means()
    assert means["fake_before"] == pytest.approx(0.15)  # Of steps 3 and 7 alone.
    assert means["fake_after"] == pytest.approx(0.25)
    # What is not paired is a mean over all steps, as it was.
    assert means["loss/generator"] == -3.5


def test_a_pair_of_a_player_that_did_not_train_is_not_reported():
    """Its zeros are no values, at a step of the monitor neither."""
    gan = game(core.Monitor("monitor", None, pairs=("fake_before",)), generator_every=2)
    before = np.float32([0.5, 0.0, 0.75, 0.0])
    window = intervals.Window(gan)
    window.add(0, metrics(0, 4, generator={"fake_before": before, "loss": 4 * before}))
    means = window.means()
    assert means["fake_before"] == 0.625
    assert means["loss/generator"] == 2.5


def test_players_that_report_one_name_are_distinguished():
    window = intervals.Window(game())
    values = {
        "critic": {"penalty": np.float32([1.0, 3.0])},
        "regularizer": {"penalty": np.float32([10.0, 0.0])},
        "monitor": {"score": np.float32([0.0, 0.0])},
    }
    window.add(0, metrics(0, 2, **values))
    means = window.means()
    assert means["penalty/critic"] == 2.0
    assert means["penalty/regularizer"] == 10.0
    assert means["score/critic"] == 1.0
    assert not {"penalty", "score", "score/monitor"} & set(means)


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
    # The monitor comes after the generator: what it computes is the generator's doing.
    broken = {"after": np.array([1.0, np.nan])}
    with pytest.raises(
        telemetry.NonFiniteLossError, match=r"^step 12: after after the update of generator is nan"
    ):
        intervals.Window(game()).add(10, metrics(10, 2, monitor=broken))
    # It was not computed at this step: the number is none.
    intervals.Window(game()).add(9, metrics(9, 2, monitor=broken))


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
