"""Initial kernels of the discriminators."""

import jax
import jax.numpy as jnp
import pytest

from gan_jax import networks


def test_he_kernels_keep_the_size_of_activations():
    """Without normalization N(0, 0.02) shrinks an image to nothing; N(0, 2 / fan_in) does not."""
    images = jax.random.normal(jax.random.key(0), (32, 32, 32, 3))

    def spread(initializer):
        critic = networks.make_discriminator(
            "dcgan_4x4", width=0.25, dropout_rate=0.0, initializer=initializer
        )
        variables = critic.init(jax.random.key(1), images, train=False)
        return float(jnp.std(critic.apply(variables, images, train=False)))

    assert 0.2 < spread("he") < 2.0
    assert spread("dcgan") < 0.01


def test_an_unknown_initializer_is_refused():
    critic = networks.make_discriminator("dcgan_4x4", initializer="hee")
    with pytest.raises(
        ValueError, match="initializer must be one of dcgan, he, orthogonal, not 'hee'"
    ):
        jax.eval_shape(
            lambda: critic.init(jax.random.key(0), jnp.zeros((2, 32, 32, 3)), train=False)
        )
