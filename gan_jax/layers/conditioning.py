"""What conditions a network on the label: normalization by class, and projection."""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers import spectral
from gan_jax.layers.embedding import LabelEmbedding
from gan_jax.layers.modules import glorot_init
from gan_jax.layers.regularization import batch_norm

# Of a discriminator on the label.
Conditioning = Literal["concat", "projection"]


class ConditionalBatchNorm(nn.Module):
    """Batch normalization whose scale and bias depend on the label (Dumoulin et al. 2017).

    Statistics are those of the whole batch, of all classes together (collection `batch_stats`), as
    `batch_norm` keeps them. Parameters, always float32: `scale/embedding` and `bias/embedding`, of
    [num_classes, C] each. Dumoulin et al.: A Learned Representation for Artistic Style,
    https://arxiv.org/abs/1610.07629.

    Attributes:
        num_classes: Number of labels.
        train: As of `batch_norm`.
        dtype: Dtype of the output.
        axis_name: As of `batch_norm`.
        epsilon: As of `batch_norm`.
        momentum: As of `batch_norm`.
        deviation: Standard deviation of the initial values: scales are N(1, deviation), biases
            N(0, deviation). BigGAN's 0.02, 0 elsewhere.
    """

    num_classes: int
    train: bool
    dtype: Any = jnp.float32
    axis_name: str | None = None
    epsilon: float = 1e-5
    momentum: float = 0.9
    deviation: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array) -> jax.Array:
        """Returns [B, ..., C] of `dtype` for x [B, ..., C] and labels [B], integers."""
        norm = batch_norm(
            train=self.train,
            dtype=self.dtype,
            axis_name=self.axis_name,
            epsilon=self.epsilon,
            momentum=self.momentum,
            affine=False,
        )

        def of_class(name, mean):
            def init(key, shape, dtype):
                # No draw where all are alike, so that the key is not used for nothing.
                noise = self.deviation * jax.random.normal(key, shape, dtype)
                return mean + noise if self.deviation else jnp.full(shape, mean, dtype)

            table = LabelEmbedding(
                self.num_classes, x.shape[-1], dtype=self.dtype, embedding_init=init, name=name
            )
            return table(labels).reshape(len(x), *(1,) * (x.ndim - 2), -1)

        return norm(x) * of_class("scale", 1.0) + of_class("bias", 0.0)


class Projection(nn.Module):
    """How well features go with a label: the product of both, added to a discriminator's logit.

    Miyato & Koyama: cGANs with Projection Discriminator, https://arxiv.org/abs/1802.05637.

    Attributes:
        num_classes: Number of labels.
        embedding_init: Initializer of the labels' embedding.
        spectral_norm: How the embedding is normalized, as a matrix; None for not at all.
    """

    num_classes: int
    embedding_init: nn.initializers.Initializer = glorot_init()
    spectral_norm: spectral.SpectralNorm | None = None

    @nn.compact
    def __call__(self, features: jax.Array, labels: jax.Array) -> jax.Array:
        """Returns [B], float32, for features [B, F] and labels [B], integers."""
        embedded = LabelEmbedding(
            self.num_classes,
            features.shape[-1],
            embedding_init=self.embedding_init,
            spectral_norm=self.spectral_norm,
        )(labels)
        return jnp.sum(features.astype(jnp.float32) * embedded, axis=-1)
