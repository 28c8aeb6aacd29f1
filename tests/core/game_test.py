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


def game(*players, optimizers=("adam",)):
    return core.Gan(
        lambda key: core.Networks({"gen": key}, {}),
        {name: optax.adam(1e-3) for name in optimizers},
        players,
    )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: game(optimizers=()), "at least one player"),
        (lambda: game(player(), player()), r"names must differ, not \['gen', 'gen'\]"),
        (lambda: game(player(updates=0)), "player 'gen': updates and every .* not 0 and 1"),
        (lambda: game(player(every=0)), "player 'gen': updates and every .* not 1 and 0"),
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
            "player 'eye' moves no network and so needs no optimizer",
        ),
        (
            lambda: game(player(), player("disc", ("disc",))),
            r"optimizer 'adam' must move one and the same tuple of networks, its players name "
            r"\[\('disc',\), \('gen',\)\]",
        ),
        (
            lambda: game(player(), optimizers=("adam", "idle")),
            "no player uses the optimizer 'idle'",
        ),
        (lambda: core.Ema(1.0, ("gen",)), r"decay must lie in \[0, 1\), not 1.0"),
        (lambda: core.Ema(-0.1, ("gen",)), r"decay must lie in \[0, 1\), not -0.1"),
        (lambda: core.Phase(game(player()), 0, 8, 4), "phase's steps must be at least 1, not 0"),
        (lambda: core.Phase(game(player()), 1, 0, 4), "phase's image_size must be at least 1"),
        (lambda: core.Phase(game(player()), 1, 8, -4), "batch_size must be at least 1, not -4"),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_updates_of_a_game_are_those_of_its_busiest_player():
    gan = game(player(), player("critic", updates=5))
    assert gan.updates == 5
    assert gan.networks_of("adam") == ("gen",)
