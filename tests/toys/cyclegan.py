"""CycleGAN: two domains, two samplers, pools of past images (Zhu et al. 2017, 1703.10593)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from gan_jax.core import Aux, Experiment, FromData, Gan, Phase, Player, Sampler
from gan_jax.gans.calls import Calls, initializer
from gan_jax.gans.network import Net
from gan_jax.gans.settings import setting
from tests.toys.parts import Critic, Images, OptimizerSettings, optimizer


@dataclasses.dataclass(frozen=True)
class Settings:
    width: int = setting(32, "Features of every network.", least=1)
    pool: int = setting(24, "Past images that each critic may be shown.", least=1)
    cycle: float = setting(5.0, "Weight of the way there and back.", least=0.0)
    optimizer: OptimizerSettings = setting(OptimizerSettings(), "Of both players.")


# Source, generator, target.
WAYS = (("a", "a_to_b", "b"), ("b", "b_to_a", "a"))


def build(settings, arrays, run):
    if settings.pool < run.batch_size:
        raise ValueError(f"config.model.pool={settings.pool} is less than a batch")
    shapes = {name: arrays[name].shape for name in ("a", "b")}
    nets, examples = {}, {}
    for source, generator, target in WAYS:
        nets[generator] = Net(Images(shapes[target], settings.width))
        nets[f"critic_{target}"] = Net(Critic(settings.width))
        examples[generator] = (jnp.zeros((2, *shapes[source])),)
        examples[f"critic_{target}"] = (jnp.zeros((2, *shapes[target])),)
    pools = {name: jnp.zeros((settings.pool, *shape)) for name, shape in shapes.items()}

    def generators(params, context):
        call, batch = Calls(nets, params, context), context.batch
        fakes = {target: call(generator, batch[source]) for source, generator, target in WAYS}
        adversarial = sum(
            jnp.mean((call(f"critic_{name}", fake) - 1.0) ** 2) for name, fake in fakes.items()
        )
        cycle = sum(
            jnp.mean(jnp.abs(call(generator, fakes[source]) - batch[target]))
            for source, generator, target in WAYS
        )
        return adversarial + settings.cycle * cycle, Aux({"cycle": cycle})

    def critics(params, context):
        call, batch, memory = Calls(nets, params, context), context.batch, context.memory
        pools, loss = {}, 0.0
        for number, (source, generator, target) in enumerate(WAYS):
            fake = jax.lax.stop_gradient(call(generator, batch[source]))
            pools[target] = jnp.concatenate([memory["pools"][target][len(fake) :], fake])
            rows_key, coin_key = jax.random.split(jax.random.fold_in(context.key, 100 + number))
            # The newest lie at the end; of the rest as many as have been there.
            filled = jnp.minimum(memory["pooled"] + len(fake), settings.pool)
            rows = settings.pool - 1 - jax.random.randint(rows_key, (len(fake),), 0, filled)
            coin = jax.random.bernoulli(coin_key, shape=(len(fake), 1, 1, 1))
            shown = jnp.where(coin, pools[target][rows], fake)
            loss += jnp.mean((call(f"critic_{target}", batch[target]) - 1.0) ** 2)
            loss += jnp.mean(call(f"critic_{target}", shown) ** 2)
        pooled = memory["pooled"] + jnp.int32(len(batch["a"]))
        return 0.5 * loss, Aux(memory={"pools": pools, "pooled": pooled})

    def sampler(source, generator, target):
        def sample(weights, drawn):
            return nets[generator].sample(
                weights.params[generator], weights.variables[generator], drawn["source"]
            )

        return Sampler({"source": FromData(source)}, sample, (generator,), target=target)

    gan = Gan(
        initializer(nets, examples, {"pools": pools, "pooled": jnp.int32(0)}),
        {
            "generators": optimizer(settings.optimizer, run),
            "critics": optimizer(settings.optimizer, run),
        },
        (
            Player("generators", ("a_to_b", "b_to_a"), "generators", generators),
            Player("critics", ("critic_a", "critic_b"), "critics", critics),
        ),
        samplers={way[1]: sampler(*way) for way in WAYS},
    )
    return Experiment((Phase(gan, run.steps, run.batch_size),))
