"""Every toy family on its data: each phase's chunk, the samplers, and what the family is about."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core, data, gans, sampling
from tests.toys import families, image_sets

STEPS = 12
SHORT = {"growing": {"phase_steps": 4}}
# Compiling is most of what a toy costs.
QUICKLY = {"xla_backend_optimization_level": 0}


@pytest.fixture(scope="session", autouse=True)
def _registered():
    families.register()
    yield
    for name in families.TOYS:
        del gans.FAMILIES[name]


@pytest.fixture(scope="session")
def streams_of(tmp_path_factory):
    """`streams_of(toy) -> data.Streams`, each loaded once."""
    folder = tmp_path_factory.mktemp("toys")
    common = {"image_size": 8, "channels": 1, "cache_dir": folder / "cache", "progress": False}

    @functools.cache
    def pairs():
        path = image_sets.pairs(folder / "pairs")
        return {"data": data.load(f"folder:{path}", layout="side_by_side", **common)}

    @functools.cache
    def domains():
        path = image_sets.domains(folder / "domains")
        return data.load_streams(
            {name: {"name": f"folder:{path / name}", **common} for name in ("a", "b")}
        )

    @functools.cache
    def digits():
        return {"data": data.load("digits", **common)}

    return lambda toy: {"pix2pix": pairs, "cyclegan": domains}.get(toy, digits)()


def specs_of(streams):
    return {name: spec for dataset in streams.values() for name, spec in dataset.specs.items()}


def build(toy, streams, *, steps=STEPS, **model):
    run = gans.Run(steps=steps, batch_size=8, monitor_every=4)
    values = {**SHORT.get(toy, {}), **model}
    return gans.build(f"toy_{toy}", values, specs_of(streams), run)


class Played:
    """A toy, played through all of its phases, with the states at their ends."""

    def __init__(self, toy, streams):
        self.streams, self.experiment = streams, build(toy, streams)
        start = core.start(self.experiment.phases[0].gan, 0)
        self.states, self.metrics = [start], []
        for begin, phase in zip(self.experiment.starts, self.experiment.phases, strict=True):
            state = phase.on_enter(self.states[-1]) if phase.on_enter else self.states[-1]
            state, metrics = self._phase(phase, begin, state)
            self.states.append(state)
            self.metrics.append(jax.tree.map(np.asarray, metrics))

    @property
    def gan(self):
        """The last phase's."""
        return self.experiment.phases[-1].gan

    def _phase(self, phase, begin, state):
        feed = data.make_feed(
            self.streams, updates=phase.gan.updates, batch_size=phase.batch_size, seed=0
        )
        specs = {name: dataset.specs for name, dataset in self.streams.items()}
        prepare = data.make_prepare(specs, image_size=phase.image_size)
        chunk = core.make_chunk(core.make_step(phase.gan, prepare=prepare))
        run = jax.jit(chunk, compiler_options=QUICKLY)
        with feed.chunks([(begin, phase.steps)], self.experiment.examples_before) as chunks:
            (inputs,) = chunks
            return run(state, inputs, feed.resident_data())

    def images(self, name=None, *, count=5, state=-1, changed=None, **options):
        """uint8 images of a sampler; `changed` inputs take the place of the drawn ones."""
        phase = self.experiment.phases[max(0, range(len(self.states))[state] - 1)]
        sampler = phase.gan.samplers[name or next(iter(phase.gan.samplers))]
        inputs = sampling.inputs(
            sampler,
            np.arange(count),
            seed=1,
            rows={n: a for s in self.streams.values() for n, a in s.arrays.items()},
        )
        generate = sampling.make_generate(sampler, options=options, per_device=2)
        weights = core.sampling_weights(self.states[state], sampler)
        return np.concatenate(list(generate(weights, {**inputs, **(changed or {})}))).astype(int)


@pytest.fixture(scope="session")
def played(streams_of):
    """`played(toy) -> Played`, once for all tests."""
    return functools.cache(lambda toy: Played(toy, streams_of(toy)))


NAMES = [name.removeprefix("toy_") for name in families.TOYS]


def differing(before, after):
    """The names of trees of which any number differs."""
    return {
        name
        for name in before
        if not jax.tree.all(jax.tree.map(np.array_equal, before[name], after[name]))
    }


@pytest.mark.parametrize("toy", NAMES)
def test_a_toy_trains_all_that_it_has(toy, played):
    found = played(toy)
    first, last = found.states[0], found.states[-1]
    assert jax.tree.structure(last) == jax.tree.structure(first)
    assert int(last.step) == found.experiment.steps == STEPS
    for part in ("params", "memory", "ema"):
        before, after = getattr(first, part), getattr(last, part)
        assert differing(before, after) == set(before), part
    for network, collections in first.variables.items():
        assert differing(collections, last.variables[network]) == set(collections), network
    for metrics in found.metrics:
        for player, own in metrics.items():
            assert all(np.isfinite(values).all() for values in own.values()), player


@pytest.mark.parametrize("toy", NAMES)
def test_samples_have_the_target_s_shape_and_follow_the_weights(toy, played):
    found = played(toy)
    specs = specs_of(found.streams)
    for name, sampler in found.gan.samplers.items():
        late, early = found.images(name), found.images(name, state=0)
        assert late.shape == (5, *specs[sampler.target].shape)
        assert len({image.tobytes() for image in late}) == 5
        if early.shape == late.shape:
            assert not np.array_equal(early, late)


