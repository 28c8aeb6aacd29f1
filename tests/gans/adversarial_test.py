"""The family adversarial: what its settings become."""

import dataclasses

import chex
import jax
import numpy as np
import pytest

from gan_jax import core, gans
from gan_jax.gans import adversarial
from gan_jax.gans.pair_settings import make_pair

IMAGES = {"image": core.ArraySpec((32, 32, 3))}
RUN = gans.Run(steps=10, batch_size=8)


@pytest.mark.parametrize(
    ("decay", "at_5"),
    [
        (0.9, 0.9),
        ({"kind": "constant", "value": 0.9}, 0.9),
        ({"kind": "linear", "value": 0.8, "to": 0.6, "steps": 10}, 0.7),
    ],
)
def test_the_decay_of_the_averages_is_a_number_or_a_schedule(decay, at_5):
    experiment = gans.build("adversarial", {"ema_decay": decay}, IMAGES, RUN)
    found = experiment.phases[0].gan.ema.decay
    assert (found(5) if callable(found) else found) == pytest.approx(at_5)


@pytest.mark.parametrize(
    ("changes", "one_batch"),
    [({}, True), ({"normalization": "batch"}, False), ({"minibatch_discrimination": 4}, False)],
)
def test_real_and_generated_images_share_a_batch_where_each_is_seen_alone(changes, one_batch):
    settings = adversarial.Settings(
        width=0.05, discriminator=adversarial.DiscriminatorSettings(**changes)
    )
    pair = make_pair(settings, (32, 32, 1), 0, gans.Run(steps=1, batch_size=4))
    assert pair.one_batch == one_batch
    networks = pair.init(jax.random.key(0))
    rng = np.random.default_rng(0)
    real, fake = rng.uniform(-1, 1, (2, 4, 32, 32, 1)).astype(np.float32)

    def logits(pair):
        key, labels = jax.random.key(1), [None, None]
        return pair.compare_all(networks.params, networks.variables, [real, fake], labels, key)[0]

    one_by_one = logits(dataclasses.replace(pair, one_batch=False))
    chex.assert_trees_all_close(logits(pair), one_by_one, rtol=1e-4, atol=1e-5)
    in_one_batch = logits(dataclasses.replace(pair, one_batch=True))
    assert np.allclose(in_one_batch, one_by_one, rtol=1e-3) == one_batch
