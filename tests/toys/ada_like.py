"""Like ADA: how often images are augmented follows the critic (Karras et al. 2020, 2006.06676)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from gan_jax.core import Aux, Category, Ema, Experiment, Gan, Normal, Phase, Player, Sampler
from gan_jax.core import truncated_normal as truncated
from gan_jax.gans.calls import Calls, initializer
from gan_jax.gans.network import Net
from gan_jax.gans.settings import setting
from tests.toys.parts import (
    LOSS,
    Critic,
    Images,
    OptimizerSettings,
    optimizer,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    width: int = setting(32, "Features of both networks.", least=1)
    latent_dim: int = setting(4, "Length of a latent.", least=1)
    target: float = setting(0.6, "Mean sign of real logits to hold.", least=-1.0, most=1.0)
    speed: float = setting(0.05, "Change of the probability per step.", least=0.0, most=1.0)
    ema_decay: float = setting(0.9, "Of the generator's average.", least=0.0, below=1.0)
    optimizer: OptimizerSettings = setting(OptimizerSettings(), "Of both players.")


def augment(key, images, probability):
    """Mirrors, and turns upside down, each image with a probability."""
    across, down = jax.random.bernoulli(key, probability, (2, len(images), 1, 1, 1))
    images = jnp.where(across, images[:, :, ::-1], images)
    return jnp.where(down, images[:, ::-1], images)


def build(settings, arrays, run):
    shape, classes = arrays["image"].shape, arrays["label"].num_classes
    nets = {
        "generator": Net(Images(shape, settings.width)),
        "critic": Net(Critic(settings.width)),
    }
    labels = jnp.zeros((2, classes))
    examples = {
        "generator": (jnp.zeros((2, settings.latent_dim)), labels),
        "critic": (jnp.zeros((2, *shape)), labels),
    }

    def augmented(context, number, images):
        key = jax.random.fold_in(context.key, 100 + number)
        return augment(key, images, context.memory["probability"])

    def critic(params, context):
        call, batch = Calls(nets, params, context), context.batch
        label = jax.nn.one_hot(batch["label"], classes)
        fake = call("generator", batch["z"], label)
        real_logits = call("critic", augmented(context, 0, batch["image"]), label)
        fake_logits = call("critic", augmented(context, 1, fake), label)
        sign = jnp.mean(jnp.sign(real_logits))
        old = context.memory["probability"]
        new = jnp.clip(old + settings.speed * jnp.sign(sign - settings.target), 0.0, 1.0)
        aux = Aux({"sign": sign, "probability": old}, memory={"probability": new})
        return LOSS.discriminator(real_logits, fake_logits), aux

    def generator(params, context):
        call, batch = Calls(nets, params, context), context.batch
        label = jax.nn.one_hot(batch["label"], classes)
        fake = call("generator", batch["z"], label)
        return LOSS.generator(None, call("critic", augmented(context, 0, fake), label)), Aux()

    def draw_noise(key, batch):
        shape = (*batch["image"].shape[:2], settings.latent_dim)
        return {"z": jax.random.normal(key, shape)}

    def sample(weights, drawn, *, truncation=None):
        z, label = truncated(drawn["z"], truncation), jax.nn.one_hot(drawn["label"], classes)
        return nets["generator"].sample(weights.params["generator"], {}, z, label)

    inputs = {"z": Normal((settings.latent_dim,)), "label": Category(classes, labels="label")}
    gan = Gan(
        initializer(nets, examples, {"probability": jnp.float32(0.0)}),
        {name: optimizer(settings.optimizer, run) for name in nets},
        (
            Player("critic", ("critic",), "critic", critic),
            # It has noise and labels of its own.
            Player("generator", ("generator",), "generator", generator, first_slice=1),
        ),
        samplers={
            "generator": Sampler(inputs, sample, ("generator",), options={"truncation": None})
        },
        ema=Ema(settings.ema_decay, ("generator",)),
        draw_noise=draw_noise,
        memory_is_mean=True,
    )
    return Experiment((Phase(gan, run.steps, run.batch_size),))
