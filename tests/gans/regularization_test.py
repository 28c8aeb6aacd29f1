"""LeCam, consistency and top-k in the game of two, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import core, gans
from gan_jax.gans.regularization import Lecam, Regularization

IMAGES = {"image": core.ArraySpec((8, 8, 1))}
RUN = gans.Run(steps=10, batch_size=4)
REAL, FAKE = jnp.array([1.0, 3.0]), jnp.array([-1.0, 0.0])


def build(**model):
    small = {"network": "mlp", "width": 0.03, "latent_dim": 4, "loss": "hinge", **model}
    return gans.build("adversarial", small, IMAGES, RUN).phases[0].gan


def losses_of(game):
    """Loss and metrics of both players' first updates, with the same weights, images and noise."""
    state, rng = core.init_state(game, 0), np.random.default_rng(0)
    shapes = {"image": (4, 8, 8, 1), "latent": (4, 4), "generator_latent": (4, 4), "alpha": (4,)}
    batch = {k: jnp.asarray(rng.uniform(-1, 1, s), jnp.float32) for k, s in shapes.items()}

    @jax.jit
    def both(params):
        found = {}
        for player in game.players:
            key, step = jax.random.key(1), jnp.int32(0)
            context = core.Context(state.variables, batch, key, state.memory, step)
            loss, aux = player.objective(params, context)
            found[player.name] = loss, aux.metrics, aux.memory
        return found

    return both(state.params)


def test_lecam_follows_the_last_batch_until_it_starts_and_then_its_running_mean():
    lecam = Regularization(Lecam(weight=0.5, decay=0.75, start=2))
    memory, values = lecam.start(), []
    for step, shift in enumerate((0.0, 0.0, 4.0, 0.0)):
        value, metrics, memory = lecam([REAL + shift, FAKE], memory, jnp.int32(step), None)
        values.append((float(value), float(metrics["lecam"])))
    # Means of 2 and -0.5; in step 2 of 3 = 0.75 2 + 0.25 6; in step 3 of 2.75 and -0.5.
    before = np.mean([1.5**2, 3.5**2]) + np.mean([3.0**2, 2.0**2])
    middle = np.mean([5.5**2, 7.5**2]) + np.mean([4.0**2, 3.0**2])
    after = np.mean([1.5**2, 3.5**2]) + np.mean([3.75**2, 2.75**2])
    np.testing.assert_allclose(
        values, [(0, before), (0, before), (0, middle), (after / 2, after)], rtol=1e-6
    )
    np.testing.assert_allclose(memory["lecam"]["real"], 2.75)
    np.testing.assert_allclose(memory["lecam"]["fake"], -0.5)


def test_running_means_are_those_of_all_devices():
    lecam = Regularization(Lecam(weight=0.5, decay=0.75, start=2))

    def means(real, fake):
        return lecam([real, fake], lecam.start(), jnp.int32(0), "devices")[2]["lecam"]

    found = jax.pmap(means, axis_name="devices", devices=jax.devices()[:2])(
        REAL.reshape(2, 1), FAKE.reshape(2, 1)
    )
    np.testing.assert_array_equal(found["real"], [2.0, 2.0])
    np.testing.assert_array_equal(found["fake"], [-0.5, -0.5])


def test_consistency_is_of_flipped_and_shifted_images_and_of_generated_ones_where_balanced():
    image = jnp.arange(64.0).reshape(1, 8, 8, 1)
    cr, bcr = Regularization(consistency=10.0), Regularization(consistency=10.0, balanced=True)
    assert len(cr.transformed(jax.random.key(0), image, image)) == 1
    found = np.asarray(bcr.transformed(jax.random.key(0), image.repeat(200, 0), image)[0])
    padded = np.pad(np.asarray(image), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    shifts = [padded[0, a : a + 8, b : b + 8] for a in range(3) for b in range(3)]
    known = {one.tobytes() for shift in shifts for one in (shift, shift[:, ::-1])}
    assert {one.tobytes() for one in found} == known
    value, metrics, _ = bcr([REAL, FAKE, REAL + 1.0, FAKE - 2.0], {}, jnp.int32(0), None)
    assert (metrics["consistency/real"], metrics["consistency/fake"]) == (1.0, 4.0)
    assert value == 50.0


def test_the_game_adds_them_to_the_discriminators_loss_alone():
    plain, both = losses_of(build()), losses_of(build(regularization={"name": "lecam+bcr"}))
    loss, metrics, memory = both["discriminator"]
    assert set(memory) == {"lecam"}
    extra = 10.0 * (metrics["consistency/real"] + metrics["consistency/fake"])
    assert extra > 0.0
    np.testing.assert_allclose(loss, plain["discriminator"][0] + extra, rtol=1e-5)
    np.testing.assert_allclose(both["generator"][0], plain["generator"][0], rtol=1e-6)


def test_top_k_changes_the_generators_loss_alone():
    plain, best = losses_of(build()), losses_of(build(top_k=0.25))
    assert best["generator"][0] < plain["generator"][0]
    np.testing.assert_allclose(best["discriminator"][0], plain["discriminator"][0], rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"regularization": {"name": "lecm"}}, "did you mean 'lecam'"),
        ({"regularization": {"name": "cr+cr"}}, "names one twice"),
        ({"regularization": {"name": "cr+bcr"}}, "leave cr out"),
        ({"regularization": {"lecam_weight": 1.0}}, "has no effect with regularization.name=none"),
        (
            {"regularization": {"name": "cr", "lecam_start": 5}},
            "lecam_start=5 has no effect with regularization.name=cr",
        ),
        ({"top_k": 0.5, "loss": "relativistic"}, "top_k chooses them by their logits alone"),
        ({"top_k": 1.5}, "config.model.top_k must be above 0 and at most 1"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(model, message):
    with pytest.raises(ValueError, match=message) as error:
        build(**model)
    assert "\n" not in str(error.value)
