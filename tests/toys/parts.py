"""What the toy families share: tiny networks and an optimizer."""

from __future__ import annotations

import dataclasses
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import losses
from gan_jax.core import Number, Optimizer, make_optimizer
from gan_jax.gans.settings import Run, setting

LOSS = losses.adversarial_loss("non_saturating")


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    name: str = setting("adam", "adam or sgd.", choices=("adam", "sgd"))
    learning_rate: Number = setting(5e-3, "A number or a schedule.", above=0.0)


def optimizer(settings: OptimizerSettings, run: Run) -> Optimizer:
    return make_optimizer(settings.name, run.resolve(settings.learning_rate), b1=0.5)


class Features(nn.Module):
    """Images and vectors [B, ...] to features [B, width]."""

    width: int

    @nn.compact
    def __call__(self, *inputs, train):
        del train
        flat = jnp.concatenate([x.reshape(len(x), -1) for x in inputs], axis=-1)
        return nn.leaky_relu(nn.Dense(self.width)(flat), 0.2)


class Head(nn.Module):
    """Features to [B, size]; logits [B] where `size` is 0."""

    size: int = 0

    @nn.compact
    def __call__(self, features, *, train):
        del train
        out = nn.Dense(self.size or 1)(features)
        return out if self.size else out[:, 0]


class Critic(nn.Module):
    """Images and vectors to logits [B]."""

    width: int

    @nn.compact
    def __call__(self, *inputs, train):
        return Head()(Features(self.width)(*inputs, train=train), train=train)


class Images(nn.Module):
    """Images and vectors to images; noise from a stream of its own where `noise` is not 0."""

    shape: tuple[int, int, int]
    width: int
    batch_norm: bool = False
    noise: float = 0.0

    @nn.compact
    def __call__(self, *inputs, train):
        hidden = Features(self.width)(*inputs, train=train)
        if self.batch_norm:
            hidden = nn.BatchNorm(use_running_average=not train, momentum=0.8)(hidden)
        if self.noise:
            hidden += self.noise * jax.random.normal(self.make_rng("noise"), hidden.shape)
        images = nn.tanh(nn.Dense(math.prod(self.shape))(hidden))
        return images.reshape(-1, *self.shape)
