"""Games of one generator against one discriminator or critic, by settings.

The vanilla GAN, DCGAN, LSGAN, hinge and relativistic GANs, WGAN with clipping, WGAN-GP and the
conditional form of each are settings of this one family: networks, loss, penalties, number of
critic steps, optimizers and whether the networks are conditioned on the label.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from gan_jax import layers, losses, networks
from gan_jax.core import (
    ArraySpec,
    Ema,
    Experiment,
    Number,
    Phase,
    Schedule,
    is_constant,
    schedule,
)
from gan_jax.gans.augmentation import AugmentSettings, make_augmentation
from gan_jax.gans.checks import check_joined, single_image
from gan_jax.gans.optimizers import OptimizerSettings, optimizer
from gan_jax.gans.pair import Pair
from gan_jax.gans.pair_game import make_pair_game
from gan_jax.gans.pair_objectives import PENALTIES, Penalty
from gan_jax.gans.pair_settings import DiscriminatorSettings, GeneratorSettings, make_pair
from gan_jax.gans.regularization import RegularizationSettings, make_regularization, make_top_k
from gan_jax.gans.settings import Run, setting


@dataclasses.dataclass(frozen=True)
class PenaltySettings:
    """Gradient penalties on the discriminator, or critic."""

    name: str = setting("none", f"none, or of {', '.join(PENALTIES)}, joined by + for several.")
    weight: Number = setting(10.0, "Factor on each penalty; a number or a schedule.", least=0.0)
    target: float = setting(1.0, "Gradient norm at which gradient_penalty is 0.", least=0.0)
    one_sided: bool = setting(False, "Whether gradient_penalty punishes larger norms only.")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of the family adversarial: the networks of the first DCGAN recipe by default."""

    network: str = setting("dcgan_8x8", "Recipe of both.", choices=tuple(networks.GENERATORS))
    width: float = setting(1.0, "Factor on the number of channels.", above=0.0)
    latent_dim: int = setting(100, "Length of a latent.", least=1)
    conditional: bool = setting(False, "Whether the networks are conditioned on the label.")
    loss: str = setting(
        "non_saturating", "Adversarial loss.", choices=tuple(losses.ADVERSARIAL_LOSS_NAMES)
    )
    real_label: float = setting(1.0, "Target of real images, of non_saturating.")
    fake_label: float = setting(0.0, "Target of generated images, of non_saturating.")
    feature_matching: float = setting(
        0.0, "Weight of feature matching in the generator's loss; 0 for none.", least=0.0
    )
    top_k: Number = setting(
        1.0,
        "Share of the images, of the highest logits, that train the generator.",
        above=0.0,
        most=1.0,
    )
    weight_clip: float = setting(0.0, "Bound on the critic's weights; 0 for none.", least=0.0)
    ema_decay: Number = setting(
        0.0, "Decay of the generator's averaged weights; 0 for none.", least=0.0, below=1.0
    )
    ema_start: int = setting(
        0,
        "The step from which the averages have this decay, and are copies until then; 0: the decay "
        "begins low and rises.",
        least=0,
    )
    penalty: PenaltySettings = setting(PenaltySettings(), "Gradient penalties.")
    augment: AugmentSettings = setting(AugmentSettings(), "Augmentation.")
    regularization: RegularizationSettings = setting(RegularizationSettings(), "Of logits.")
    generator: GeneratorSettings = setting(GeneratorSettings(), "The generator.")
    discriminator: DiscriminatorSettings = setting(DiscriminatorSettings(), "The discriminator.")
    generator_optimizer: OptimizerSettings = setting(
        OptimizerSettings(), "Optimizer of the generator."
    )
    discriminator_optimizer: OptimizerSettings = setting(
        OptimizerSettings(), "Optimizer of the discriminator."
    )


