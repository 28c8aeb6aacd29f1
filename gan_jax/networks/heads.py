"""Second heads of a discriminator: what else is read from its last features."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import layers
from gan_jax.networks import inputs


class ClassifierHead(nn.Module):
    """Maps a discriminator's last features to logits of classes by one dense layer.

    The auxiliary classifier of AC-GAN (Odena, Olah, Shlens 2017, https://arxiv.org/abs/1610.09585).

    Attributes:
        num_classes: Number of classes.
        normalization: `"spectral"` normalizes the kernel, one power iteration a pass in training
            (collection `spectral`); any other leaves it as it is.
    """

    num_classes: int
    normalization: layers.Normalization = "none"

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> jax.Array:
        """Classifies.

        Args:
            features: Features [B, ...] of the discriminator.
            train: Whether power iterations are kept.

        Returns:
            Logits [B, num_classes], float32.
        """
        spectral_norm = inputs.spectral_norm(self.normalization, train=train)
        flat = features.astype(jnp.float32).reshape(features.shape[0], -1)
        return layers.Dense(
            self.num_classes, kernel_init=layers.dcgan_init, spectral_norm=spectral_norm
        )(flat)
