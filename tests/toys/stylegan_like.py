"""Like StyleGAN2: lazy players, truncation by memory (Karras et al. 2020, 1912.04958)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from gan_jax import losses
from gan_jax.core import (
    Aux,
    Ema,
    Experiment,
    Gan,
    Key,
    Normal,
    Phase,
    Player,
    Sampler,
    Schedule,
)
from gan_jax.gans.calls import Calls, initializer
from gan_jax.gans.network import Net
from gan_jax.gans.settings import setting
from tests.toys.parts import (
    LOSS,
    Critic,
    Features,
    Images,
    OptimizerSettings,
    optimizer,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    width: int = setting(32, "Features of every network.", least=1)
    latent_dim: int = setting(4, "Length of a latent.", least=1)
    noise: float = setting(0.2, "Deviation of the noise within the synthesis.", above=0.0)
    r1: float = setting(1.0, "Weight of the penalty on real images.", least=0.0)
    r1_every: int = setting(4, "Steps between two updates by that penalty.", least=1)
    path_every: int = setting(2, "Steps between two updates by path lengths.", least=1)
    ema_decay: float = setting(0.9, "Of the generator's average.", least=0.0, below=1.0)
    optimizer: OptimizerSettings = setting(
        OptimizerSettings(learning_rate=Schedule("linear", 5e-3, to=1e-3, start=5, steps=15)),
        "Of all players; the lazy ones share it.",
    )


def build(settings, arrays, run):
    shape, style = arrays["image"].shape, settings.width
    nets = {
        "mapping": Net(Features(style)),
        "synthesis": Net(Images(shape, settings.width, noise=settings.noise)),
        "critic": Net(Critic(settings.width)),
    }
    examples = {
        "mapping": (jnp.zeros((2, settings.latent_dim)),),
        "synthesis": (jnp.zeros((2, style)),),
        "critic": (jnp.zeros((2, *shape)),),
    }

    def critic(params, context):
        call = Calls(nets, params, context)
        fake = call("synthesis", call("mapping", context.batch["z"]))
        real_logits = call("critic", context.batch["image"])
        return LOSS.discriminator(real_logits, call("critic", fake)), Aux()

    def r1(params, context):
        call = Calls(nets, params, context)
        penalty = losses.r1_penalty(lambda x: call("critic", x), context.batch["image"])
        return settings.r1_every * settings.r1 * penalty, Aux({"penalty": penalty})

    def generator(params, context):
        call = Calls(nets, params, context)
        w = call("mapping", context.batch["z"])
        w_mean = 0.9 * context.memory["w_mean"] + 0.1 * jax.lax.stop_gradient(w.mean(0))
        loss = LOSS.generator(None, call("critic", call("synthesis", w)))
        return loss, Aux(memory={"w_mean": w_mean})

    def path(params, context):
        call = Calls(nets, params, context)
        w = call("mapping", context.batch["z"])
        key = jax.random.fold_in(context.key, 100)

        def projected(w):
            images = call("synthesis", w)
            return jnp.sum(images * jax.random.normal(key, images.shape))

        lengths = jnp.sqrt(jnp.sum(jax.grad(projected)(w) ** 2, axis=-1) + 1e-8)
        mean = 0.9 * context.memory["path_mean"] + 0.1 * jnp.mean(lengths)
        mean = jax.lax.stop_gradient(mean)
        penalty = jnp.mean((lengths - mean) ** 2)
        aux = Aux({"penalty": penalty}, memory={"path_mean": mean})
        return settings.path_every * 0.1 * penalty, aux

    def draw_noise(key, batch):
        shape = (*batch["image"].shape[:2], settings.latent_dim)
        return {"z": jax.random.normal(key, shape)}

    def sample(weights, drawn, *, truncation=None):
        params = weights.params
        w = nets["mapping"].sample(params["mapping"], {}, drawn["z"])
        if truncation is not None:
            mean = weights.memory["w_mean"][None]
            w = mean + truncation * (w - mean)

        def one(w, key):
            return nets["synthesis"].sample(params["synthesis"], {}, w[None], key=key)[0]

        return jax.vmap(one)(w, drawn["noise"])

    both = ("mapping", "synthesis")
    sampler = Sampler(
        {"z": Normal((settings.latent_dim,)), "noise": Key()},
        sample,
        both,
        memory=("w_mean",),
        options={"truncation": None},
    )
    gan = Gan(
        initializer(nets, examples, {"w_mean": jnp.zeros(style), "path_mean": jnp.float32(0.0)}),
        {
            "critic": optimizer(settings.optimizer, run),
            "generator": optimizer(settings.optimizer, run),
        },
        (
            Player("critic", ("critic",), "critic", critic),
            Player("r1", ("critic",), "critic", r1, every=settings.r1_every),
            Player("generator", both, "generator", generator),
            Player("path", both, "generator", path, every=settings.path_every),
        ),
        samplers={"generator": sampler},
        ema=Ema(settings.ema_decay, both),
        draw_noise=draw_noise,
        memory_is_mean=True,
    )
    return Experiment((Phase(gan, run.steps, run.batch_size),))
