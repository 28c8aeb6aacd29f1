"""One chunk, compiled for one device, for a mesh of four, and by pmap."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import core

WIDTH, BATCH, STEPS = 16, 8, 2
ROWS = 64
MODES = {"one device": ("jit", 1), "mesh": ("jit", 4), "pmap": ("pmap", 4)}


def make_game(axis_name, *, draw=True):
    """Two critic updates, a lazy generator, a monitor, averages, statistics, a running mean."""

    def init(key):
        gen_key, disc_key = jax.random.split(key)
        return core.Networks(
            params={
                "gen": {"w": 0.3 * jax.random.normal(gen_key, (WIDTH, WIDTH))},
                "disc": {"w": 0.3 * jax.random.normal(disc_key, (WIDTH, WIDTH))},
            },
            variables={"disc": {"stats": {"mean": jnp.zeros(WIDTH)}}},
            memory={"norm": jnp.float32(0.0), "count": jnp.int32(0)},
        )

    def critic(params, images):
        return jnp.sum(jnp.tanh(images @ params["disc"]["w"]), axis=-1)

    def generate(params, context):
        return jnp.tanh(context.batch["z"] @ params["gen"]["w"])

    def disc_loss(params, context):
        # The real and the fake half share nothing, as in a real discriminator's loss.
        real, fake = context.batch["x"], generate(params, context)
        loss = jnp.mean(jax.nn.softplus(-critic(params, real)))
        loss += jnp.mean(jax.nn.softplus(critic(params, fake)))
        stats = context.variables["disc"]["stats"]["mean"]
        mean = jnp.mean(real, axis=0)
        mean = jax.lax.pmean(mean, axis_name) if axis_name else mean
        changed = {"mean": 0.9 * stats + 0.1 * mean}
        metrics = {"real": jnp.mean(critic(params, real))}
        return loss, core.Aux(metrics, variables={"disc": {"stats": changed}})

    def gen_loss(params, context):
        fake = generate(params, context)
        norm = 0.9 * context.memory["norm"] + 0.1 * jnp.mean(fake**2)
        memory = {"norm": norm, "count": context.memory["count"] + 1}
        return jnp.mean(jax.nn.softplus(-critic(params, fake))), core.Aux(memory=memory)

    def after(params, context):
        return {"fake": jnp.mean(critic(params, generate(params, context)))}

    def draw_noise(key, batch):
        return {"z": jax.random.normal(key, batch["x"].shape)}

    return core.Gan(
        init_networks=init,
        optimizers={"disc": optax.adam(0.01), "gen": optax.adam(0.01)},
        players=(
            core.Player("disc", ("disc",), "disc", disc_loss, updates=2),
            core.Player("gen", ("gen",), "gen", gen_loss, every=2),
        ),
        monitors=(core.Monitor("after", after, every=2),),
        ema=core.Ema(0.9, ("gen", "disc"), collections=("stats",)),
        draw_noise=draw_noise if draw else None,
        memory_is_mean=True,
    )


def prepare(key, inputs, resident):
    del key
    real = resident[inputs["index"]].astype(jnp.float32) / 127.5 - 1.0
    return {"x": real, **{name: inputs[name] for name in inputs if name != "index"}}


RESIDENT = np.random.default_rng(0).integers(0, 256, (ROWS, WIDTH), np.uint8)


def make_inputs(chunk, *, noise):
    """The global batches of a chunk: indices, and latents if asked for."""
    generator = np.random.default_rng(chunk)
    inputs = {"index": generator.integers(0, ROWS, (STEPS, 2, BATCH)).astype(np.int32)}
    if noise:
        inputs["z"] = generator.normal(size=(STEPS, 2, BATCH, WIDTH)).astype(np.float32)
    return inputs


class Run:
    """A game compiled in one mode, counting how often Python traces it."""

    def __init__(self, name, *, noise):
        mode, devices = MODES[name]
        self.devices = jax.devices()[:devices]
        self.traces = 0
        self.noise = noise
        axis_name = core.axis_name_of(mode)
        self.gan = make_game(axis_name, draw=not noise)
        step = core.make_step(self.gan, prepare=prepare, axis_name=axis_name)
        chunk = core.make_chunk(step)

        def counted(state, inputs, resident):
            self.traces += 1
            return chunk(state, inputs, resident)

        self.compiled = core.compile_chunk(counted, mode=mode, devices=self.devices)
        self.resident = self.compiled.put_state(RESIDENT)

    def start(self):
        return self.compiled.put_state(core.init_state(self.gan, 0))

    def inputs(self, chunk):
        return self.compiled.put_inputs(make_inputs(chunk, noise=self.noise))

    def __call__(self, state, chunk):
        return jax.block_until_ready(self.compiled.run(state, self.inputs(chunk), self.resident))


@functools.cache
def runs(name, noise=False):
    """Compiled once for all tests; with `noise` the batch carries the latents."""
    return Run(name, noise=noise)


@pytest.fixture(params=MODES)
def run(request):
    return runs(request.param)


def as_numpy(tree):
    """Every leaf as numpy; keys as the numbers they are made of."""

    def convert(leaf):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        return np.asarray(leaf)

    return jax.tree.map(convert, tree)


def from_numpy(tree):
    return tree.replace(key=jax.random.wrap_key_data(tree.key))


def train(run, chunks=(0, 1)):
    state = run.start()
    for chunk in chunks:
        state, metrics = run(state, chunk)
    return as_numpy(state), as_numpy(metrics)


def test_later_calls_neither_trace_nor_compile_nor_transfer(run, caplog):
    state, _ = run(run.start(), 0)
    before = run.traces
    chunks = [run.inputs(chunk) for chunk in range(1, 4)]
    with jax.log_compiles(), jax.transfer_guard("disallow"):
        for inputs in chunks:
            state, metrics = run.compiled.run(state, inputs, run.resident)
            jax.block_until_ready((state, metrics))
    assert run.traces == before == 1
    assert not caplog.records


def test_the_log_would_tell_of_a_compilation(caplog):
    with jax.log_compiles():
        jax.jit(lambda x: x + 1)(1)
    assert any("ompil" in record.message for record in caplog.records)


def test_the_state_is_donated(run):
    state = run.start()
    leaves = jax.tree.leaves(state)
    new, _ = run(state, 0)
    kept = [leaf.shape for leaf in leaves if not leaf.is_deleted()]
    assert not kept
    assert not run.resident.is_deleted()
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(new))


def test_the_state_goes_in_and_comes_out_unreplicated(run):
    start = run.start()
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), start)
    state, metrics = run(start, 0)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state) == shapes
    for leaf in jax.tree.leaves(state):
        assert leaf.sharding.is_fully_replicated
        assert leaf.sharding.device_set == set(run.devices)
    assert {leaf.shape for leaf in jax.tree.leaves(metrics)} == {(STEPS,)}
    assert int(state.step) == STEPS


def test_restarting_from_numpy_repeats_the_run_bit_for_bit(run):
    expected, expected_metrics = train(run, (0, 1, 2))
    first, _ = run(run.start(), 0)
    state = run.compiled.put_state(from_numpy(as_numpy(first)))
    for chunk in (1, 2):
        state, metrics = run(state, chunk)
    jax.tree.map(np.testing.assert_array_equal, as_numpy(state), expected)
    jax.tree.map(np.testing.assert_array_equal, as_numpy(metrics), expected_metrics)
    assert run.traces == 1


@pytest.mark.parametrize(("name", "noise"), [("mesh", False), ("pmap", True)])
def test_devices_do_not_change_the_numbers(name, noise):
    expected, expected_metrics = train(runs("one device", noise))
    state, metrics = train(runs(name, noise))
    start = as_numpy(runs(name, noise).start())
    change = np.abs(state.params["gen"]["w"] - start.params["gen"]["w"]).max()
    assert change > 1e-3, "the comparison would be of two standstills"
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)  # noqa: E731
    jax.tree.map(close, state, expected)
    jax.tree.map(close, metrics, expected_metrics)


def test_the_mesh_divides_the_work():
    """Also that on what is drawn inside the step, which XLA left to every device on its own."""

    def flops(run):
        lowered = run.compiled.lower(run.start(), run.inputs(0), run.resident)
        return lowered.compile().cost_analysis()["flops"]

    assert flops(runs("mesh")) < 0.4 * flops(runs("one device"))


def test_lazy_players_and_monitors_within_a_chunk():
    state, metrics = train(runs("one device"), (0,))
    assert metrics["after"]["fake"][0] == 0.0
    assert metrics["after"]["fake"][1] != 0.0
    assert metrics["gen"]["loss"][0] != 0.0
    assert metrics["gen"]["loss"][1] == 0.0
    assert int(state.memory["count"]) == 1


def pmap_game(objective, memory=None, **options):
    def init(key):
        del key
        return core.Networks({"w": {"v": jnp.zeros(())}}, {}, memory or {})

    player = core.Player("only", ("w",), "sgd", objective)
    return core.Gan(init, {"sgd": optax.sgd(1.0)}, (player,), **options)


def run_pmap(gan, x):
    axis_name = core.axis_name_of("pmap")
    chunk = core.make_chunk(core.make_step(gan, axis_name=axis_name))
    compiled = core.compile_chunk(chunk, mode="pmap")
    state = compiled.put_state(core.init_state(gan, 0))
    return as_numpy(compiled.run(state, compiled.put_inputs({"x": x}), None))


def test_pmap_averages_gradients_metrics_and_means_and_draws_on_every_device():
    def objective(params, context):
        x = jnp.mean(context.batch["x"])
        drawn = jax.random.uniform(context.key)
        spread = jax.lax.pmax(drawn, core.AXIS) - jax.lax.pmin(drawn, core.AXIS)
        memory = {"mean": x, "count": context.memory["count"] + 1}
        return params["w"]["v"] * x + x, core.Aux({"spread": spread, "drawn": drawn}, memory=memory)

    gan = pmap_game(
        objective, {"mean": jnp.float32(0.0), "count": jnp.int32(0)}, memory_is_mean=True
    )
    x = np.arange(16, dtype=np.float32).reshape(2, 1, 8)  # means 3.5 and 11.5
    state, metrics = run_pmap(gan, x)
    assert float(state.params["w"]["v"]) == pytest.approx(-15.0)
    np.testing.assert_allclose(metrics["only"]["loss"], [3.5, -3.5 * 11.5 + 11.5])
    assert float(state.memory["mean"]) == 11.5
    assert state.memory["count"] == 2
    assert (metrics["only"]["spread"] > 0.0).all()
    assert metrics["only"]["drawn"][0] != metrics["only"]["drawn"][1]


def test_pmap_refuses_a_memory_that_has_no_mean():
    gan = pmap_game(lambda p, c: (p["w"]["v"], core.Aux()), {"pool": jnp.zeros(4)})
    message = r"memory \['pool'\] of this game cannot be averaged over devices"
    with pytest.raises(ValueError, match=message):
        run_pmap(gan, np.zeros((1, 1, 4), np.float32))


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_every_device_gets_its_part_of_the_batch(mode):
    compiled = core.compile_chunk(lambda s, i, r: (s, i), mode=mode)
    inputs = np.arange(3 * 2 * 8 * 5).reshape(3, 2, 8, 5).astype(np.int32)
    placed = compiled.put_inputs({"x": inputs})["x"]
    for number, device in enumerate(jax.devices()):
        (shard,) = [s for s in placed.addressable_shards if s.device == device]
        part = np.asarray(shard.data).reshape(3, 2, 2, 5)
        np.testing.assert_array_equal(part, inputs[:, :, 2 * number : 2 * number + 2])


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_the_only_process_reads_the_whole_batch(mode):
    compiled = core.compile_chunk(lambda s, i, r: (s, i), mode=mode)
    assert compiled.rows(8) == slice(0, 8)
    with pytest.raises(ValueError, match="batch_size 6 cannot be divided over 4 devices"):
        compiled.rows(6)


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_a_batch_that_the_devices_cannot_share(mode):
    compiled = core.compile_chunk(lambda s, i, r: (s, i), mode=mode)
    message = "batch_size 6 cannot be divided over 4 devices: take a multiple of 4, 4 or 8 say"
    with pytest.raises(ValueError, match=message):
        compiled.put_inputs({"x": np.zeros((3, 2, 6, 5))})
    with pytest.raises(ValueError, match=r"axes \[steps, updates, batch, ...\], not .* \(3, 4\)"):
        compiled.put_inputs({"x": np.zeros((3, 4))})


@pytest.mark.parametrize(
    ("batch_size", "devices", "near"), [(6, 4, "4 or 8"), (3, 4, "4 or 8"), (0, 1, "1 or 2")]
)
def test_check_batch_size(batch_size, devices, near):
    with pytest.raises(ValueError, match=f"batch_size {batch_size} cannot .* {near} say"):
        core.check_batch_size(batch_size, devices)
    core.check_batch_size(8, 4)


def test_modes():
    assert core.axis_name_of("jit") is None
    assert core.axis_name_of("pmap") == core.AXIS
    with pytest.raises(ValueError, match="unknown parallel mode 'pmpa', there are jit, pmap"):
        core.axis_name_of("pmpa")
    with pytest.raises(ValueError, match="unknown parallel mode"):
        core.compile_chunk(lambda s, i, r: (s, i), mode="mesh")