def test_infogan_has_inputs_to_sweep(played):
    found = played("infogan")
    (sampler,) = found.gan.samplers.values()
    assert sampler.first(core.Category) == "category"
    assert sampler.inputs["category"].labels is None
    by_category = found.images(changed={"category": np.arange(5, dtype=np.int32)})
    by_code = found.images(changed={"code": np.full((5, 2), -1.0, np.float32)})
    for images in (by_category, by_code):
        assert not np.array_equal(images, found.images())
    # After every fourth step, on the latents of the loss before.
    after = found.metrics[0]["after_update"]["probability/fake_after"]
    assert (np.flatnonzero(after) == [3, 7, 11]).all()


def test_pix2pix_draws_noise_by_the_key_of_each_image(played):
    found = played("pix2pix")
    same = {"source": np.repeat(found.streams["data"].arrays["left"][:1], 3, axis=0)}
    one, two, three = found.images(count=3, changed=same)
    assert not np.array_equal(one, two)
    assert not np.array_equal(two, three)
    # The vector of the power iteration is of length one and has been turned.
    u = found.states[-1].variables["critic"]["spectral"]["SpectralDense_0"]["u"]
    assert float(jnp.linalg.norm(u)) == pytest.approx(1.0, rel=1e-4)
    distance = found.metrics[0]["generator"]["distance"]
    assert distance[-1] < 0.9 * distance[0]


def test_cyclegan_translates_both_ways_and_remembers(played):
    found = played("cyclegan")
    assert list(found.gan.samplers) == ["a_to_b", "b_to_a"]
    assert {len(dataset) for dataset in found.streams.values()} == {40, 28}
    memory = found.states[-1].memory
    assert int(memory["pooled"]) == 8 * STEPS
    for name in ("a", "b"):
        assert np.unique(memory["pools"][name], axis=0).shape[0] == 24
    cycle = found.metrics[0]["generators"]["cycle"]
    assert cycle[-1] < cycle[0]
    with pytest.raises(ValueError, match=r"config\.model\.pool=7 is less than a batch"):
        build("cyclegan", found.streams, pool=7)


def test_growing_grows(played):
    found = played("growing")
    phases = found.experiment.phases
    assert [phase.batch_size for phase in phases] == [32, 16, 8]
    assert [phase.image_size for phase in phases] == [(2, 2), (4, 4), (8, 8)]
    assert [int(state.memory["entered"]) for state in found.states] == [0, 1, 2, 3]
    assert [int(state.memory["size"]) for state in found.states] == [0, 2, 4, 8]
    assert [found.images(state=index).shape[1] for index in (1, 2, 3)] == [2, 4, 8]
    before, after = found.states[1].params["generator"], found.states[2].params["generator"]
    # The block of the last phase has not been trained in the second.
    assert differing(before, after) == set(before) - {"block_2", "image_2"}
    # Of the optimizers, only the phase's own updates are left.
    assert int(found.states[-1].opt_state["generator"][0].count) == 4
    with pytest.raises(ValueError, match=r"config\.steps=8 leaves no step for the last phase"):
        build("growing", found.streams, steps=8)


def test_stylegan_like_truncates_towards_the_mean_style(played):
    found = played("stylegan_like")
    images = {psi: found.images(truncation=psi) for psi in (None, 1.0, 0.5, 0.0)}
    np.testing.assert_array_equal(images[None], found.images())
    np.testing.assert_allclose(images[None], images[1.0], atol=1)
    spread = {psi: np.std(some, axis=0).mean() for psi, some in images.items()}
    assert spread[0.0] < spread[0.5] < spread[1.0]
    # What is left is the noise of each image.
    assert spread[0.0] > 0.0
    with pytest.raises(ValueError, match="no option 'psi'"):
        found.images(psi=0.5)


def test_stylegan_like_s_lazy_players_share_optimizers(played):
    found = played("stylegan_like")
    opt_state = found.states[-1].opt_state
    assert int(opt_state["critic"][0].count) == STEPS + STEPS // 4
    assert int(opt_state["generator"][0].count) == STEPS + STEPS // 2
    metrics = found.metrics[0]
    assert (np.flatnonzero(metrics["r1"]["penalty"]) == [0, 4, 8]).all()
    assert (np.flatnonzero(metrics["path"]["penalty"]) == [0, 2, 4, 6, 8, 10]).all()


def test_ada_like_turns_the_probability_by_the_critic_s_signs(played):
    found = played("ada_like")
    assert found.experiment.phases[0].examples_per_step == 2 * 8
    sign, before = (found.metrics[0]["critic"][name] for name in ("sign", "probability"))
    after = [*before[1:], found.states[-1].memory["probability"]]
    expected = np.clip(before + 0.05 * np.sign(sign - 0.6), 0.0, 1.0)
    np.testing.assert_allclose(after, expected, atol=1e-6)
    assert max(before) > 0.0


def test_settings_have_effects_or_are_refused(streams_of):
    build("stylegan_like", streams_of("stylegan_like"), r1_every=1)
    with pytest.raises(ValueError, match=r"unknown key of config\.model 'r1_evry'"):
        build("stylegan_like", streams_of("stylegan_like"), r1_evry=1)
    assert not build("infogan", streams_of("infogan")).ends_with_the_run
    weight = {"kind": "linear", "value": 1.0, "to": 0.5}
    assert build("infogan", streams_of("infogan"), information=weight).ends_with_the_run