def build(settings: Settings, arrays: Mapping[str, ArraySpec], run: Run) -> Experiment:
    """Builds the experiment: one phase.

    Args:
      settings: The settings of the family.
      arrays: The arrays of the data; needs "image", and "label" for a conditional game.
      run: What the family must know of the run.

    Returns:
      An Experiment whose batch is that of `pair_game.make_pair_game`.

    Raises:
      ValueError: In one line, if settings do not go together or do not fit the data.
    """
    image = _image(arrays)
    num_classes = _num_classes(arrays) if settings.conditional else 0
    pair = make_pair(settings, image.shape, num_classes, run)
    _check_generated(settings, pair)
    game = make_pair_game(
        pair,
        loss_name=settings.loss,
        loss=losses.adversarial_loss(
            settings.loss, axis_name=run.axis_name, **_smoothing(settings)
        ),
        generator_optimizer=optimizer(settings.generator_optimizer, run),
        discriminator_optimizer=optimizer(
            settings.discriminator_optimizer, run, weight_clip=settings.weight_clip
        ),
        penalties=_penalties(settings, run),
        discriminator_steps=settings.discriminator.steps,
        feature_matching=settings.feature_matching,
        augmentation=make_augmentation(settings.augment, settings.loss, run),
        regularization=make_regularization(settings.regularization),
        top_k=make_top_k(settings.top_k, settings.loss, run),
        orthogonality={
            "generator": settings.generator.orthogonality,
            "discriminator": settings.discriminator.orthogonality,
        },
        ema=_ema(settings, run),
        monitor_every=run.monitor_every,
        axis_name=run.axis_name,
    )
    return Experiment((Phase(game, run.steps, run.batch_size),))


def _image(arrays: Mapping[str, ArraySpec]) -> ArraySpec:
    image = single_image(arrays, "adversarial")
    height, width = image.shape[:2]
    if height != width:
        raise ValueError(
            f"the networks of family adversarial make square images, not {width}x{height}: set "
            f"config.data.image_size={min(height, width)}"
        )
    return image


def _num_classes(arrays: Mapping[str, ArraySpec]) -> int:
    if "label" not in arrays:
        raise ValueError(
            "config.model.conditional=True needs labels, and this data set has none: set it to "
            "False, or take labeled data"
        )
    return arrays["label"].num_classes


def _ema(settings: Settings, run: Run) -> Ema | None:
    number = run.resolve(settings.ema_decay)
    if isinstance(number, Schedule) and is_constant(number):
        number = number.value
    if not number:
        return None
    decay = (lambda step: schedule(number, step)) if isinstance(number, Schedule) else number
    return Ema(
        decay,
        ("generator",),
        collections=("batch_stats", layers.SPECTRAL),
        warmup=not settings.ema_start,
        start=settings.ema_start,
    )


def _check_generated(settings: Settings, pair: Pair) -> None:
    """Refuses what needs generated images to go with real ones, where they do not."""
    if pair.uniform_labels and "gradient_penalty" in settings.penalty.name:
        raise ValueError(
            "gradient_penalty is of images between a real and a generated one, which need one "
            "label: set config.model.generator.labels=data"
        )
    if settings.loss.startswith("relativistic"):
        for name, wrong, right in (
            ("batch", pair.generator_batch > 1, "1"),
            ("labels", pair.uniform_labels, "data"),
        ):
            if wrong:
                raise ValueError(
                    f"loss={settings.loss} compares generated images with real ones of the same "
                    f"number and labels: set config.model.generator.{name}={right}"
                )


def _smoothing(settings: Settings) -> dict[str, float]:
    """Label smoothing, for the one loss that has it."""
    if settings.loss != "non_saturating":
        return {}
    return {"real_label": settings.real_label, "fake_label": settings.fake_label}


def _penalties(settings: Settings, run: Run) -> tuple[Penalty, ...]:
    names = [name for name in settings.penalty.name.split("+") if name != "none"]
    joined = settings.penalty.name
    check_joined("penalty", "config.model.penalty.name", joined, names, ("none", *PENALTIES))
    if not names:
        return ()
    _check_single_images(settings)
    weight = run.resolve(settings.penalty.weight)
    if not (weight.value if isinstance(weight, Schedule) else weight) > 0.0:
        raise ValueError(
            f"config.model.penalty.weight must be above 0 with penalty.name={'+'.join(names)}, not "
            f"{weight}: penalty.name=none is none"
        )
    shape: dict[str, Any] = {}
    if "gradient_penalty" in names:
        shape = {"target": settings.penalty.target, "one_sided": settings.penalty.one_sided}
    return tuple(
        Penalty(name, weight, **(shape if name == "gradient_penalty" else {})) for name in names
    )


def _check_single_images(settings: Settings) -> None:
    if settings.discriminator.normalization == "batch":
        raise ValueError(
            "a gradient penalty is defined for each image alone and batch normalization mixes "
            "the images of a batch: set config.model.discriminator.normalization=none"
        )
    if settings.discriminator.minibatch_discrimination:
        raise ValueError(
            "a gradient penalty is defined for each image alone and minibatch discrimination "
            "compares the images of a batch: set "
            "config.model.discriminator.minibatch_discrimination=0"
        )
