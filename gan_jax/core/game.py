"""A GAN as a game: networks, players that train some of them, and an order.

Nothing here knows a family's name. A vanilla GAN is two players over two networks; CycleGAN is two
players that train two networks each; StyleGAN2 is four players over three networks, two of which
train only every few steps. `gan_jax.core.step` plays any of them with the same function.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import optax

from gan_jax.core.ema import Ema
from gan_jax.core.inputs import Sampler

PyTree = Any
Optimizer: TypeAlias = (
    optax.GradientTransformation | Callable[[jax.Array], optax.GradientTransformation]
)
Params = Mapping[str, PyTree]


class Context(NamedTuple):
    """What an objective may read in addition to the parameters.

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
    """What an objective returns next to its loss.

    Attributes:
      metrics: `{name: scalar}` to be logged.
      variables: The collections that changed, `{network: {collection: tree}}`. A changed
        collection that is left out here keeps its old value.
      memory: The memories that changed.
    """

    metrics: Mapping[str, jax.Array] = {}
    variables: Mapping[str, PyTree] = {}
    memory: Mapping[str, PyTree] = {}


Objective = Callable[[Params, Context], tuple[jax.Array, Aux]]


@dataclasses.dataclass(frozen=True)
class Player:
    """One who trains some networks to lower one objective.

    Attributes:
      name: Unique in the game; the loss of this player is logged under it.
      networks: The networks that this player, and during its update nobody else, trains.
      optimizer: The key in `Gan.optimizers`. Two players may share one optimizer's state (a loss
        and its lazy regularizer, say) when they train the same networks.
      objective: `(params, context) -> (loss, aux)`, pure. It gets the parameters of every network.
      updates: Updates per step, each on its own slice of the batch's leading axis (critic steps).
      every: The player trains at steps 0, every, 2 every, ... (lazy regularization).
      first_slice: The slice of its first update. 0 shares the slices with other players; above,
        the player has real images and noise of its own.
    """

    name: str
    networks: tuple[str, ...]
    optimizer: str
    objective: Objective
    updates: int = 1
    every: int = 1
    first_slice: int = 0

    @property
    def last_slice(self) -> int:
        """The slice after its last update's."""
        return self.first_slice + self.updates


@dataclasses.dataclass(frozen=True)
class Monitor:
    """Metrics of the networks as they are after all updates of a step; trains nothing.

    Attributes:
      name: Unique among monitors and players.
      metrics: `(params, context) -> {name: scalar}`, pure; its batch is the first slice's.
      every: Computed at the end of steps every, 2 every, ...
      pairs: Metrics of players, by name, that are reported of these steps alone, so that a value
        before an update and one after it are of the same step.
    """

    name: str
    metrics: Callable[[Params, Context], Mapping[str, jax.Array]]
    every: int = 1
    pairs: tuple[str, ...] = ()


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
      optimizers: `{name: optax.GradientTransformation}`, or in place of one a function of the
        step (scalar int32) that returns one whose state does not depend on it: its learning rate
        and decays may then change with the step, however many updates a step has.
      players: The players, in the order of their updates.
      monitors: Computed after all updates of a step.
      samplers: `{name: Sampler}`; the first is the default.
      ema: Which networks are averaged, or None.
      draw_noise: `(key, batch) -> {name: array}`: the randomness that objectives share within a
        step (latents, interpolation weights). What the batch already carries is not overwritten,
        so that a test or a stranger can hand in the noise.
      memory_is_mean: Whether the devices' memories may be averaged under `pmap` (true of running
        means, false of image pools).

    Raises:
      ValueError: If there is no player, if names are double or unknown, if players that share an
        optimizer train different networks, if nobody uses an optimizer, or if `updates` or
        `every` is below 1.
    """

    init_networks: Callable[[jax.Array], Networks]
    optimizers: Mapping[str, Optimizer]
    players: tuple[Player, ...]
    monitors: tuple[Monitor, ...] = ()
    samplers: Mapping[str, Sampler] = dataclasses.field(default_factory=dict)
    ema: Ema | None = None
    draw_noise: Callable[[jax.Array, Mapping[str, jax.Array]], Mapping[str, jax.Array]] | None = (
        None
    )
    memory_is_mean: bool = False

    def __post_init__(self):
        names = [player.name for player in self.players]
        names += [monitor.name for monitor in self.monitors]
        if not self.players:
            raise ValueError("a game needs at least one player")
        if len(set(names)) < len(names):
            raise ValueError(f"the names of players and monitors must differ, not {names}")
        for player in self.players:
            _check_player(player, self.optimizers)
        for monitor in self.monitors:
            if monitor.every < 1:
                raise ValueError(
                    f"monitor '{monitor.name}': every must be at least 1, not {monitor.every}"
                )
        for optimizer in self.optimizers:
            self.networks_of(optimizer)

    @property
    def updates(self) -> int:
        """Length of the leading axis that the step expects of every array of the batch."""
        return max(player.last_slice for player in self.players)

    def networks_of(self, optimizer: str) -> tuple[str, ...]:
        """The networks that `optimizer` trains.

        Raises:
          ValueError: If no player uses it, or if players that share it train different networks.
        """
        owners = {p.networks for p in self.players if p.optimizer == optimizer}
        if not owners:
            raise ValueError(f"no player uses the optimizer '{optimizer}'")
        if len(owners) > 1:
            raise ValueError(
                f"optimizer '{optimizer}' must train one and the same tuple of networks, "
                f"its players name {sorted(owners)}"
            )
        return owners.pop()

    def optimizer(self, name: str, step: int | jax.Array) -> optax.GradientTransformation:
        """An optimizer as it is at a step."""
        found = self.optimizers[name]
        return found if isinstance(found, optax.GradientTransformation) else found(step)


def _check_player(player: Player, optimizers: Mapping[str, Any]) -> None:
    if player.updates < 1 or player.every < 1 or player.first_slice < 0:
        raise ValueError(
            f"player '{player.name}': updates and every must be at least 1 and first_slice at "
            f"least 0, not {player.updates}, {player.every} and {player.first_slice}"
        )
    if not player.networks:
        raise ValueError(f"player '{player.name}' trains no network: make it a Monitor")
    if len(set(player.networks)) < len(player.networks):
        raise ValueError(f"player '{player.name}' names a network twice: {player.networks}")
    if player.optimizer not in optimizers:
        raise ValueError(
            f"player '{player.name}': unknown optimizer '{player.optimizer}', "
            f"there are {sorted(optimizers)}"
        )
