"""A network keeps whatever collections its module has, and draws whatever streams it asks for."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import core
from gan_jax.gans.network import Net

X = np.linspace(-1.0, 1.0, 12, dtype=np.float32).reshape(4, 3)


class Spectral(nn.Module):
    """Batch statistics, and a collection that no list of known names has."""

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.5)(nn.Dense(3)(x))
        count = self.variable("spectral", "count", jnp.zeros, ())
        fixed = self.variable("fixed", "scale", jnp.ones, (1, 3))
        if train and not self.is_initializing():
            count.value = count.value + 1.0
        self.sow("intermediates", "features", x)
        return x * fixed.value + count.value


class Noisy(nn.Module):
    """Dropout, and noise from a stream of its own."""

    @nn.compact
    def __call__(self, x, *, train):
        kept = nn.Dropout(0.5, deterministic=not train)(jnp.ones((64,)))
        noise = jax.random.normal(self.make_rng("noise"), (64,)) if train else jnp.zeros(64)
        return kept, noise, nn.Dense(3)(x)


@pytest.fixture(scope="module")
def spectral():
    net = Net(Spectral())
    return net, *net.init(jax.random.key(0), X)


def assert_same(left, right):
    jax.tree.map(np.testing.assert_array_equal, left, right)


def test_init_returns_every_collection_and_not_what_is_only_shown(spectral):
    _, params, variables = spectral
    assert set(params) == {"Dense_0", "BatchNorm_0"}
    assert set(variables) == {"batch_stats", "spectral", "fixed"}
    assert variables["spectral"] == {"count": 0.0}


def test_training_returns_all_collections_changed_or_not(spectral):
    net, params, variables = spectral
    applied = net(params, variables, X, key=None)
    assert set(applied.variables) == set(variables)
    assert applied.variables["spectral"] == {"count": 1.0}
    assert_same(applied.variables["fixed"], variables["fixed"])
    mean = applied.variables["batch_stats"]["BatchNorm_0"]["mean"]
    assert np.abs(mean).max() > 0.0
    again = net(params, applied.variables, X, key=None)
    assert again.variables["spectral"] == {"count": 2.0}
    assert applied.shown == {}


def test_what_a_module_sows_is_shown_on_request(spectral):
    net, params, variables = spectral
    applied = net(params, variables, X, key=None, show=True)
    np.testing.assert_array_equal(applied.out, applied.shown["features"] + 1.0)
    assert set(applied.variables) == set(variables)


def test_sampling_changes_nothing_and_normalizes_by_running_statistics(spectral):
    net, params, variables = spectral
    trained = net(params, variables, X, key=None).variables
    out = net.sample(params, trained, X)
    # Image by image the same: nothing is taken from the batch.
    alone = np.concatenate([net.sample(params, trained, x[None]) for x in X])
    np.testing.assert_allclose(out, alone, rtol=1e-5, atol=1e-6)
    assert not np.allclose(out, net(params, trained, X, key=None).out, atol=0.1)
    assert trained["spectral"] == {"count": 1.0}


def test_a_collection_survives_in_a_game(spectral):
    """Through a step, into the state: nothing has to be said of its name."""
    net, params, variables = spectral

    def objective(params, context):
        applied = net(params["net"], context.variables["net"], context.batch["x"], key=context.key)
        return jnp.mean(applied.out**2), core.Aux(variables={"net": applied.variables})

    gan = core.Gan(
        lambda key: core.Networks({"net": params}, {"net": variables}),
        {"sgd": optax.sgd(0.1)},
        (core.Player("only", ("net",), "sgd", objective),),
    )
    state = core.init_state(gan, 0)
    for _ in range(2):
        state, _ = core.make_step(gan)(state, {"x": X[None]})
    assert state.variables["net"]["spectral"] == {"count": 2.0}
    assert jax.tree.structure(state.variables["net"]) == jax.tree.structure(variables)


def test_one_key_serves_all_streams():
    net = Net(Noisy())
    params, variables = net.init(jax.random.key(0), X)
    assert variables == {}
    kept, noise, _ = net(params, variables, X, key=jax.random.key(1)).out
    assert 10 < int((kept == 0.0).sum()) < 54
    assert abs(np.corrcoef(kept, noise)[0, 1]) < 0.5
    assert 0.6 < float(noise.std()) < 1.4
    same_kept, same_noise, _ = net(params, variables, X, key=jax.random.key(1)).out
    assert_same((kept, noise), (same_kept, same_noise))
    other_kept, other_noise, _ = net(params, variables, X, key=jax.random.key(2)).out
    assert not np.array_equal(kept, other_kept)
    assert not np.array_equal(noise, other_noise)


def test_sampling_may_draw_too():
    class Sampled(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            del train
            return x + jax.random.normal(self.make_rng("noise"), x.shape)

    net = Net(Sampled())
    one, other = (net.sample({}, {}, X, key=jax.random.key(seed)) for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert_same(one, net.sample({}, {}, X, key=jax.random.key(1)))


class Typed(nn.Module):
    dtype: type = jnp.float32

    @nn.compact
    def __call__(self, x, scale, *, train):
        dropped = nn.Dropout(0.5, deterministic=not train)(x)
        return scale * nn.Dense(1, dtype=self.dtype)(dropped)[:, 0]


def test_penalties_see_a_float32_function_of_the_first_argument():
    net = Net(Typed(jnp.bfloat16), Typed())
    params, variables = net.init(jax.random.key(0), X, 1.0)
    key = jax.random.key(3)
    assert net(params, variables, X, 2.0, key=key).out.dtype == jnp.bfloat16
    critic = net.in_float32(params, variables, 2.0, key=key)
    first = critic(X)
    assert first.dtype == jnp.float32
    # One key, one mask: a penalty differentiates the function that it evaluates.
    assert_same(first, critic(X))
    expected = Net(Typed())(params, variables, X, 2.0, key=key).out
    np.testing.assert_allclose(first, expected, rtol=1e-6)
    plain = Net(Typed())
    assert_same(plain.in_float32(params, variables, 2.0, key=key)(X), expected)
