"""The family adversarial: what its settings become."""

import pytest

from gan_jax import core, gans

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
