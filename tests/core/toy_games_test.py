"""One unchanged step plays every kind of game: toys on 2-D points and 8x8 images.

The discriminators' loss is the non-saturating one unless a game says otherwise.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import core
from tests.toys.growing import GrowingDiscriminator, GrowingGenerator, halve

BATCH = 64
CORNERS = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)


def init_mlp(generator, *sizes):
    return [
        {
            "w": (generator.normal(size=(a, b)) * np.sqrt(2 / a)).astype(np.float32),
            "b": np.zeros(b, np.float32),
        }
        for a, b in itertools.pairwise(sizes)
    ]


def mlp(layers, x):
    for layer in layers[:-1]:
        x = jax.nn.silu(x @ layer["w"] + layer["b"][None])
    return x @ layers[-1]["w"] + layers[-1]["b"][None]


def init_all(**sizes):
    """Makes `init_networks` for one multilayer perceptron a name."""

    def init(key):
        # By numpy, which need not compile anything.
        generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        params = {name: init_mlp(generator, *sizes[name]) for name in sizes}
        return core.Networks(params, {})

    return init


def disc_loss(real_logits, fake_logits):
    return jnp.mean(jax.nn.softplus(-real_logits)) + jnp.mean(jax.nn.softplus(fake_logits))


def gen_loss(fake_logits):
    return jnp.mean(jax.nn.softplus(-fake_logits))


def adam(learning_rate=3e-3, b1=0.5):
    """Adam that keeps its learning rate in its state, where a test can turn it off."""
    make = optax.inject_hyperparams(optax.adam, static_args=("b1", "b2"))
    return make(learning_rate, b1=b1, b2=0.99)


def corners(generator, *shape):
    """Points around the four corners of a square."""
    centers = CORNERS[generator.integers(0, 4, shape)]
    return centers + 0.1 * generator.normal(size=centers.shape).astype(np.float32)


# Compiling is most of what a toy costs.
QUICKLY = {"xla_backend_optimization_level": 0}


def compile_step(gan):
    return jax.jit(core.make_step(gan), compiler_options=QUICKLY)


def play(step, state, inputs):
    """The states before and after each step, and the metrics of every step, stacked."""
    states, metrics = [state], []
    for index in range(len(jax.tree.leaves(inputs)[0])):
        state, new = step(states[-1], at(inputs, index))
        states.append(state)
        metrics.append(new)
    return states, jax.tree.map(lambda *leaves: np.stack(leaves), *metrics)


def at(inputs, index):
    return {name: array[index] for name, array in inputs.items()}


def changed(before, after):
    """Names of the networks of which any number differs."""
    return {
        network
        for network in before.params
        if not jax.tree.all(
            jax.tree.map(np.array_equal, before.params[network], after.params[network])
        )
    }


def assert_owns(gan, step, state, batch):
    """With all learning rates but one at zero, its player's networks change and no other."""
    for chosen in gan.optimizers:
        rates = {name: np.float32(1e-3 if name == chosen else 0.0) for name in gan.optimizers}
        opt_state = {
            name: own._replace(hyperparams={"learning_rate": rates[name]})
            for name, own in state.opt_state.items()
        }
        after, _ = step(state.replace(opt_state=opt_state), batch)
        assert changed(state, after) == set(gan.networks_of(chosen)), chosen


# InfoGAN: four networks, two players.


def infogan():
    def generate(params, batch):
        code = jax.nn.one_hot(batch["code"], 4)
        return mlp(params["gen"], jnp.concatenate([batch["z"], code], axis=-1))

    def features(params, points):
        return jax.nn.leaky_relu(mlp(params["trunk"], points), 0.2)

    def disc(params, context):
        fake = generate(params, context.batch)
        real_logits = mlp(params["disc_head"], features(params, context.batch["x"]))
        return disc_loss(real_logits, mlp(params["disc_head"], features(params, fake))), core.Aux()

    def gen(params, context):
        hidden = features(params, generate(params, context.batch))
        guess = jax.nn.log_softmax(mlp(params["q_head"], hidden))
        information = jnp.mean(jnp.take_along_axis(guess, context.batch["code"][:, None], axis=1))
        adversarial = gen_loss(mlp(params["disc_head"], hidden))
        return adversarial - information, core.Aux({"information": information})

    def draw_noise(key, batch):
        z_key, code_key = jax.random.split(key)
        shape = batch["x"].shape[:2]
        return {
            "z": jax.random.normal(z_key, (*shape, 2)),
            "code": jax.random.randint(code_key, shape, 0, 4),
        }

    gan = core.Gan(
        init_all(gen=(6, 32, 32, 2), trunk=(2, 32, 32), disc_head=(32, 1), q_head=(32, 4)),
        {"disc": adam(), "gen": adam()},
        (
            core.Player("disc", ("trunk", "disc_head"), "disc", disc),
            core.Player("gen", ("gen", "q_head"), "gen", gen),
        ),
        draw_noise=draw_noise,
    )
    return gan, generate


