"""The generator, and the discriminator in three parts, of InfoGAN on MNIST (Chen et al. 2016).

Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel: InfoGAN, https://arxiv.org/abs/1606.03657.
Layers, initial values and constants are those of the authors' code (openai/InfoGAN) for 28x28
pixels. It has biases where batch normalization removes them, and so do these networks. Images are
in [-1, 1] here and in [0, 1] there: a sigmoid there is its double less one here, and the trunk maps
images back.
"""

import functools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import layers
from gan_jax.networks import inputs

# Of dense kernels and, truncated, of convolutions.
DEVIATION = 0.02
_dense_init = nn.initializers.normal(DEVIATION)
_conv_init = nn.initializers.truncated_normal(
    # Flax scales by the deviation after truncation, TensorFlow before.
    DEVIATION,
    lower=-2.0,
    upper=2.0,
)


def _scale_init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    return 1.0 + DEVIATION * jax.random.normal(key, shape, dtype)
