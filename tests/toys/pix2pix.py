"""Pix2Pix: pairs of images, samples from rows of the data (Isola et al. 2017, 1611.07004)."""

from __future__ import annotations

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.core import Aux, Experiment, FromData, Gan, Key, Number, Phase, Player, Sampler
from gan_jax.core import schedule as at
from gan_jax.gans.calls import Calls, initializer
from gan_jax.gans.network import Net
from gan_jax.gans.settings import setting
from tests.toys.parts import LOSS, Images, OptimizerSettings, optimizer


@dataclasses.dataclass(frozen=True)
class Settings:
    width: int = setting(32, "Features of both networks.", least=1)
    noise: float = setting(0.5, "Deviation of the noise within the generator.", above=0.0)
    distance: Number = setting(10.0, "Weight of the distance to the target.", least=0.0)
    optimizer: OptimizerSettings = setting(OptimizerSettings(), "Of both players.")


class SpectralDense(nn.Module):
    """A layer of spectral norm one; the vectors of power iteration are in a collection of theirs.

    Miyato et al. 2018, arXiv:1802.05957.
    """

    size: int

    @nn.compact
    def __call__(self, x, *, train):
        kernel = self.param("kernel", nn.initializers.he_normal(), (x.shape[-1], self.size))
        u = self.variable("spectral", "u", lambda: jnp.ones(self.size))
        v = _unit(kernel @ u.value)
        new = _unit(v @ kernel)
        if train and not self.is_initializing():
            u.value = jax.lax.stop_gradient(new)
        return x @ (kernel / jnp.sum(jax.lax.stop_gradient(v)[:, None] * kernel * new[None]))


def _unit(vector):
    return jax.lax.stop_gradient(vector / jnp.sqrt(jnp.sum(vector**2) + 1e-8))


class SpectralCritic(nn.Module):
    """Pairs of images to logits [B]."""

    width: int

    @nn.compact
    def __call__(self, *images, train):
        flat = jnp.concatenate([x.reshape(len(x), -1) for x in images], axis=-1)
        hidden = nn.leaky_relu(SpectralDense(self.width)(flat, train=train), 0.2)
        return SpectralDense(1)(hidden, train=train)[:, 0]


def build(settings, arrays, run):
    source, target = arrays["left"].shape, arrays["right"].shape
    nets = {
        "generator": Net(Images(target, settings.width, batch_norm=True, noise=settings.noise)),
        "critic": Net(SpectralCritic(settings.width)),
    }
    left, right = jnp.zeros((2, *source)), jnp.zeros((2, *target))
    weight = run.resolve(settings.distance)

    def critic(params, context):
        call, batch = Calls(nets, params, context), context.batch
        fake = call("generator", batch["left"])
        real_logits = call("critic", batch["left"], batch["right"])
        fake_logits = call("critic", batch["left"], fake)
        return LOSS.discriminator(real_logits, fake_logits), Aux(variables=call.variables("critic"))

    def generator(params, context):
        call, batch = Calls(nets, params, context), context.batch
        fake = call("generator", batch["left"])
        distance = jnp.mean(jnp.abs(fake - batch["right"]))
        loss = LOSS.generator(None, call("critic", batch["left"], fake))
        loss += at(weight, context.step) * distance
        return loss, Aux({"distance": distance}, call.variables("generator"))

    def sample(weights, drawn):
        def one(source, key):
            params, variables = weights.params["generator"], weights.variables["generator"]
            return nets["generator"].sample(params, variables, source[None], key=key)[0]

        return jax.vmap(one)(drawn["source"], drawn["noise"])

    inputs = {"source": FromData("left"), "noise": Key()}
    gan = Gan(
        initializer(nets, {"generator": (left,), "critic": (left, right)}),
        {name: optimizer(settings.optimizer, run) for name in nets},
        (
            Player("critic", ("critic",), "critic", critic),
            Player("generator", ("generator",), "generator", generator),
        ),
        samplers={"left_to_right": Sampler(inputs, sample, ("generator",), target="right")},
    )
    return Experiment((Phase(gan, run.steps, run.batch_size),))
