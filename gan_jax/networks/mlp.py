"""Fully connected generator and discriminator of the vanilla GAN (Goodfellow et al. 2014).

Goodfellow et al.: Generative Adversarial Nets, https://arxiv.org/abs/1406.2661. Three hidden layers
with LeakyReLU stand for the paper's rectifiers and maxout units.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import layers
from gan_jax.networks import inputs


class MLPGenerator(nn.Module):
    """Maps latents to images through dense layers of 256, 512 and 1024 units and a tanh.

    Attributes:
        image_size: Height and width of the images.
        channels: Channels of the images.
        hidden: Units of the hidden layers.
        width: Factor on the hidden units, of which at least 4 are left.
        negative_slope: Slope of the LeakyReLU.
        num_classes: Number of labels; 0 for an unconditional generator. The label's embedding, of
            z's size, is concatenated with z.
        dtype: Dtype of the arithmetic; parameters and the returned images are float32.
        axis_name: Unused, there is no batch normalization; here so that networks are exchangeable.
    """

    image_size: int = 32
    channels: int = 3
    hidden: tuple[int, ...] = (256, 512, 1024)
    width: float = 1.0
    negative_slope: float = 0.2
    num_classes: int = 0
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Generates one image for each latent.

        Args:
            z: Latents [B, latent_dim].
            labels: Labels [B], integers in [0, num_classes), for a conditional generator only.
            train: Unused: training and sampling do the same.

        Returns:
            Images [B, image_size, image_size, channels], float32 in [-1, 1].

        Raises:
            ValueError: An input's shape or dtype is wrong, or labels are missing or superfluous.
        """
        del train
        inputs.check_latents("MLPGenerator", z)
        inputs.check_labels("MLPGenerator", labels, self.num_classes, z.shape[0])
        if self.num_classes:
            embedded = layers.LabelEmbedding(self.num_classes, z.shape[1], dtype=z.dtype)(labels)
            z = jnp.concatenate([z, embedded], axis=1)
        x = z.astype(self.dtype)
        for units in self.hidden:
            x = nn.Dense(inputs.scale_width(units, self.width), dtype=self.dtype)(x)
            x = nn.leaky_relu(x, self.negative_slope)
        shape = (self.image_size, self.image_size, self.channels)
        x = nn.Dense(math.prod(shape), dtype=self.dtype)(x)
        return jnp.tanh(x.astype(jnp.float32)).reshape(-1, *shape)


class MLPDiscriminator(nn.Module):
    """Maps images to logits through dense layers of 512 and 256 units with dropout.

    Attributes:
        image_size: Height and width of the images.
        channels: Channels of the images.
        hidden: Units of the hidden layers.
        width: Factor on the hidden units, of which at least 4 are left.
        normalization: `"batch"` normalizes every hidden layer but the first (momentum 0.9, epsilon
            1e-5, collection `batch_stats`); `"spectral"` every kernel, one power iteration a pass
            in training (collection `spectral`); `"none"` none.
        negative_slope: Slope of the LeakyReLU.
        dropout_rate: Share of activations dropped after each hidden layer; needs the rng stream
            `"dropout"` in training.
        num_classes: Number of labels; 0 for an unconditional discriminator.
        conditioning: How a label is taken: `"concat"` concatenates its embedding with the flattened
            image, `"projection"` adds its product with the last hidden layer to the logit
            (`layers.Projection`).
        embedding_size: Length of the label's embedding, with `"concat"`.
        dtype: Dtype of the arithmetic; parameters and the returned logits are float32.
        axis_name: Name of the pmap axis over which batch statistics are averaged, if any.
    """

    image_size: int = 32
    channels: int = 3
    hidden: tuple[int, ...] = (512, 256)
    width: float = 1.0
    normalization: layers.Normalization = "none"
    negative_slope: float = 0.2
    dropout_rate: float = 0.3
    num_classes: int = 0
    conditioning: layers.Conditioning = "concat"
    embedding_size: int = 64
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, images: jax.Array, labels: jax.Array | None = None, *, train: bool
    ) -> jax.Array:
        """Discriminates each image.

        Args:
            images: Images [B, image_size, image_size, channels], floating in [-1, 1].
            labels: Labels [B], integers in [0, num_classes), for a conditional discriminator only.
            train: Whether dropout is on and the batch's own statistics normalize.

        Returns:
            Logits [B], float32; high means real.

        Raises:
            ValueError: An input's shape or dtype is wrong, or labels are missing or superfluous.
        """
        inputs.check_discriminator(self, images, labels)
        spectral_norm = inputs.spectral_norm(self.normalization, train=train)
        x = images.astype(self.dtype).reshape(images.shape[0], -1)
        if inputs.takes_label_with_image(self):
            embedding = layers.LabelEmbedding(
                self.num_classes, self.embedding_size, dtype=self.dtype
            )
            x = jnp.concatenate([x, embedding(labels)], axis=1)
        for n, units in enumerate(self.hidden):
            normalized = self.normalization == "batch" and n > 0
            units = inputs.scale_width(units, self.width)
            x = layers.Dense(
                units, use_bias=not normalized, dtype=self.dtype, spectral_norm=spectral_norm
            )(x)
            if normalized:
                norm = layers.batch_norm(train=train, dtype=self.dtype, axis_name=self.axis_name)
                x = norm(x)
            x = nn.leaky_relu(x, self.negative_slope)
            x = layers.Dropout(self.dropout_rate, deterministic=not train)(x)
        # The features that feature matching compares; free where "intermediates" is not mutable.
        self.sow("intermediates", "features", x.astype(jnp.float32))
        logits = layers.Dense(1, dtype=self.dtype, spectral_norm=spectral_norm)(x)
        return inputs.with_projection(
            self,
            logits.reshape(-1),
            x,
            labels,
            embedding_init=layers.glorot_init(),
            spectral_norm=spectral_norm,
        )
