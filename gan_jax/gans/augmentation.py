"""How the images that a discriminator sees are augmented, by settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax

from gan_jax import augmentations
from gan_jax.core import Number, Schedule, schedule
from gan_jax.gans.checks import check_joined
from gan_jax.gans.settings import Run, setting
from gan_jax.names import check_name

# Its entry in the game's memory.
_MEMORY = "augmentation"
# Losses whose discriminator calls an image real by a logit above 0.
SIGNED = ("minimax", "non_saturating", "hinge")


@dataclasses.dataclass(frozen=True)
class AugmentSettings:
    """Augmentation of real and generated images, in both players' losses."""

    name: str = setting("none", "How.", choices=("none", "diffaugment", "ada"))
    policy: str = setting(
        "",
        "What diffaugment does, joined by commas, in order; empty for color,translation,cutout. Of "
        f"ada one of {', '.join(augmentations.ADA_POLICIES)}; empty for bgc.",
    )
    probability: Number = setting(
        0.0,
        "Of each of ada's transforms, p; with a target only the first. A number or a schedule.",
        least=0.0,
        most=1.0,
    )
    target: float | None = setting(
        0.6,
        "Mean sign of real images' logits that ada's p is adjusted to; None leaves p as it is.",
        least=-1.0,
        most=1.0,
    )
    every: int = setting(4, "Updates of the discriminator between two adjustments.", least=1)
    kimg: float = setting(500.0, "Thousands of images in which p can rise by 1.", above=0.0)


@dataclasses.dataclass(frozen=True)
class Feedback:
    """When and how far p is adjusted; see `augmentations.adjust_probability`."""

    target: float
    change: float
    every: int


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What happens to images on their way into the discriminator.

    Attributes:
      augment: `(key, images, probability) -> images` of one shape, differentiable; None for
        nothing.
      probability: What `augment` is given; the first where there is a feedback.
      feedback: What adjusts it, or None.
    """

    augment: Callable[[jax.Array, jax.Array, Any], jax.Array] | None = None
    probability: Number = 1.0
    feedback: Feedback | None = None

    def start(self) -> dict[str, Any]:
        """The game's memory of it, before the first step."""
        if self.feedback is None:
            return {}
        return {_MEMORY: augmentations.start_feedback(probability=_first(self.probability))}

    def before_update(self, memory: Mapping[str, Any]) -> dict[str, Any]:
        """The memory that an update of the discriminator begins with.

        The generator's update after it still has the p of that update, as in the paper's code.
        """
        if self.feedback is None:
            return dict(memory)
        adjusted = augmentations.adjust_probability(
            memory[_MEMORY], **dataclasses.asdict(self.feedback)
        )
        return {**memory, _MEMORY: adjusted}

    def after_update(
        self, memory: Mapping[str, Any], real_logits: jax.Array, axis_name: str | None
    ) -> tuple[dict[str, Any], dict[str, jax.Array]]:
        """What an update of the discriminator leaves of the memory, and its metrics."""
        if self.feedback is None:
            return {}, {}
        of_update, sign = augmentations.record_signs(
            memory[_MEMORY], real_logits, axis_name=axis_name
        )
        p = of_update["probability"]
        return {_MEMORY: of_update}, {"augment/probability": p, "augment/real_sign": sign}

    def __call__(
        self, key: jax.Array, images: jax.Array, memory: Mapping[str, Any], step: jax.Array
    ) -> jax.Array:
        """Augments images.

        Args:
          key: A key that is used for nothing else.
          images: Float [B, H, W, C] in [-1, 1].
          memory: The game's.
          step: Finished steps.
        """
        if self.augment is None:
            return images
        adjusted = self.feedback is not None
        p = memory[_MEMORY]["probability"] if adjusted else schedule(self.probability, step)
        return self.augment(key, images, p)


NO_AUGMENTATION = Augmentation()


def make_augmentation(settings: AugmentSettings, loss: str, run: Run) -> Augmentation:
    """The augmentation that settings describe.

    Args:
      settings: The settings.
      loss: The name of the adversarial loss.
      run: What the family must know of the run.

    Raises:
      ValueError: In one line, if a name of the policy is unknown or named twice, if nothing would
        ever be augmented, or if p cannot follow the sign of this loss's logits.
    """
    if settings.name == "none":
        return NO_AUGMENTATION
    if settings.name == "diffaugment":
        policy = _policy(settings.policy or "color,translation,cutout")
        return Augmentation(lambda key, x, _: augmentations.diff_augment(key, x, policy=policy))
    strengths = _strengths(settings.policy or "bgc")
    probability = run.resolve(settings.probability)
    feedback = _feedback(settings, loss, run)
    if feedback is None and probability == 0.0:
        raise ValueError(
            "config.model.augment.probability=0.0 with target=None augments nothing: give a "
            "probability or a target, or name=none"
        )
    return Augmentation(
        lambda key, x, p: augmentations.ada_augment(key, x, p, strengths=strengths),
        probability,
        feedback,
    )


def _feedback(settings: AugmentSettings, loss: str, run: Run) -> Feedback | None:
    if settings.target is None:
        return None
    if isinstance(settings.probability, Schedule):
        raise ValueError(
            "config.model.augment.probability is a schedule, and with a target p follows the "
            "discriminator: set config.model.augment.target=None, or give a number"
        )
    if loss not in SIGNED:
        raise ValueError(
            f"with config.model.loss={loss} the sign of a logit does not say whether an image is "
            "called real, which ada's p follows: set config.model.augment.target=None and a "
            f"probability, or take a loss of {', '.join(SIGNED)}"
        )
    images = run.batch_size * settings.every
    return Feedback(settings.target, images / (1000.0 * settings.kimg), settings.every)


def _first(number: Number) -> float:
    return number.value if isinstance(number, Schedule) else number


def _strengths(name: str) -> Mapping[str, float]:
    check_name("config.model.augment.policy", name, augmentations.ADA_POLICIES)
    return augmentations.ADA_POLICIES[name]


def _policy(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    key, known = "config.model.augment.policy", augmentations.DIFF_AUGMENTATIONS
    check_joined("augmentation", key, text, names, known)
    return names
