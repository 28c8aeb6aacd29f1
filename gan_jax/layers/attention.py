"""Self-attention over the pixels of a map.

Zhang, Goodfellow, Metaxas, Odena: Self-Attention Generative Adversarial Networks,
https://arxiv.org/abs/1805.08318, as in the authors' code. Their paper differs: it has values of an
eighth of the channels and no pooling.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers import convolution, geometry, spectral
from gan_jax.layers.modules import Conv, glorot_init


class SelfAttention(nn.Module):
    """Adds to each pixel of a map [B, H, W, C] a weighted mean of values of all others.

    Queries have an eighth of the channels, and so have keys; values have half. Keys and values are
    pooled by the largest of two by two, so that N = H * W queries attend to N / 4 keys. The weights
    are a softmax over the keys of the plain products, which are not divided by the root of their
    length. What comes of it is multiplied by the parameter `gamma`, a number that is 0 at first:
    the layer begins as the identity.

    Attributes:
        dtype: Dtype of the convolutions and of the output; the softmax is float32.
        kernel_init: Initializer of the kernels.
        implementation: As `Conv` has it.
        spectral_norm: How the kernels are normalized; None for not at all.
    """

    dtype: Any = jnp.float32
    kernel_init: nn.initializers.Initializer = glorot_init()
    implementation: convolution.Implementation = "auto"
    spectral_norm: spectral.SpectralNorm | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [B, H, W, C] of `dtype` for x [B, H, W, C]; H and W even.

        Raises:
            ValueError: H or W is odd.
        """
        batch, height, width, channels = x.shape
        geometry.check_even("SelfAttention", x.shape)
        narrow, values = max(1, channels // 8), max(1, channels // 2)
        query = self._project("query", narrow, x).reshape(batch, height * width, narrow)
        key = _pool(self._project("key", narrow, x))
        value = _pool(self._project("value", values, x))
        products = jnp.einsum("bqc,bkc->bqk", query, key, preferred_element_type=jnp.float32)
        weights = nn.softmax(products.astype(jnp.float32), axis=-1)
        attended = jnp.einsum("bqk,bkc->bqc", weights.astype(self.dtype), value)
        attended = attended.reshape(batch, height, width, values)
        gamma = self.param("gamma", nn.initializers.zeros, (), jnp.float32)
        return x.astype(self.dtype) + gamma.astype(self.dtype) * self._project(
            "output", channels, attended
        )

    def _project(self, name: str, features: int, x: jax.Array) -> jax.Array:
        return Conv(
            features,
            kernel_size=(1, 1),
            strides=(1, 1),
            use_bias=False,
            dtype=self.dtype,
            kernel_init=self.kernel_init,
            implementation=self.implementation,
            spectral_norm=self.spectral_norm,
            name=name,
        )(x)


def _pool(x: jax.Array) -> jax.Array:
    """The largest of two by two, with the pixels in one axis: [B, H, W, C] to [B, HW / 4, C]."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // 2, 2, width // 2, 2, channels).max((2, 4))
    return x.reshape(batch, -1, channels)
