"""Samplers of a few operations, of every kind of input."""

import jax
import jax.numpy as jnp
import pytest

from gan_jax import core

WEIGHTS = core.Weights({"net": {"scale": jnp.float32(0.3)}}, {"net": {}})


def constant(values):
    """Images [B, 4, 4, 3] of one value each."""
    return jnp.broadcast_to(values[:, None, None, None], (len(values), 4, 4, 3))


def sampler(apply, options=None, **inputs):
    return core.Sampler(inputs, apply, ("net",), options=options or {})


@pytest.fixture
def weights():
    return WEIGHTS


@pytest.fixture
def plain():
    """Noise alone, which an option bounds."""

    def apply(weights, inputs, truncation):
        z = core.truncated_normal(inputs["z"], truncation)
        return constant(jnp.tanh(weights.params["net"]["scale"] * z.sum(axis=1)))

    return sampler(apply, {"truncation": None}, z=core.Normal((3,)))


@pytest.fixture
def conditional():
    """Noise in red, the label in green."""

    def apply(weights, inputs):
        images = constant(jnp.tanh(weights.params["net"]["scale"] * inputs["z"][:, 0]))
        green = inputs["label"].astype(jnp.float32)[:, None, None] - 1.0
        return images.at[..., 1].set(green)

    return sampler(apply, z=core.Normal((2,)), label=core.Category(3, labels="label"))


@pytest.fixture
def everything():
    """One input of every kind, each of which changes the images."""

    def apply(weights, inputs):
        noise = jax.vmap(lambda key: jax.random.normal(key, (4, 4, 3)))(inputs["noise"])
        code = inputs["code"].astype(jnp.float32) + inputs["turn"]
        images = inputs["source"] + constant(inputs["z"].sum(axis=1) + code)
        return jnp.tanh(weights.params["net"]["scale"] * (images + noise))

    return sampler(
        apply,
        source=core.FromData("a"),
        z=core.Normal((3,)),
        code=core.Category(4),
        turn=core.Uniform((), 0.0, 2.0),
        noise=core.Key(),
    )


@pytest.fixture
def translate():
    """The negative of a row of the data, and nothing else."""
    return sampler(lambda weights, inputs: -inputs["source"], source=core.FromData("a"))
