"""A GAN as a game: networks, players that move some of them, and an order.

Nothing here knows a family's name. A vanilla GAN is two players over two networks; CycleGAN is two
players that move two networks each; StyleGAN2 is four players over three networks, two of which
move only every few steps. `gan_jax.core.step` plays any of them with the same function.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import optax

PyTree = Any
Params = Mapping[str, PyTree]


class Context(NamedTuple):
    """What an objective may look at, besides the parameters.

    Attributes:
      variables: Non-trained collections, `{network: {collection: tree}}`; batch statistics, say.
      batch: `{name: array}`; every array has its examples on the first axis, [B, ...].
      key: A typed PRNG key, this player's own at this step (and device, under `pmap`).
      memory: What the game remembers from step to step: image pools, running means.
      step: Scalar int32, the number of finished steps.
    """

    variables: Mapping[str, PyTree]
    batch: Mapping[str, jax.Array]
    key: jax.Array
    memory: Mapping[str, PyTree]
    step: jax.Array


class Aux(NamedTuple):
    """What an objective hands back beside its loss.

    Attributes:
      metrics: `{name: scalar}` to be logged.
      variables: The collections that changed, `{network: {collection: tree}}`. A changed
        collection that is left out here is lost without a sound.
      memory: The memories that changed.
    """

    metrics: Mapping[str, jax.Array] = {}
    variables: Mapping[str, PyTree] = {}
    memory: Mapping[str, PyTree] = {}


Objective = Callable[[Params, Context], tuple[jax.Array, Aux]]


@dataclasses.dataclass(frozen=True)
class Player:
    """One who moves some networks to lower one objective.

    Attributes:
      name: Unique in the game; the metrics of this player are logged under it.
      networks: The networks that this player, and in its turn nobody else, moves. A player without
        networks is an observer: its objective is evaluated for the metrics alone.
      optimizer: The key in `Gan.optimizers`. Two players may share one optimizer's state (a loss
        and its lazy regulariser, say) when they move the same networks.
      objective: `(params, context) -> (loss, aux)`, pure. It gets the parameters of every network.
      updates: Updates a step, each on its own slice of the batch's leading axis (critic steps).
      every: The player moves at steps 0, every, 2 every, ... (lazy regularisation).
    """

    name: str
    networks: tuple[str, ...]
    optimizer: str | None
    objective: Objective
    updates: int = 1
    every: int = 1


@dataclasses.dataclass(frozen=True)
class Ema:
    """Exponential moving average of the parameters of some networks.

    After step t (counted from 0) the average is `d * average + (1 - d) * params` with
    `d = min(decay, (1 + t) / (10 + t))`, so that the first steps are forgotten quickly, or
    `d = decay` where `warmup` is off. Collections that are not trained are not averaged: samples of
    averaged weights use the running batch statistics of the network itself.

    Raises:
      ValueError: If `decay` lies outside of [0, 1).
    """

    decay: float
    networks: tuple[str, ...]
    warmup: bool = True

    def __post_init__(self):
        if not 0.0 <= self.decay < 1.0:
            raise ValueError(f"the EMA's decay must lie in [0, 1), not {self.decay}")


@dataclasses.dataclass(frozen=True)
class Sampler:
    """How pictures are drawn from a trained game.

    Attributes:
      apply: `(params, variables, latents [B, latent_dim], labels [B] int32 or None) -> images
        [B, H, W, C]` in [-1, 1], with `params` and `variables` those of every network.
      latent_dim: Length of a latent.
      num_classes: Number of labels it can be asked for; 0 for an unconditional one.
      networks: The networks that `apply` reads, so that no other need be loaded.
    """

    apply: Callable[[Params, Mapping[str, PyTree], jax.Array, jax.Array | None], jax.Array]
    latent_dim: int
    num_classes: int
    networks: tuple[str, ...]


class Networks(NamedTuple):
    """The start of a game: `{network: tree}` of parameters and variables, and the memory."""

    params: Mapping[str, PyTree]
    variables: Mapping[str, PyTree]
    memory: Mapping[str, PyTree] = {}


@dataclasses.dataclass(frozen=True)
class Gan:
    """A game, ready to be played by `gan_jax.core.make_step`.

    Attributes:
      init_networks: `key -> Networks`, pure.
      optimizers: `{name: optax.GradientTransformation}`.
      players: In the order in which they move.
      samplers: `{name: Sampler}`.
      ema: Which networks are averaged, or None.
      draw_noise: `(key, batch) -> {name: array}`: the randomness that objectives share within a
        step (latents, interpolation weights). What the batch already carries is not overwritten,
        so that a test or a stranger can hand in the noise.
      memory_is_mean: Whether the devices' memories may be averaged under `pmap` (true of running
        means, false of image pools).

    Raises:
      ValueError: If there is no player, if names are double or unknown, if players that share an
        optimizer move different networks, if nobody uses an optimizer, or if `updates` or `every`
        is below 1.
    """

    init_networks: Callable[[jax.Array], Networks]
    optimizers: Mapping[str, optax.GradientTransformation]
    players: tuple[Player, ...]
    samplers: Mapping[str, Sampler] = dataclasses.field(default_factory=dict)
    ema: Ema | None = None
    draw_noise: Callable[[jax.Array, Mapping[str, jax.Array]], Mapping[str, jax.Array]] | None = (
        None
    )
    memory_is_mean: bool = False

    def __post_init__(self):
        names = [player.name for player in self.players]
        if not names:
            raise ValueError("a game needs at least one player")
        if len(set(names)) < len(names):
            raise ValueError(f"players' names must differ, not {names}")
        for player in self.players:
            _check_player(player, self.optimizers)
        for optimizer in self.optimizers:
            self.networks_of(optimizer)

    @property
    def updates(self) -> int:
        """Length of the leading axis that the step expects of every array of the batch."""
        return max(player.updates for player in self.players)

    def networks_of(self, optimizer: str) -> tuple[str, ...]:
        """The networks that `optimizer` moves.

        Raises:
          ValueError: If no player uses it, or if players that share it move different networks.
        """
        owners = {p.networks for p in self.players if p.optimizer == optimizer}
        if not owners:
            raise ValueError(f"no player uses the optimizer '{optimizer}'")
        if len(owners) > 1:
            raise ValueError(
                f"optimizer '{optimizer}' must move one and the same tuple of networks, "
                f"its players name {sorted(owners)}"
            )
        return owners.pop()


def _check_player(player: Player, optimizers: Mapping[str, Any]) -> None:
    if player.updates < 1 or player.every < 1:
        raise ValueError(
            f"player '{player.name}': updates and every must be at least 1, "
            f"not {player.updates} and {player.every}"
        )
    if len(set(player.networks)) < len(player.networks):
        raise ValueError(f"player '{player.name}' names a network twice: {player.networks}")
    if player.networks and player.optimizer not in optimizers:
        raise ValueError(
            f"player '{player.name}': unknown optimizer '{player.optimizer}', "
            f"there are {sorted(optimizers)}"
        )
    if not player.networks and player.optimizer is not None:
        raise ValueError(f"player '{player.name}' moves no network and so needs no optimizer")


@dataclasses.dataclass(frozen=True)
class Phase:
    """A stretch of training with one game, one image size and one batch size.

    Attributes:
      gan: The game.
      steps: Number of steps, at least 1.
      image_size: Height and width in pixels of the images that the phase trains on.
      batch_size: Examples an update, over all devices.
      on_enter: `GanState -> GanState`, applied once when the phase begins; the state's tree must
        keep its structure. Progressive growing resets its optimizers here.

    Raises:
      ValueError: If a number is below 1.
    """

    gan: Gan
    steps: int
    image_size: int
    batch_size: int
    on_enter: Callable[[Any], Any] | None = None

    def __post_init__(self):
        for name in ("steps", "image_size", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"a phase's {name} must be at least 1, not {getattr(self, name)}")


Experiment = tuple[Phase, ...]
