"""InfoGAN: codes that the discriminator reads from generated images, without labels.

Chen et al. 2016, arXiv:1606.03657. The order is that of the authors' code (openai/InfoGAN): an
update of the discriminator with the code head, then one of the generator, on latents and codes of
its own; both maximize the bound on the mutual information, so that the trunk learns it too.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax import losses, networks
from gan_jax.core import (
    ArraySpec,
    Aux,
    Category,
    Context,
    Ema,
    Experiment,
    Gan,
    Monitor,
    Number,
    Phase,
    Player,
    Sampler,
    Uniform,
    Weights,
    schedule,
)
from gan_jax.gans.calls import Calls, initializer
from gan_jax.gans.checks import single_image
from gan_jax.gans.network import Net
from gan_jax.gans.optimizers import OptimizerSettings, optimizer
from gan_jax.gans.pair_objectives import summaries
from gan_jax.gans.settings import Run, setting
from gan_jax.networks import inputs

DISCRIMINATOR = ("trunk", "discriminator", "code_head")
_LOSS = "non_saturating"
# What a sweep of a code goes through: beyond what it was trained on, as in the paper.
_SWEPT = (-2.0, 2.0)
# Of U(-1, 1) under N(0, 1), as the authors estimate a continuous code's entropy.
_CODE_ENTROPY = math.log(2 * math.pi) / 2 + 1 / 6


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of the family infogan: the authors' for MNIST by default."""

    width: float = setting(1.0, "Factor on the number of channels and units.", above=0.0)
    latent_dim: int = setting(62, "Length of the noise, which is no code.", least=1)
    categories: tuple[int, ...] = setting(
        (10,), "Number of values of each categorical code.", least=2
    )
    codes: int = setting(2, "Number of continuous codes, in [-1, 1].", least=0)
    categorical_information: Number = setting(
        1.0, "Weight of the information on the categorical codes.", least=0.0
    )
    continuous_information: Number = setting(
        1.0, "Weight of the information on the continuous codes.", least=0.0
    )
    predicted_variance: bool = setting(
        False, "Whether the variance of a guess of a continuous code is predicted, not 1."
    )
    ema_decay: float = setting(
        0.0, "Decay of the generator's averaged weights; 0 for none.", least=0.0, below=1.0
    )
    generator_optimizer: OptimizerSettings = setting(
        OptimizerSettings(learning_rate=1e-3), "Optimizer of the generator."
    )
    discriminator_optimizer: OptimizerSettings = setting(
        OptimizerSettings(), "Optimizer of the discriminator and of the head that guesses codes."
    )


