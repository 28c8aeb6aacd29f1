"""The networks of the game of two, by settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from gan_jax import networks
from gan_jax.gans.network import Net
from gan_jax.gans.pair import Pair
from gan_jax.gans.settings import Run, setting

_INITIALIZER = "recipe: the network's own; dcgan: N(0, 0.02); he: N(0, 2 / fan_in); orthogonal."
_INITIALIZERS = ("recipe", *networks.INITIALIZERS)


@dataclasses.dataclass(frozen=True)
class GeneratorSettings:
    """The generator."""

    normalization: str = setting(
        "none", "Of kernels, besides batch normalization.", choices=("none", "spectral")
    )
    attention: int = setting(0, "Side of the map with self-attention; 0 for none.", least=0)
    initializer: str = setting("recipe", _INITIALIZER, choices=_INITIALIZERS)
    labels: str = setting(
        "data",
        "Labels of generated images: those of the real ones, or drawn uniformly.",
        choices=("data", "uniform"),
    )
    batch: int = setting(1, "Images of its update, as a multiple of the batch size.", least=1)
    orthogonality: float = setting(
        0.0, "Weight of orthogonal regularization of its kernels; 0 for none.", least=0.0
    )
    standing_statistics: int = setting(
        0,
        "Passes over latents that make the batch statistics of sampling; 0: the running ones.",
        least=0,
    )


@dataclasses.dataclass(frozen=True)
class DiscriminatorSettings:
    """The discriminator, or critic."""

    steps: int = setting(1, "Updates per update of the generator (n_critic).", least=1)
    dropout: float = setting(0.0, "Share of activations that are dropped.", least=0.0, most=0.998)
    normalization: str = setting(
        "none", "Of activations or of kernels.", choices=("none", "batch", "spectral")
    )
    attention: int = setting(0, "Side of the map with self-attention; 0 for none.", least=0)
    initializer: str = setting("recipe", _INITIALIZER, choices=_INITIALIZERS)
    conditioning: str = setting(
        "concat",
        "How it takes the label: concat, with the image; projection, with the last features; none.",
        choices=("concat", "projection", "none"),
    )
    auxiliary_classifier: float = setting(
        0.0,
        "Weight of the class in both players' losses, read from the last features; 0 for none.",
        least=0.0,
    )
    one_batch: bool = setting(
        False,
        "With spectral normalization: whether real and generated images are one batch, and so one "
        "power iteration.",
    )
    minibatch_discrimination: int = setting(0, "Number of kernels; 0 for none.", least=0)
    orthogonality: float = setting(
        0.0, "Weight of orthogonal regularization of its kernels; 0 for none.", least=0.0
    )


def make_pair(settings: Any, shape: tuple[int, ...], num_classes: int, run: Run) -> Pair:
    """The networks that settings describe.

    Args:
      settings: With the fields network, width, latent_dim, generator and discriminator.
      shape: (H, W, C) of an image.
      num_classes: 0 for an unconditional game.
      run: What must be known of the run.

    Raises:
      ValueError: In one line, if a network has no such setting.
    """
    common = {
        "image_size": shape[0],
        "channels": shape[2],
        "width": settings.width,
        "num_classes": num_classes,
        "axis_name": run.axis_name,
    }
    of_generator = _options(settings, "generator", networks.GENERATORS)
    of_discriminator = {
        "dropout_rate": settings.discriminator.dropout,
        "normalization": settings.discriminator.normalization,
        **_options(settings, "discriminator", networks.DISCRIMINATORS),
    }
    of_discriminator |= common
    shown = bool(num_classes) and settings.discriminator.conditioning != "none"
    if shown:
        of_discriminator["conditioning"] = settings.discriminator.conditioning
    else:
        of_discriminator["num_classes"] = 0

    def discriminator(dtype):
        return networks.make_discriminator(settings.network, dtype=dtype, **of_discriminator)

    return Pair(
        generator=Net(
            networks.make_generator(settings.network, dtype=run.dtype, **of_generator, **common)
        ),
        discriminator=Net(discriminator(run.dtype), discriminator(jnp.float32)),
        image_shape=(shape[0], shape[1], shape[2]),
        latent_dim=settings.latent_dim,
        num_classes=num_classes,
        one_batch=_one_batch(settings.discriminator),
        uniform_labels=bool(num_classes) and settings.generator.labels == "uniform",
        generator_batch=settings.generator.batch,
        standing_statistics=_standing_statistics(settings),
        labels_to_discriminator=shown,
        **_classifier(settings.discriminator, num_classes),
    )


def _classifier(chosen: DiscriminatorSettings, num_classes: int) -> dict[str, Any]:
    """The fields of a pair that are the auxiliary classifier's."""
    weight = chosen.auxiliary_classifier
    if not weight:
        return {}
    key = f"config.model.discriminator.auxiliary_classifier={weight}"
    if not num_classes:
        raise ValueError(
            f"{key} classifies by label: set config.model.conditional=True, or it to 0"
        )
    if chosen.conditioning == "concat":
        raise ValueError(
            f"{key} is to find out the label, which the discriminator is given with the image: set "
            "config.model.discriminator.conditioning=none, or projection"
        )
    head = networks.ClassifierHead(num_classes, chosen.normalization)
    return {"classifier": Net(head), "classifier_weight": weight}


# Settings that not every network has, and what their fields are called there.
_FIELDS = {
    "generator": ("normalization", "attention", "initializer"),
    "discriminator": ("attention", "initializer", "minibatch_discrimination"),
}
_NAMES = {"minibatch_discrimination": "minibatch_kernels"}


def _options(
    settings: Any, player: str, makers: Mapping[str, Callable[..., Any]]
) -> dict[str, Any]:
    """The settings of a player's network that are not at their defaults, as the module's fields."""
    chosen, found = getattr(settings, player), {}
    plain = {"generator": GeneratorSettings(), "discriminator": DiscriminatorSettings()}[player]
    known = networks.fields_of(makers[settings.network])
    for name in _FIELDS[player]:
        value, default = getattr(chosen, name), getattr(plain, name)
        field = _NAMES.get(name, name)
        if value == default:
            continue
        if field not in known:
            raise ValueError(
                f"config.model.{player}.{name}={value}: the {player} of network={settings.network} "
                f"has no such setting, leave it at its default, {default}"
            )
        found[field] = value
    return found


def _standing_statistics(settings: Any) -> int:
    passes = settings.generator.standing_statistics
    if passes and "momentum" not in networks.fields_of(networks.GENERATORS[settings.network]):
        raise ValueError(
            f"config.model.generator.standing_statistics={passes}: the generator of "
            f"network={settings.network} has no batch normalization, leave it at its default, 0"
        )
    return passes


def _one_batch(chosen: DiscriminatorSettings) -> bool:
    if chosen.minibatch_discrimination:
        return False
    return chosen.normalization == "none" or (
        chosen.normalization == "spectral" and chosen.one_batch
    )