def test_infogan_finds_the_corner_of_each_code():
    gan, generate = infogan()
    step, start = compile_step(gan), core.init_state(gan, 0)
    inputs = {"x": corners(np.random.default_rng(0), 600, 1, BATCH)}
    assert_owns(gan, step, start, at(inputs, 0))
    (*_, state), metrics = play(step, start, inputs)
    z = np.random.default_rng(1).normal(size=(4, 100, 2)).astype(np.float32)
    corner_of_code = []
    for code in range(4):
        points = generate(state.params, {"z": z[code], "code": np.full(100, code)})
        distances = np.linalg.norm(np.asarray(points)[:, None] - CORNERS[None], axis=-1)
        nearest = distances.argmin(axis=1)
        corner_of_code.append(np.bincount(nearest, minlength=4).argmax())
        # At least four of five points of a code lie near one and the same corner.
        assert (distances[:, corner_of_code[-1]] < 0.5).mean() > 0.8
    assert sorted(corner_of_code) == [0, 1, 2, 3]
    assert metrics["gen"]["information"][0] < -1.0
    assert metrics["gen"]["information"][-1] > -0.1


# CycleGAN: two players of two networks each, pools of past fakes in memory.

POOL = 3 * BATCH


def cyclegan():
    networks = init_all(g_ab=(2, 32, 2), g_ba=(2, 32, 2), d_a=(2, 32, 1), d_b=(2, 32, 1))
    least_squares = lambda logits, target: jnp.mean((logits - target) ** 2)  # noqa: E731

    def init(key):
        pools = {name: jnp.zeros((POOL, 2)) for name in ("a", "b")}
        fakes = {name: jnp.zeros((BATCH, 2)) for name in ("a", "b")}
        return networks(key)._replace(memory={"pools": pools, "fakes": fakes})

    def gen(params, context):
        a, b = context.batch["a"], context.batch["b"]
        fake_a, fake_b = mlp(params["g_ba"], b), mlp(params["g_ab"], a)
        adversarial = least_squares(mlp(params["d_a"], fake_a), 1.0)
        adversarial += least_squares(mlp(params["d_b"], fake_b), 1.0)
        cycle = jnp.mean(jnp.abs(mlp(params["g_ba"], fake_b) - a))
        cycle += jnp.mean(jnp.abs(mlp(params["g_ab"], fake_a) - b))
        memory = {"fakes": jax.lax.stop_gradient({"a": fake_a, "b": fake_b})}
        return adversarial + cycle, core.Aux({"cycle": cycle}, memory=memory)

    def disc(params, context):
        pools, loss = {}, 0.0
        pool_key, coin_key = jax.random.split(context.key)
        for name, network in (("a", "d_a"), ("b", "d_b")):
            fake, pool = context.memory["fakes"][name], context.memory["pools"][name]
            pools[name] = jnp.concatenate([pool[BATCH:], fake])
            # Half of the fakes shown are old ones; both domains may share the draw.
            old = pools[name][jax.random.randint(jax.random.clone(pool_key), (BATCH,), 0, POOL)]
            coin = jax.random.bernoulli(jax.random.clone(coin_key), shape=(BATCH, 1))
            shown = jnp.where(coin & (context.step >= POOL // BATCH), old, fake)
            loss += least_squares(mlp(params[network], context.batch[name]), 1.0)
            loss += least_squares(mlp(params[network], shown), 0.0)
        return 0.5 * loss, core.Aux(memory={"pools": pools})

    return core.Gan(
        init,
        {"gen": adam(), "disc": adam()},
        (
            core.Player("gen", ("g_ab", "g_ba"), "gen", gen),
            core.Player("disc", ("d_a", "d_b"), "disc", disc),
        ),
    )


def two_domains(steps):
    noise = 0.2 * np.random.default_rng(0).normal(size=(2, steps, 1, BATCH, 2)).astype(np.float32)
    return {"a": noise[0] + np.float32([-1, 0]), "b": noise[1] + np.float32([1, 1])}


def test_cyclegan_translates_and_pools_past_fakes():
    gan, inputs = cyclegan(), two_domains(500)
    step, start = compile_step(gan), core.init_state(gan, 0)
    assert_owns(gan, step, start, at(inputs, 0))
    states, metrics = play(step, start, inputs)
    for name, network, source in (("a", "g_ba", "b"), ("b", "g_ab", "a")):
        # What the generators made, with the parameters that they had then.
        fakes = [mlp(states[index].params[network], inputs[source][index, 0]) for index in range(5)]
        pools = [np.asarray(state.memory["pools"][name]) for state in states[:6]]
        np.testing.assert_array_equal(pools[1][:-BATCH], 0.0)
        np.testing.assert_allclose(pools[2][-2 * BATCH :], np.concatenate(fakes[:2]), atol=1e-5)
        np.testing.assert_allclose(pools[5], np.concatenate(fakes[2:]), atol=1e-5)
    a, b, params = inputs["a"][0, 0], inputs["b"][0, 0], states[-1].params
    np.testing.assert_allclose(mlp(params["g_ab"], a).mean(0), [1, 1], atol=0.2)
    np.testing.assert_allclose(mlp(params["g_ba"], b).mean(0), [-1, 0], atol=0.2)
    assert metrics["gen"]["cycle"][0] > 1.0
    assert metrics["gen"]["cycle"][-1] < 0.15


# StyleGAN2: four players, two of them lazy, running means in memory.


def stylegan():
    networks = init_all(mapping=(4, 16, 4), synthesis=(4, 32, 2), disc=(2, 32, 1))

    def init(key):
        memory = {"path_mean": jnp.float32(0.0), "w_mean": jnp.zeros(4)}
        return networks(key)._replace(memory=memory)

    def disc(params, context):
        fake = mlp(params["synthesis"], mlp(params["mapping"], context.batch["z"]))
        real_logits = mlp(params["disc"], context.batch["x"])
        return disc_loss(real_logits, mlp(params["disc"], fake)), core.Aux()

    def disc_reg(params, context):
        gradient = jax.grad(lambda x: jnp.sum(mlp(params["disc"], x)))(context.batch["x"])
        penalty = jnp.mean(jnp.sum(gradient**2, axis=-1))
        return 4 * 0.5 * 0.1 * penalty, core.Aux({"penalty": penalty})

    def gen(params, context):
        w = mlp(params["mapping"], context.batch["z"])
        w_mean = 0.9 * context.memory["w_mean"] + 0.1 * jax.lax.stop_gradient(w.mean(0))
        loss = gen_loss(mlp(params["disc"], mlp(params["synthesis"], w)))
        return loss, core.Aux({"w": jnp.mean(w[:, 0])}, memory={"w_mean": w_mean})

    def gen_reg(params, context):
        w = mlp(params["mapping"], context.batch["z"])
        direction = jax.random.normal(context.key, (len(w), 2))
        slope = jax.grad(lambda w: jnp.sum(mlp(params["synthesis"], w) * direction))(w)
        length = jnp.sqrt(jnp.sum(slope**2, axis=-1) + 1e-8)
        mean = 0.9 * context.memory["path_mean"] + 0.1 * jnp.mean(length)
        mean = jax.lax.stop_gradient(mean)
        penalty = jnp.mean((length - mean) ** 2)
        aux = core.Aux({"length": jnp.mean(length)}, memory={"path_mean": mean})
        return 2 * 0.1 * penalty, aux

    return core.Gan(
        init,
        {"disc": adam(b1=0.0), "gen": adam(b1=0.0)},
        (
            core.Player("disc", ("disc",), "disc", disc),
            core.Player("disc_reg", ("disc",), "disc", disc_reg, every=4),
            core.Player("gen", ("mapping", "synthesis"), "gen", gen),
            core.Player("gen_reg", ("mapping", "synthesis"), "gen", gen_reg, every=2),
        ),
        ema=core.Ema(0.99, ("mapping", "synthesis")),
    )


def test_a_four_player_game_with_lazy_regularizers():
    steps, generator = 400, np.random.default_rng(0)
    gan = stylegan()
    inputs = {
        "x": corners(generator, steps, 1, BATCH),
        "z": generator.normal(size=(steps, 1, BATCH, 4)).astype(np.float32),
    }
    step, start = compile_step(gan), core.init_state(gan, 0)
    assert_owns(gan, step, start, at(inputs, 0))
    states, metrics = play(step, start, inputs)
    state = states[-1]
    # A regularizer's updates count as its optimizer's own: disc's at 0, 4, ..., gen's at 0, 2, ...
    counts = [(int(s.opt_state["disc"].count), int(s.opt_state["gen"].count)) for s in states[1:7]]
    assert counts == [(2, 2), (3, 3), (4, 5), (5, 6), (7, 8), (8, 9)]
    with_loss = {
        name: np.flatnonzero(metrics[name]["loss"]).tolist() for name in ("disc_reg", "gen_reg")
    }
    assert with_loss["disc_reg"] == list(range(0, steps, 4))
    assert with_loss["gen_reg"] == list(range(0, steps, 2))
    lengths = metrics["gen_reg"]["length"]
    for mean, terms in (
        (state.memory["path_mean"], lengths[::2]),
        (state.memory["w_mean"][0], metrics["gen"]["w"]),
    ):
        expected = 0.0
        for term in terms:
            expected = 0.9 * expected + 0.1 * term
        assert float(mean) == pytest.approx(expected, rel=1e-4)
    z = np.random.default_rng(1).normal(size=(1000, 4)).astype(np.float32)
    # The averaged generator covers the square from side to side.
    sampler = core.Sampler({"z": core.Normal((4,))}, None, ("mapping", "synthesis"))
    params = core.sampling_weights(state, sampler).params
    points = np.asarray(mlp(params["synthesis"], mlp(params["mapping"], z)))
    np.testing.assert_allclose(points.mean(0), 0.0, atol=0.2)
    np.testing.assert_allclose(points.std(0), 1.0, atol=0.5)


# WGAN-GP: three critic steps a generator step, and a monitor that measures.


def wgan_gp():
    def disc(params, context):
        real, fake = context.batch["x"], mlp(params["gen"], context.batch["z"])
        alpha = jax.random.uniform(context.key, (len(real), 1))
        slope = jax.grad(lambda x: jnp.sum(mlp(params["disc"], x)))(real + alpha * (fake - real))
        penalty = jnp.mean((jnp.linalg.norm(slope, axis=-1) - 1.0) ** 2)
        gap = jnp.mean(mlp(params["disc"], fake)) - jnp.mean(mlp(params["disc"], real))
        return gap + penalty, core.Aux({"slope": jnp.mean(jnp.linalg.norm(slope, axis=-1))})

    def gen(params, context):
        fake = mlp(params["gen"], context.batch["z"])
        return -jnp.mean(mlp(params["disc"], fake)), core.Aux()

    def distance(params, context):
        fake = mlp(params["gen"], context.batch["z"])
        # Sorted coordinates, half the points apart: Wasserstein's distance along each axis.
        gaps = jnp.abs(jnp.sort(fake, axis=0) - jnp.sort(context.batch["x"], axis=0))
        return {"distance": jnp.mean(gaps)}

    return core.Gan(
        init_all(gen=(2, 32, 32, 2), disc=(2, 32, 32, 1)),
        {"disc": adam(), "gen": adam()},
        (
            core.Player("disc", ("disc",), "disc", disc, updates=3),
            core.Player("gen", ("gen",), "gen", gen),
        ),
        monitors=(core.Monitor("after", distance),),
    )


def test_three_critic_steps_and_a_monitor():
    steps, generator = 300, np.random.default_rng(0)
    gan = wgan_gp()
    x = corners(generator, steps, 3, BATCH)
    inputs = {"x": x, "z": generator.normal(size=x.shape).astype(np.float32)}
    step, start = compile_step(gan), core.init_state(gan, 0)
    assert_owns(gan, step, start, at(inputs, 0))
    (*_, state), metrics = play(step, start, inputs)
    assert int(state.opt_state["disc"].count) == 3 * steps
    assert int(state.opt_state["gen"].count) == steps
    assert np.mean(metrics["after"]["distance"][:10]) > 0.6
    assert np.mean(metrics["after"]["distance"][-50:]) < 0.3
    # The penalty holds the critic near slope 1.
    assert np.mean(metrics["disc"]["slope"][-50:]) == pytest.approx(1.0, abs=0.25)


# Progressive growing: one game per phase, all blocks initialized at once.


PHASE_STEPS = 10


def growing_gan(stage):
    generator, discriminator = GrowingGenerator(stage), GrowingDiscriminator(stage)

    def alpha(step):
        return (step - stage * PHASE_STEPS + 1) / PHASE_STEPS

    def init(key):
        gen_key, disc_key = jax.random.split(key)
        return core.Networks(
            params={
                "gen": generator.init(gen_key, jnp.zeros((1, 4)), 1.0)["params"],
                "disc": discriminator.init(disc_key, jnp.zeros((1, 8, 8, 1)), 1.0)["params"],
            },
            variables={},
        )

    def generate(params, context):
        return generator.apply({"params": params["gen"]}, context.batch["z"], alpha(context.step))

    def discriminate(params, images, context):
        return discriminator.apply({"params": params["disc"]}, images, alpha(context.step))

    def disc(params, context):
        fake_logits = discriminate(params, generate(params, context), context)
        return disc_loss(discriminate(params, context.batch["x"], context), fake_logits), core.Aux()

    def gen(params, context):
        fake = generate(params, context)
        aux = core.Aux({"size": fake.shape[1]})
        return gen_loss(discriminate(params, fake, context)), aux

    return core.Gan(
        init,
        {"disc": adam(), "gen": adam()},
        (
            core.Player("disc", ("disc",), "disc", disc),
            core.Player("gen", ("gen",), "gen", gen),
        ),
    )


def growing_experiment():
    def phase(stage):
        gan = growing_gan(stage)

        def on_enter(state):
            return state.replace(opt_state=core.init_optimizers(gan, state.params))

        size = 2 * 2**stage
        return core.Phase(gan, PHASE_STEPS, 8, (size, size), on_enter if stage else None)

    return core.Experiment(tuple(phase(stage) for stage in range(3)))


def ramps(generator, steps, batch, size):
    """8x8 images that brighten from left to right, some more than others, at a smaller size."""
    slope = generator.uniform(0.5, 1.0, (steps * batch, 1, 1, 1)).astype(np.float32)
    images = slope * np.linspace(-1, 1, 8, dtype=np.float32)[None, None, :, None]
    images = np.broadcast_to(images, (steps * batch, 8, 8, 1))
    while images.shape[1] > size:
        images = halve(images)
    return images.reshape(steps, 1, batch, size, size, 1)


def blocks_changed(before, after):
    """As "network/block"."""
    return {
        f"{network}/{block}"
        for network in before.params
        for block in before.params[network]
        if not jax.tree.all(
            jax.tree.map(
                np.array_equal, before.params[network][block], after.params[network][block]
            )
        )
    }


def test_a_game_grows_in_three_phases():
    experiment, generator = growing_experiment(), np.random.default_rng(0)
    state = jax.jit(
        lambda: core.init_state(experiment.phases[0].gan, 0), compiler_options=QUICKLY
    )()
    for stage, phase in enumerate(experiment.phases):
        left = state
        state = phase.on_enter(left) if phase.on_enter else left
        assert jax.tree.structure(state) == jax.tree.structure(left)
        inputs = {
            "x": ramps(generator, phase.steps, phase.batch_size, phase.image_size[0]),
            "z": generator.normal(size=(phase.steps, 1, phase.batch_size, 4)).astype(np.float32),
        }
        step = compile_step(phase.gan)
        (start, *_, state), metrics = play(step, state, inputs)
        assert (metrics["gen"]["size"] == phase.image_size[0]).all()
        blocks = [f"image_{i}" for i in ({stage - 1, stage} if stage else {0})]
        blocks += ["Dense_0", *(f"block_{i}" for i in range(1, stage + 1))]
        assert blocks_changed(start, state) == {
            f"{network}/{block}" for network in ("gen", "disc") for block in blocks
        }
    assert int(state.step) == experiment.steps == 3 * PHASE_STEPS
    assert int(state.opt_state["gen"].count) == PHASE_STEPS

    # Why the optimizers are reset: on its old momentum a block drifts that no longer takes part.
    (*_, stale), _ = play(step, left, inputs)
    assert "gen/image_0" in blocks_changed(left, stale)