@dataclasses.dataclass(frozen=True)
class _Game:
    """The networks and the codes, and what the objectives have in common."""

    nets: Mapping[str, Net]
    inputs: Mapping[str, Category | Uniform]
    categories: Mapping[str, int]
    codes: tuple[str, ...]
    weights: tuple[Number, Number]
    predicted_variance: bool

    def latent(self, drawn: Mapping[str, jax.Array]) -> jax.Array:
        """The generator's input: noise, one-hot categories, numbers."""
        parts = [drawn["z"]]
        parts += [jax.nn.one_hot(drawn[name], size) for name, size in self.categories.items()]
        parts += [drawn[name][:, None] for name in self.codes]
        return jnp.concatenate(parts, axis=1)

    def not_known(self, guess, drawn, step: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """What is to be minimized of a guess of the codes, and the information to be logged."""
        logits, mean, log_std = guess
        loss, found = jnp.float32(0.0), {}
        categorical, continuous = (schedule(weight, step) for weight in self.weights)
        for (name, size), own in zip(self.categories.items(), logits, strict=True):
            entropy = losses.categorical_cross_entropy(own, drawn[name])
            loss += categorical * entropy
            found[f"information/{name}"] = math.log(size) - entropy
        if self.codes:
            entropy = losses.gaussian_negative_log_likelihood(
                jnp.stack([drawn[name] for name in self.codes], axis=1),
                mean,
                log_std=log_std if self.predicted_variance else None,
            )
            loss += continuous * entropy
            found["information/codes"] = len(self.codes) * _CODE_ENTROPY - entropy
        return loss, found

    def draw_noise(self, key: jax.Array, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Noise and codes of both players, `{NAME, generator_NAME: [1, B, ...]}`."""
        lead, drawn = batch["image"].shape[:2], {}
        names = [f"{player}{name}" for player in ("", "generator_") for name in self.inputs]
        for name, own in zip(names, jax.random.split(key, len(names)), strict=True):
            one = self.inputs[name.removeprefix("generator_")]
            if isinstance(one, Category):
                drawn[name] = jax.random.randint(own, lead, 0, one.size)
            else:
                shape = (*lead, *one.shape)
                drawn[name] = jax.random.uniform(own, shape, minval=one.low, maxval=one.high)
        return drawn

    def of_generator(self, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """The noise and codes of the generator's update."""
        return {name: batch[f"generator_{name}"] for name in self.inputs}

    def discriminator(self, params: Any, context: Context) -> tuple[jax.Array, Aux]:
        """The objective of the discriminator and the head that guesses codes."""
        call, batch = Calls(self.nets, params, context), context.batch
        fake = jax.lax.stop_gradient(call("generator", self.latent(batch)))
        real_logits = call("discriminator", call("trunk", batch["image"]))
        features = call("trunk", fake)
        fake_logits = call("discriminator", features)
        loss = losses.non_saturating_discriminator_loss(real_logits, fake_logits)
        not_known, information = self.not_known(call("code_head", features), batch, context.step)
        metrics = {**summaries(_LOSS, real=real_logits), **information}
        return loss + not_known, Aux(metrics, call.variables(*DISCRIMINATOR))

    def generator(self, params: Any, context: Context) -> tuple[jax.Array, Aux]:
        """The objective of the generator."""
        call, drawn = Calls(self.nets, params, context), self.of_generator(context.batch)
        features = call("trunk", call("generator", self.latent(drawn)))
        logits = call("discriminator", features)
        not_known, information = self.not_known(call("code_head", features), drawn, context.step)
        loss = losses.non_saturating_generator_loss(logits) + not_known
        metrics = {**summaries(_LOSS, fake_before=logits), **information}
        return loss, Aux(metrics, call.variables("generator"))

    def after_update(self, params: Any, context: Context) -> dict[str, jax.Array]:
        """D(G(z)) on the generator's own latents, after its update."""
        call, drawn = Calls(self.nets, params, context), self.of_generator(context.batch)
        features = call("trunk", call("generator", self.latent(drawn)))
        return summaries(_LOSS, fake_after=call("discriminator", features))

    def sampler(self) -> Sampler:
        """How the trained generator generates images."""

        def apply(weights: Weights, drawn: Mapping[str, jax.Array]) -> jax.Array:
            return self.nets["generator"].sample(
                weights.params["generator"], weights.variables["generator"], self.latent(drawn)
            )

        return Sampler(self.inputs, apply, ("generator",))


def build(settings: Settings, arrays: Mapping[str, ArraySpec], run: Run) -> Experiment:
    """Builds the experiment: one phase.

    Args:
      settings: The settings of the family.
      arrays: The arrays of the data; needs "image".
      run: What the family must know of the run.

    Returns:
      An Experiment whose batch is `{"image": [1, B, H, W, C] float32 in [-1, 1]}`, and may carry
      its noise and codes as `{NAME, generator_NAME: [1, B, ...]}` by the names of the sampler's
      inputs: "z" [1, B, latent_dim], "category" int32 [1, B] ("category_0", ... of several),
      "code_0", ... [1, B].

    Raises:
      ValueError: In one line, if settings do not go together or do not fit the data.
    """
    game, examples = _game(settings, _image_shape(arrays), run)
    before = next(iter(summaries(_LOSS, fake_before=jnp.zeros(1))))
    gan = Gan(
        init_networks=initializer(game.nets, examples),
        optimizers={
            "discriminator": optimizer(settings.discriminator_optimizer, run),
            "generator": optimizer(settings.generator_optimizer, run),
        },
        players=(
            Player("discriminator", DISCRIMINATOR, "discriminator", game.discriminator),
            Player("generator", ("generator",), "generator", game.generator),
        ),
        monitors=(
            Monitor(
                "after_update",
                game.after_update,
                every=max(1, run.monitor_every),
                pairs=(before,),
            ),
        ),
        samplers={"generator": game.sampler()},
        ema=Ema(settings.ema_decay, ("generator",)) if settings.ema_decay else None,
        draw_noise=game.draw_noise,
    )
    return Experiment((Phase(gan, run.steps, run.batch_size),))


def _image_shape(arrays: Mapping[str, ArraySpec]) -> tuple[int, ...]:
    height, width, _ = shape = single_image(arrays, "infogan").shape
    if height != width or height % 4:
        raise ValueError(
            f"family infogan trains on square images of a multiple of 4 pixels, not {width}x"
            f"{height}: set config.data.image_size, 28 in the paper"
        )
    return shape


def _game(
    settings: Settings, shape: tuple[int, ...], run: Run
) -> tuple[_Game, dict[str, tuple[Any, ...]]]:
    """The networks, and what each is initialized on."""
    sizes, numbers, width = tuple(settings.categories), settings.codes, settings.width
    if not sizes and not numbers:
        raise ValueError(
            "family infogan needs a code: config.model.categories=(10,), or config.model.codes=1"
        )
    common: dict[str, Any] = {"dtype": run.dtype}
    head = networks.InfoGANDiscriminatorHead(**common)
    common |= {"axis_name": run.axis_name, "width": width}
    size = {"image_size": shape[0], "channels": shape[2]}
    nets = {
        "generator": Net(networks.InfoGANGenerator(**size, **common)),
        "trunk": Net(networks.InfoGANTrunk(**size, **common)),
        "discriminator": Net(head),
        "code_head": Net(networks.InfoGANCodeHead(sizes, numbers, **common)),
    }
    categories = {
        "category" if len(sizes) == 1 else f"category_{n}": size for n, size in enumerate(sizes)
    }
    codes = {f"code_{n}": Uniform((), swept=_SWEPT) for n in range(numbers)}
    game = _Game(
        nets,
        {
            "z": Uniform((settings.latent_dim,)),
            **{name: Category(size) for name, size in categories.items()},
            **codes,
        },
        categories,
        tuple(codes),
        (
            run.resolve(settings.categorical_information) if sizes else 0.0,
            run.resolve(settings.continuous_information) if numbers else 0.0,
        ),
        settings.predicted_variance if numbers else False,
    )
    latents = jnp.zeros((2, settings.latent_dim + sum(sizes) + numbers), jnp.float32)
    images = jnp.zeros((2, *shape), jnp.float32)
    features = jnp.zeros((2, inputs.scale_width(1024, width)), jnp.float32)
    examples = {"generator": (latents,), "trunk": (images,)}
    return game, examples | dict.fromkeys(("discriminator", "code_head"), (features,))
