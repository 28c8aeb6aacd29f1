"""One builder a family: it reads the config, refuses what is not the family's, and builds."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from typing import NamedTuple

import jax.numpy as jnp
from ml_collections import ConfigDict

from gan_jax import losses, networks
from gan_jax.core import Experiment, Phase, axis_name_of, make_optimizer, make_schedule
from gan_jax.gans.pair import PENALTIES, Pair, Penalty, make_pair_game

PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


class DataInfo(NamedTuple):
    """What a family must know of its data.

    Attributes:
      image_shape: (H, W, C) of the images that the networks see.
      num_classes: Number of labels; 0 for data without labels.
    """

    image_shape: tuple[int, int, int]
    num_classes: int


def vanilla(config: ConfigDict, data: DataInfo) -> Experiment:
    """Fully connected networks, minimax or non-saturating loss (Goodfellow et al. 2014)."""
    _require(config, "network", ("mlp",))
    _require(config, "loss", ("minimax", "non_saturating"))
    return _experiment(config, data)


def dcgan(config: ConfigDict, data: DataInfo) -> Experiment:
    """Convolutional networks and any adversarial loss (Radford et al. 2015)."""
    _require(config, "network", _convolutional())
    return _experiment(config, data)


def cgan(config: ConfigDict, data: DataInfo) -> Experiment:
    """A GAN whose two networks are told the label (Mirza & Osindero 2014)."""
    return _experiment(config, data, conditional=True)


def lsgan(config: ConfigDict, data: DataInfo) -> Experiment:
    """Least squares in place of cross-entropy (Mao et al. 2017)."""
    _require(config, "loss", ("least_squares",))
    return _experiment(config, data)


def hinge(config: ConfigDict, data: DataInfo) -> Experiment:
    """The hinge loss (Lim & Ye 2017)."""
    _require(config, "loss", ("hinge",))
    return _experiment(config, data)


def wgan(config: ConfigDict, data: DataInfo) -> Experiment:
    """A critic kept Lipschitz by clipping its weights (Arjovsky et al. 2017)."""
    _require(config, "loss", ("wasserstein",))
    _require_positive(config, "weight_clip")
    return _experiment(config, data)


def wgan_gp(config: ConfigDict, data: DataInfo) -> Experiment:
    """A critic kept Lipschitz by a gradient penalty (Gulrajani et al. 2017)."""
    _require_gradient_penalty(config)
    return _experiment(config, data)


def cwgan_gp(config: ConfigDict, data: DataInfo) -> Experiment:
    """WGAN-GP whose two networks are told the label."""
    _require_gradient_penalty(config)
    return _experiment(config, data, conditional=True)


def _experiment(config: ConfigDict, data: DataInfo, *, conditional: bool = False) -> Experiment:
    if conditional and data.num_classes < 1:
        raise ValueError(
            f"family '{config.family}' needs labels, and data set '{config.data.name}' has none: "
            "take an unconditional family (dcgan, wgan_gp) or labelled data"
        )
    for name in ("steps", "batch_size", "latent_dim", "discriminator.steps"):
        _require_positive(config, name)
    steps_of_discriminator = config.discriminator.steps
    pair = _networks(config, data, data.num_classes if conditional else 0)
    options = _smoothing(config)
    game = make_pair_game(
        pair,
        loss_name=config.loss,
        loss=losses.adversarial_loss(config.loss, **options),
        generator_optimizer=_optimizer(config, "generator", 1),
        discriminator_optimizer=_optimizer(config, "discriminator", steps_of_discriminator),
        penalty=_penalty(config),
        discriminator_steps=steps_of_discriminator,
        feature_matching=config.feature_matching,
        ema_decay=config.ema_decay,
        observe_every=config.log_every,
    )
    return (Phase(game, config.steps, data.image_shape[0], config.batch_size),)


def _networks(config: ConfigDict, data: DataInfo, num_classes: int) -> Pair:
    _require(config, "network", tuple(networks.GENERATORS))
    _require(config, "precision", tuple(PRECISIONS))
    _require(config, "discriminator.initializer", tuple(networks.INITIALIZERS))
    if data.image_shape[0] != data.image_shape[1]:
        raise ValueError(f"images must be square, not {data.image_shape[:2]}")
    common = {
        "image_size": data.image_shape[0],
        "channels": data.image_shape[2],
        "width": config.width,
        "num_classes": num_classes,
        "axis_name": axis_name_of(config.parallel),
    }
    dtype = PRECISIONS[config.precision]
    options = {
        "dropout_rate": config.discriminator.dropout,
        "normalization": config.discriminator.normalization,
    }
    if config.discriminator.minibatch_discrimination:
        options["minibatch_kernels"] = config.discriminator.minibatch_discrimination
    if config.discriminator.initializer != "dcgan":
        options["initializer"] = config.discriminator.initializer
    make_discriminator = functools.partial(
        networks.make_discriminator, config.network, **options, **common
    )
    return Pair(
        generator=networks.make_generator(config.network, dtype=dtype, **common),
        discriminator=make_discriminator(dtype=dtype),
        penalised=make_discriminator(dtype=jnp.float32),
        image_shape=data.image_shape,
        latent_dim=config.latent_dim,
        num_classes=num_classes,
    )


def _smoothing(config: ConfigDict) -> dict[str, float]:
    """Label smoothing, for the one loss that has it."""
    if config.loss == "non_saturating":
        return {"real_label": config.real_label, "fake_label": config.fake_label}
    if (config.real_label, config.fake_label) != (1.0, 0.0):
        raise ValueError(
            f"label smoothing (real_label {config.real_label}, fake_label {config.fake_label}) "
            f"belongs to loss non_saturating, not to {config.loss}: leave 1.0 and 0.0"
        )
    return {}


def _penalty(config: ConfigDict) -> Penalty:
    _require(config, "penalty.name", PENALTIES)
    penalty = config.penalty
    if penalty.name != "none":
        _require_positive(config, "penalty.weight")
        if config.discriminator.normalization == "batch":
            raise ValueError(
                "a gradient penalty is defined an image at a time and batch normalisation mixes "
                "the images of a batch: set discriminator.normalization=none"
            )
        if config.discriminator.minibatch_discrimination:
            raise ValueError(
                "a gradient penalty is defined an image at a time and minibatch discrimination "
                "compares the images of a batch: set discriminator.minibatch_discrimination=0"
            )
    return Penalty(penalty.name, penalty.weight, penalty.target, penalty.one_sided)


def _optimizer(config: ConfigDict, player: str, updates: int):
    settings = config[f"{player}_optimizer"]
    # A schedule counts updates, the config counts steps.
    schedule = make_schedule(
        settings.schedule,
        settings.learning_rate,
        decay_start=settings.decay_start * updates,
        decay_steps=max(1, (config.steps - settings.decay_start) * updates),
        warmup_steps=settings.warmup_steps * updates,
    )
    return make_optimizer(
        settings.name,
        schedule
        if settings.schedule != "constant" or settings.warmup_steps
        else settings.learning_rate,
        b1=settings.b1,
        b2=settings.b2,
        weight_decay=settings.weight_decay,
        gradient_clip=settings.gradient_clip,
        weight_clip=config.weight_clip if player == "discriminator" else 0.0,
    )


def _convolutional() -> tuple[str, ...]:
    return tuple(name for name in networks.GENERATORS if name != "mlp")


def _value(config: ConfigDict, key: str):
    value = config
    for part in key.split("."):
        value = value[part]
    return value


def _require(config: ConfigDict, key: str, allowed: Iterable[str]) -> None:
    allowed, value = tuple(allowed), _value(config, key)
    if value not in allowed:
        nearest = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.0)[0]
        raise ValueError(
            f"config.{key}='{value}' is unknown to family '{config.family}': "
            f"did you mean '{nearest}'? It takes {', '.join(allowed)}"
        )


def _require_positive(config: ConfigDict, key: str) -> None:
    if _value(config, key) <= 0:
        raise ValueError(
            f"config.{key} must be positive for family '{config.family}', not {_value(config, key)}"
        )


def _require_gradient_penalty(config: ConfigDict) -> None:
    _require(config, "loss", ("wasserstein",))
    _require(config, "penalty.name", ("gradient_penalty",))
