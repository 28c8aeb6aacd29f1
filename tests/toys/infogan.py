"""InfoGAN: a category and continuous codes as inputs, no labels (Chen et al. 2016, 1606.03657)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from gan_jax.core import (
    Aux,
    Category,
    Ema,
    Experiment,
    Gan,
    Monitor,
    Normal,
    Number,
    Phase,
    Player,
    Sampler,
    Uniform,
    schedule,
)
from gan_jax.gans.calls import Calls, initializer
from gan_jax.gans.network import Net
from gan_jax.gans.settings import setting
from tests.toys.parts import (
    LOSS,
    Features,
    Head,
    Images,
    OptimizerSettings,
    optimizer,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    width: int = setting(32, "Features of every network.", least=1)
    latent_dim: int = setting(4, "Length of a latent.", least=1)
    categories: int = setting(10, "Values of the category.", least=2)
    codes: int = setting(2, "Continuous codes.", least=1)
    information: Number = setting(1.0, "Weight of the mutual information.", least=0.0)
    ema_decay: float = setting(0.9, "Of the generator's average.", least=0.0, below=1.0)
    optimizer: OptimizerSettings = setting(OptimizerSettings(), "Of both players.")


def build(settings, arrays, run):
    shape, categories = arrays["image"].shape, settings.categories
    inputs = {
        "z": Normal((settings.latent_dim,)),
        "category": Category(categories),
        "code": Uniform((settings.codes,), -1.0, 1.0),
    }
    nets = {
        "generator": Net(Images(shape, settings.width, batch_norm=True)),
        "trunk": Net(Features(settings.width)),
        "head": Net(Head()),
        "q_head": Net(Head(categories + settings.codes)),
    }
    latent = jnp.zeros((2, settings.latent_dim + categories + settings.codes))
    features = jnp.zeros((2, settings.width))
    examples = {
        "generator": (latent,),
        "trunk": (jnp.zeros((2, *shape)),),
        "head": (features,),
        "q_head": (features,),
    }
    weight = run.resolve(settings.information)

    def latent_of(batch):
        category = jax.nn.one_hot(batch["category"], categories)
        return jnp.concatenate([batch["z"], category, batch["code"]], axis=-1)

    def discriminator(params, context):
        call = Calls(nets, params, context)
        fake = call("generator", latent_of(context.batch))
        real_logits = call("head", call("trunk", context.batch["image"]))
        fake_logits = call("head", call("trunk", fake))
        metrics = {"probability/real": jax.nn.sigmoid(real_logits).mean()}
        return LOSS.discriminator(real_logits, fake_logits), Aux(metrics)

    def generator(params, context):
        call, batch = Calls(nets, params, context), context.batch
        features = call("trunk", call("generator", latent_of(batch)))
        fake_logits, guess = call("head", features), call("q_head", features)
        log_q = jax.nn.log_softmax(guess[:, :categories])
        category = jnp.take_along_axis(log_q, batch["category"][:, None], axis=1).mean()
        code = -jnp.mean((guess[:, categories:] - batch["code"]) ** 2)
        information = category + code
        loss = LOSS.generator(None, fake_logits) - schedule(weight, context.step) * information
        metrics = {
            "information": information,
            "probability/fake_before": jax.nn.sigmoid(fake_logits).mean(),
        }
        return loss, Aux(metrics, call.variables("generator"))

    def after_update(params, context):
        call = Calls(nets, params, context)
        logits = call("head", call("trunk", call("generator", latent_of(context.batch))))
        return {"probability/fake_after": jax.nn.sigmoid(logits).mean()}

    def draw_noise(key, batch):
        z_key, category_key, code_key = jax.random.split(key, 3)
        shape = batch["image"].shape[:2]
        return {
            "z": jax.random.normal(z_key, (*shape, settings.latent_dim)),
            "category": jax.random.randint(category_key, shape, 0, categories),
            "code": jax.random.uniform(code_key, (*shape, settings.codes), minval=-1.0),
        }

    def sample(weights, drawn):
        return nets["generator"].sample(
            weights.params["generator"], weights.variables["generator"], latent_of(drawn)
        )

    gan = Gan(
        initializer(nets, examples),
        {
            "discriminator": optimizer(settings.optimizer, run),
            "generator": optimizer(settings.optimizer, run),
        },
        (
            Player("discriminator", ("trunk", "head"), "discriminator", discriminator),
            Player("generator", ("generator", "q_head"), "generator", generator),
        ),
        monitors=(
            Monitor(
                "after_update",
                after_update,
                every=run.monitor_every,
                pairs=("probability/fake_before",),
            ),
        ),
        samplers={"generator": Sampler(inputs, sample, ("generator",))},
        ema=Ema(settings.ema_decay, ("generator",)),
        draw_noise=draw_noise,
    )
    return Experiment((Phase(gan, run.steps, run.batch_size),))
