"""A network of a game: a Flax module, its parameters, and every collection it keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
from flax.core import DenyList

PyTree = Any
Collections = Mapping[str, PyTree]
# What is trained, and what a network only shows.
_NOT_KEPT = DenyList(("params", "intermediates"))


class Applied(NamedTuple):
    """What a network returns in training.

    Attributes:
      out: The module's result.
      variables: `{collection: tree}`, all of the network's, changed ones and others.
      shown: `{name: value}`, what the module has sown into "intermediates" under its own name.
    """

    out: Any
    variables: Collections
    shown: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Net:
    """A network of a game.

    Every collection but "params" is kept and returned, whatever its name: batch statistics, the
    vectors of spectral normalization. Whatever random streams the module asks for come from one
    key.

    Attributes:
      module: Called as `module(*args, train=...)`.
      float32_module: The same parameters with float32 arithmetic, for gradient penalties; the
        module itself where None.
    """

    module: nn.Module
    float32_module: nn.Module | None = None

    def init(self, key: jax.Array, *args: Any) -> tuple[PyTree, dict[str, PyTree]]:
        """Parameters and `{collection: tree}` of the network, initialized on example arguments."""
        made = dict(self.module.init({"params": key}, *args, train=True))
        made.pop("intermediates", None)
        return made.pop("params", {}), made

    def __call__(
        self,
        params: PyTree,
        variables: Collections,
        *args: Any,
        key: jax.Array | None,
        train: bool = True,
        show: bool = False,
    ) -> Applied:
        """Applies the network in training.

        Args:
          params: Its parameters.
          variables: Its collections.
          *args: Of the module.
          key: Typed PRNG key for dropout and noise; None for a module that draws nothing.
          train: Passed to the module.
          show: Whether what it sows into "intermediates" is wanted.
        """
        out, changed = self.module.apply(
            {"params": params, **variables},
            *args,
            train=train,
            rngs=_streams(key),
            mutable=DenyList(("params",)) if show else _NOT_KEPT,
        )
        changed = dict(changed)
        # Flax appends what is sown; a module shows a name once.
        shown = {name: value[0] for name, value in changed.pop("intermediates", {}).items()}
        return Applied(out, {**variables, **changed}, shown)

    def sample(
        self, params: PyTree, variables: Collections, *args: Any, key: jax.Array | None = None
    ) -> Any:
        """Applies the trained network: nothing changes, running statistics normalize."""
        return self.module.apply(
            {"params": params, **variables}, *args, train=False, rngs=_streams(key)
        )

    def in_float32(
        self, params: PyTree, variables: Collections, *args: Any, key: jax.Array | None
    ) -> Callable[[jax.Array], jax.Array]:
        """The network in training as a float32 function of its first argument.

        Args:
          params: Its parameters.
          variables: Its collections.
          *args: Of the module, after the first.
          key: Typed PRNG key, the same at every call.
        """
        module = self.float32_module or self.module

        def apply(first: jax.Array) -> jax.Array:
            out, _ = module.apply(
                {"params": params, **variables},
                first,
                *args,
                train=True,
                rngs=_streams(key),
                mutable=_NOT_KEPT,
            )
            return out

        return apply


def _streams(key: jax.Array | None) -> dict[str, jax.Array] | None:
    # Flax draws for a stream that is not named from "params", each draw by a number of its own.
    return None if key is None else {"params": key}
