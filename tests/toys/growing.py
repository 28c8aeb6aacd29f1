"""Progressive growing: three phases, each of its own sizes (Karras et al. 2018, 1710.10196)."""

from __future__ import annotations

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.core import (
    Aux,
    Ema,
    Experiment,
    Gan,
    Normal,
    Phase,
    Player,
    Sampler,
    init_optimizers,
    truncated_normal,
)
from gan_jax.gans.calls import Calls, initializer
from gan_jax.gans.network import Net
from gan_jax.gans.settings import setting
from tests.toys.parts import LOSS, OptimizerSettings, optimizer

STAGES = 3


@dataclasses.dataclass(frozen=True)
class Settings:
    phase_steps: int = setting(10, "Of every phase but the last, which has the rest.", least=1)
    latent_dim: int = setting(4, "Length of a latent.", least=1)
    ema_decay: float = setting(0.9, "Of the generator's average.", least=0.0, below=1.0)
    optimizer: OptimizerSettings = setting(OptimizerSettings(), "Of both players.")


def double(images):
    return jnp.repeat(jnp.repeat(images, 2, axis=1), 2, axis=2)


def halve(images):
    batch, height, width, channels = images.shape
    return images.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))


dense = functools.partial(nn.Dense, kernel_init=nn.initializers.normal(0.3))


class GrowingGenerator(nn.Module):
    """Latents [B, D] to images [B, S, S, 1] with S = 2, 4, 8 at stage 0, 1, 2."""

    stage: int

    @nn.compact
    def __call__(self, z, alpha, *, train=True):
        del train
        last = STAGES - 1 if self.is_initializing() else self.stage
        hidden = nn.leaky_relu(dense(4 * 8)(z)).reshape(-1, 2, 2, 8)
        image = dense(1, name="image_0")(hidden)
        for stage in range(1, last + 1):
            hidden = dense(4 * 8, name=f"block_{stage}")(hidden)
            batch, size = hidden.shape[:2]
            hidden = hidden.reshape(batch, size, size, 2, 2, 8).transpose(0, 1, 3, 2, 4, 5)
            hidden = nn.leaky_relu(hidden.reshape(batch, 2 * size, 2 * size, 8))
            old, image = image, dense(1, name=f"image_{stage}")(hidden)
        return image if last == 0 else alpha * image + (1.0 - alpha) * double(old)


class GrowingDiscriminator(nn.Module):
    """Images [B, S, S, 1] to logits [B, 1]."""

    stage: int

    @nn.compact
    def __call__(self, images, alpha, *, train=True):
        del train
        last = STAGES - 1 if self.is_initializing() else self.stage
        hidden = nn.leaky_relu(dense(8, name=f"image_{last}")(images))
        for stage in range(last, 0, -1):
            batch, size = hidden.shape[:2]
            hidden = hidden.reshape(batch, size // 2, 2, size // 2, 2, 8)
            hidden = hidden.transpose(0, 1, 3, 2, 4, 5).reshape(batch, size // 2, size // 2, 32)
            hidden = nn.leaky_relu(dense(8, name=f"block_{stage}")(hidden))
            images = halve(images)
            if stage == last or self.is_initializing():
                old = nn.leaky_relu(dense(8, name=f"image_{stage - 1}")(images))
                hidden = alpha * hidden + (1.0 - alpha) * old
        return dense(1)(hidden.reshape(len(hidden), -1))


def build(settings, arrays, run):
    if arrays["image"].shape != (8, 8, 1):
        raise ValueError(f"this toy grows to gray images of 8x8, not {arrays['image'].shape}")
    before = (STAGES - 1) * settings.phase_steps
    if run.steps <= before:
        raise ValueError(f"config.steps={run.steps} leaves no step for the last phase")
    return Experiment(
        tuple(
            Phase(
                _game(stage, settings, run),
                settings.phase_steps if stage < STAGES - 1 else run.steps - before,
                run.batch_size * 2 ** (STAGES - 1 - stage),
                (2 * 2**stage,) * 2,
                functools.partial(_enter, _game(stage, settings, run)),
            )
            for stage in range(STAGES)
        )
    )


def _enter(gan, state):
    """New optimizers, as the old ones' momentum would change blocks that no longer take part.

    The count in memory shows whether a phase was entered once, however the run was interrupted.
    """
    memory = {**state.memory, "entered": state.memory["entered"] + 1}
    return state.replace(opt_state=init_optimizers(gan, state.params), memory=memory)


def _game(stage, settings, run):
    nets = {
        "generator": Net(GrowingGenerator(stage)),
        "discriminator": Net(GrowingDiscriminator(stage)),
    }
    examples = {
        "generator": (jnp.zeros((2, settings.latent_dim)), 1.0),
        "discriminator": (jnp.zeros((2, 8, 8, 1)), 1.0),
    }

    def alpha(step):
        """How far the newest block has been faded in: whole after half of a phase."""
        done = step + 1 - stage * settings.phase_steps
        return jnp.minimum(1.0, 2.0 * done / settings.phase_steps)

    def discriminator(params, context):
        call, share = Calls(nets, params, context), alpha(context.step)
        fake = call("generator", context.batch["z"], share)
        real_logits = call("discriminator", context.batch["image"], share)
        return LOSS.discriminator(real_logits, call("discriminator", fake, share)), Aux()

    def generator(params, context):
        call, share = Calls(nets, params, context), alpha(context.step)
        fake = call("generator", context.batch["z"], share)
        memory = {"alpha": share, "size": jnp.int32(fake.shape[1])}
        return LOSS.generator(None, call("discriminator", fake, share)), Aux(memory=memory)

    def draw_noise(key, batch):
        shape = (*batch["image"].shape[:2], settings.latent_dim)
        return {"z": jax.random.normal(key, shape)}

    def sample(weights, drawn, *, truncation=None):
        z = truncated_normal(drawn["z"], truncation)
        return nets["generator"].sample(weights.params["generator"], {}, z, weights.memory["alpha"])

    memory = {"alpha": jnp.float32(0.0), "size": jnp.int32(0), "entered": jnp.int32(0)}
    return Gan(
        initializer(nets, examples, memory),
        {name: optimizer(settings.optimizer, run) for name in nets},
        (
            Player("discriminator", ("discriminator",), "discriminator", discriminator),
            Player("generator", ("generator",), "generator", generator),
        ),
        samplers={
            "generator": Sampler(
                {"z": Normal((settings.latent_dim,))},
                sample,
                ("generator",),
                memory=("alpha",),
                options={"truncation": None},
            )
        },
        ema=Ema(settings.ema_decay, ("generator",)),
        draw_noise=draw_noise,
    )
