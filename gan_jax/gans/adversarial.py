"""Games of one generator against one discriminator or critic, by settings.

The vanilla GAN, DCGAN, LSGAN, hinge and relativistic GANs, WGAN with clipping, WGAN-GP and the
conditional form of each are settings of this one family: networks, loss, penalties, number of
critic steps, optimizers and whether the networks are conditioned on the label.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from gan_jax import losses, networks
from gan_jax.core import (
    PRECISIONS,
    ArraySpec,
    Experiment,
    Number,
    Phase,
    Schedule,
    is_constant,
    schedule,
)
from gan_jax.gans.network import Net
from gan_jax.gans.optimizers import OptimizerSettings, optimizer
from gan_jax.gans.pair import Pair
from gan_jax.gans.pair_game import make_pair_game
from gan_jax.gans.pair_objectives import PENALTIES, Penalty
from gan_jax.gans.settings import Run, setting
from gan_jax.names import check_name


@dataclasses.dataclass(frozen=True)
class DiscriminatorSettings:
    """The discriminator, or critic."""

    steps: int = setting(1, "Updates per update of the generator (n_critic).", least=1)
    dropout: float = setting(0.0, "Share of activations that are dropped.", least=0.0, most=0.998)
    normalization: str = setting(
        "none", "Of activations or of kernels.", choices=("none", "batch", "spectral")
    )
    initializer: str = setting(
        "dcgan", "dcgan: N(0, 0.02); he: N(0, 2 / fan_in).", choices=tuple(networks.INITIALIZERS)
    )
    minibatch_discrimination: int = setting(0, "Number of kernels; 0 for none.", least=0)


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
    weight_clip: float = setting(0.0, "Bound on the critic's weights; 0 for none.", least=0.0)
    ema_decay: Number = setting(
        0.0, "Decay of the generator's averaged weights; 0 for none.", least=0.0, below=1.0
    )
    penalty: PenaltySettings = setting(PenaltySettings(), "Gradient penalties.")
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
    game = make_pair_game(
        _pair(settings, image.shape, num_classes, run),
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
        ema_decay=_decay(run.resolve(settings.ema_decay)),
        monitor_every=run.monitor_every,
        axis_name=run.axis_name,
    )
    return Experiment((Phase(game, run.steps, run.batch_size),))


def _image(arrays: Mapping[str, ArraySpec]) -> ArraySpec:
    if "image" not in arrays:
        raise ValueError(
            "family adversarial trains on single images (an array 'image'), and this data has "
            f"{', '.join(arrays)}: take another family, or config.data.layout=image"
        )
    height, width = arrays["image"].shape[:2]
    if height != width:
        raise ValueError(
            f"the networks of family adversarial make square images, not {width}x{height}: set "
            f"config.data.image_size={min(height, width)}"
        )
    return arrays["image"]


def _num_classes(arrays: Mapping[str, ArraySpec]) -> int:
    if "label" not in arrays:
        raise ValueError(
            "config.model.conditional=True needs labels, and this data set has none: set it to "
            "False, or take labeled data"
        )
    return arrays["label"].num_classes


def _decay(number: Number) -> float | Callable[[Any], Any]:
    if not isinstance(number, Schedule):
        return number
    return number.value if is_constant(number) else lambda step: schedule(number, step)


def _pair(settings: Settings, shape: tuple[int, ...], num_classes: int, run: Run) -> Pair:
    check_name("config.precision", run.precision, PRECISIONS)
    common = {
        "image_size": shape[0],
        "channels": shape[2],
        "width": settings.width,
        "num_classes": num_classes,
        "axis_name": run.axis_name,
    }
    dtype = PRECISIONS[run.precision].dtype
    chosen = settings.discriminator
    options: dict[str, Any] = {
        "dropout_rate": chosen.dropout,
        "normalization": chosen.normalization,
    }
    if chosen.minibatch_discrimination:
        options["minibatch_kernels"] = chosen.minibatch_discrimination
    if chosen.initializer != "dcgan":
        options["initializer"] = chosen.initializer

    def discriminator(dtype):
        return networks.make_discriminator(settings.network, dtype=dtype, **options, **common)

    return Pair(
        generator=Net(networks.make_generator(settings.network, dtype=dtype, **common)),
        discriminator=Net(discriminator(dtype), discriminator(jnp.float32)),
        image_shape=(shape[0], shape[1], shape[2]),
        latent_dim=settings.latent_dim,
        num_classes=num_classes,
        per_image=chosen.normalization == "none" and not chosen.minibatch_discrimination,
    )


def _smoothing(settings: Settings) -> dict[str, float]:
    """Label smoothing, for the one loss that has it."""
    if settings.loss != "non_saturating":
        return {}
    return {"real_label": settings.real_label, "fake_label": settings.fake_label}


def _penalties(settings: Settings, run: Run) -> tuple[Penalty, ...]:
    names = [name for name in settings.penalty.name.split("+") if name != "none"]
    for name in names:
        check_name("penalty of config.model.penalty.name", name, ("none", *PENALTIES))
    if len(set(names)) < len(names):
        raise ValueError(f"config.model.penalty.name={settings.penalty.name} names one twice")
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
