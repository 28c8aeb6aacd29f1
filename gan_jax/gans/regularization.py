"""Regularization of a discriminator that sees few images, by settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax import images as image_arrays
from gan_jax import losses
from gan_jax.core import Number
from gan_jax.gans.checks import check_joined
from gan_jax.gans.settings import Run, setting

REGULARIZERS = ("lecam", "cr", "bcr")
# Its entry in the game's memory.
_MEMORY = "lecam"


@dataclasses.dataclass(frozen=True)
class RegularizationSettings:
    """Regularization of the discriminator by its logits."""

    name: str = setting("none", f"none, or of {', '.join(REGULARIZERS)}, joined by +.")
    lecam_weight: float = setting(0.3, "Factor on LeCam.", above=0.0)
    lecam_decay: float = setting(
        0.9, "Decay of LeCam's running means of logits.", least=0.0, below=1.0
    )
    lecam_start: int = setting(1_000, "The step after which LeCam is added to the loss.", least=1)
    consistency_weight: float = setting(10.0, "Factor on cr, and on each part of bcr.", above=0.0)


@dataclasses.dataclass(frozen=True)
class Lecam:
    """LeCam regularization, see `losses.lecam_regularizer`.

    Until `start` the means are those of the last batch.
    """

    weight: float
    decay: float
    start: int

    def updated(self, means: Mapping[str, Any], step: jax.Array, **new: jax.Array):
        """The running means with those of a batch."""
        decay = jnp.where(step < self.start, 0.0, self.decay)
        return {name: decay * means[name] + (1.0 - decay) * value for name, value in new.items()}


@dataclasses.dataclass(frozen=True)
class Regularization:
    """What is added to the discriminator's loss because of its logits.

    Attributes:
      lecam: LeCam, or None.
      consistency: The weight of consistency; 0 for none.
      balanced: Whether consistency is also that of generated images.
    """

    lecam: Lecam | None = None
    consistency: float = 0.0
    balanced: bool = False

    def start(self) -> dict[str, Any]:
        """The game's memory of it, before the first step."""
        if self.lecam is None:
            return {}
        return {_MEMORY: {"real": jnp.float32(0.0), "fake": jnp.float32(0.0)}}

    def transformed(self, key: jax.Array, real: jax.Array, fake: jax.Array) -> list[jax.Array]:
        """The images whose logits must agree with those of real, and of generated ones.

        Args:
          key: A key that is used for nothing else.
          real: Real images as the discriminator sees them [B, H, W, C].
          fake: Generated ones.
        """
        if not self.consistency:
            return []
        shift = min(real.shape[1:3]) // 8
        transform = image_arrays.make_augment(flip=True, crop_padding=shift)
        chosen = [real, fake] if self.balanced else [real]
        keys = jax.random.split(key, len(chosen))
        return [transform(own, images) for own, images in zip(keys, chosen, strict=True)]

    def __call__(
        self,
        logits: Sequence[jax.Array],
        memory: Mapping[str, Any],
        step: jax.Array,
        axis_name: str | None,
    ) -> tuple[jax.Array | float, dict[str, jax.Array], dict[str, Any]]:
        """What is added to the loss, its metrics, and the changed part of the memory.

        Args:
          logits: Of real images, of generated ones, and of those of `transformed`.
          memory: The game's.
          step: Finished steps.
          axis_name: The mapped axis under pmap, else None.
        """
        value: jax.Array | float = 0.0
        metrics, changed = {}, {}
        if self.lecam is not None:
            means = _means(logits, axis_name)
            changed[_MEMORY] = means = self.lecam.updated(memory[_MEMORY], step, **means)
            metrics["lecam"] = losses.lecam_regularizer(
                *logits[:2], real_mean=means["real"], fake_mean=means["fake"]
            )
            weight = jnp.where(step > self.lecam.start, self.lecam.weight, 0.0)
            value = value + weight * metrics["lecam"]
        names = ("consistency/real", "consistency/fake")
        for name, before, after in zip(names, logits[:2], logits[2:], strict=False):
            metrics[name] = losses.consistency_loss(before, after)
            value = value + self.consistency * metrics[name]
        return value, metrics, changed


def _means(logits: Sequence[jax.Array], axis_name: str | None) -> dict[str, jax.Array]:
    real, fake = (jax.lax.stop_gradient(one.astype(jnp.float32).mean()) for one in logits[:2])
    if axis_name is not None:
        real, fake = jax.lax.pmean((real, fake), axis_name)
    return {"real": real, "fake": fake}


NO_REGULARIZATION = Regularization()


def make_regularization(settings: RegularizationSettings) -> Regularization:
    """The regularization that settings describe.

    Raises:
      ValueError: In one line, if a name is unknown or named twice, or of cr and bcr both are named.
    """
    names = [name for name in settings.name.split("+") if name != "none"]
    key = "config.model.regularization.name"
    check_joined("regularizer", key, settings.name, names, REGULARIZERS)
    if {"cr", "bcr"} <= set(names):
        raise ValueError(
            f"{key}={settings.name}: bcr is cr, and the same of generated images: leave cr out"
        )
    lecam, weight = None, 0.0
    if "lecam" in names:
        lecam = Lecam(settings.lecam_weight, settings.lecam_decay, settings.lecam_start)
    if {"cr", "bcr"} & set(names):
        weight = settings.consistency_weight
    return Regularization(lecam, weight, "bcr" in names)


def make_top_k(share: Number, loss: str, run: Run) -> Number:
    """The share of the generated images that the generator trains on.

    Args:
      share: As set.
      loss: The name of the adversarial loss.
      run: What the family must know of the run.

    Raises:
      ValueError: In one line, if the loss is no mean over generated images.
    """
    if share != 1.0 and losses.adversarial_loss(loss).generator_needs_real:
        raise ValueError(
            f"config.model.loss={loss} compares generated images with real ones, and top_k chooses "
            "them by their logits alone: set config.model.top_k=1.0, or another loss"
        )
    return run.resolve(share)
