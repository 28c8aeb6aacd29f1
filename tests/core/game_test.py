"""What a game refuses to be."""

import jax.numpy as jnp
import optax
import pytest

from gan_jax import core


def objective(params, context):
    del params, context
    return jnp.float32(0.0), core.Aux()


def player(name="gen", networks=("gen",), optimizer="adam", **options):
    return core.Player(name, networks, optimizer, objective, **options)


def monitor(name="after", **options):
    return core.Monitor(name, lambda params, context: {}, **options)


def game(*players, optimizers=("adam",), **options):
    return core.Gan(
        lambda key: core.Networks({"gen": key}, {}),
        {name: optax.adam(1e-3) for name in optimizers},
        players,
        **options,
    )


NUMBERS = "updates and every must be at least 1 and first_slice at least 0"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: game(optimizers=()), "at least one player"),
        (
            lambda: game(player(), player()),
            r"names of players and monitors must differ, not \['gen', 'gen'\]",
        ),
        (lambda: game(player(), monitors=(monitor("gen"),)), r"must differ, not \['gen', 'gen'\]"),
        (
            lambda: game(player(), monitors=(monitor(), monitor())),
            r"must differ, not \['gen', 'after', 'after'\]",
        ),
        (lambda: game(player(updates=0)), f"player 'gen': {NUMBERS}, not 0, 1 and 0"),
        (lambda: game(player(every=0)), f"player 'gen': {NUMBERS}, not 1, 0 and 0"),
        (lambda: game(player(first_slice=-1)), f"player 'gen': {NUMBERS}, not 1, 1 and -1"),
        (
            lambda: game(player(), monitors=(monitor(every=0),)),
            "monitor 'after': every must be at least 1, not 0",
        ),
        (
            lambda: game(player(optimizer="sgd")),
            r"player 'gen': unknown optimizer 'sgd', there are \['adam'\]",
        ),
        (
            lambda: game(player(networks=("gen", "gen"))),
            r"player 'gen' names a network twice: \('gen', 'gen'\)",
        ),
        (
            lambda: game(player(), player("eye", networks=())),
            "player 'eye' trains no network: make it a Monitor",
        ),
        (
            lambda: game(player(), player("disc", ("disc",))),
            r"optimizer 'adam' must train one and the same tuple of networks, its players name "
            r"\[\('disc',\), \('gen',\)\]",
        ),
        (
            lambda: game(player(), optimizers=("adam", "idle")),
            "no player uses the optimizer 'idle'",
        ),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_updates_of_a_game_are_those_of_its_busiest_player():
    gan = game(player(), player("critic", updates=5))
    assert gan.updates == 5
    assert gan.networks_of("adam") == ("gen",)


def test_updates_of_a_game_reach_to_the_last_slice_of_any_player():
    critic, generator = player("critic", updates=2), player(first_slice=2, updates=3)
    assert (critic.last_slice, generator.last_slice) == (2, 5)
    assert game(critic, generator).updates == 5


def test_an_optimizer_may_be_a_function_of_the_step():
    fixed, at = optax.sgd(1.0), lambda step: ("the optimizer of step", step)
    gan = core.Gan(
        lambda key: core.Networks({}, {}),
        {"fixed": fixed, "at": at},
        (player("a", ("a",), "fixed"), player("b", ("b",), "at")),
    )
    assert gan.optimizer("fixed", 3) is fixed
    assert gan.optimizer("at", 3) == ("the optimizer of step", 3)
