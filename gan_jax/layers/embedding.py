"""Embedding of class labels."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers import spectral


class LabelEmbedding(nn.Module):
    """Looks labels up in a trained table `embedding` [num_classes, features].

    The look-up is a product with one-hot rows, because the gradient of a gather is a scatter, whose
    sums come in no fixed order on a GPU: a resumed run would not repeat its bits. A label outside
    [0, num_classes) gives NaN.

    Attributes:
        num_classes: Number of labels.
        features: Length of an embedded label.
        dtype: Dtype of the output.
        embedding_init: Initializer of the table; N(0, 1) by default.
        spectral_norm: How the table is normalized, as a matrix [num_classes, features] whose vector
            u is [num_classes]; None for not at all.
    """

    num_classes: int
    features: int
    dtype: Any = jnp.float32
    embedding_init: nn.initializers.Initializer = nn.initializers.normal(1.0)
    spectral_norm: spectral.SpectralNorm | None = None

    @nn.compact
    def __call__(self, labels: jax.Array) -> jax.Array:
        """Returns [B, features] of `dtype` for labels [B], integers in [0, num_classes)."""
        shape = (self.num_classes, self.features)
        table = self.param("embedding", self.embedding_init, shape, jnp.float32)
        table = spectral.normalized(self, table.T, self.spectral_norm).T
        one_hot = jax.nn.one_hot(labels, self.num_classes, dtype=jnp.float32)
        embedded = jnp.dot(one_hot, table, precision=jax.lax.Precision.HIGHEST)
        known = (labels >= 0) & (labels < self.num_classes)
        return jnp.where(known[:, None], embedded, jnp.nan).astype(self.dtype)
