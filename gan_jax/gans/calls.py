"""The networks of a game by name: their start, and calls of them within an objective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax

from gan_jax.core import Context, Networks
from gan_jax.gans.network import Net


def initializer(
    nets: Mapping[str, Net],
    examples: Mapping[str, tuple[Any, ...]],
    memory: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[[jax.Array], Networks]:
    """`Gan.init_networks` of some networks.

    Args:
      nets: `{name: Net}`.
      examples: `{name: arguments}` to initialize each on, two examples each so that there are batch
        statistics.
      memory: The game's, before the first step.
    """

    def init(key: jax.Array) -> Networks:
        keys = dict(zip(nets, jax.random.split(key, len(nets)), strict=True))
        made = {name: net.init(keys[name], *examples[name]) for name, net in nets.items()}
        return Networks(
            {name: params for name, (params, _) in made.items()},
            {name: variables for name, (_, variables) in made.items()},
            dict(memory),
        )

    return init


class Calls:
    """The networks within one objective: applied in training, each on what the last call kept."""

    def __init__(self, nets: Mapping[str, Net], params: Mapping[str, Any], context: Context):
        """Takes what the objective is given.

        Args:
          nets: `{name: Net}`.
          params: `{name: tree}`.
          context: The objective's.
        """
        self._nets, self._params, self._key = nets, params, context.key
        self._variables = dict(context.variables)
        self._count = 0

    def __call__(self, name: str, *args: Any) -> Any:
        """What a network returns; every call has a key of its own."""
        self._count += 1
        key = jax.random.fold_in(self._key, self._count)
        applied = self._nets[name](self._params[name], self._variables[name], *args, key=key)
        self._variables[name] = applied.variables
        return applied.out

    def variables(self, *names: str) -> dict[str, Any]:
        """Collections as the calls have left them, for an objective's Aux."""
        return {name: self._variables[name] for name in names}
