"""The residual generator and discriminator of SNGAN (Miyato et al. 2018).

Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks,
https://arxiv.org/abs/1802.05957. Layers, initial values and constants are those of the authors'
code for images of 32x32 (pfnet-research/sngan_projection); other sizes have more or fewer blocks.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import layers
from gan_jax.networks import inputs

NORMALIZATIONS = ("none", "spectral")


class ResNetGenerator(nn.Module):
    """Maps latents to images through residual blocks that double the size.

    A dense layer to base_size x base_size, a `layers.UpBlock` for each doubling, all of `features`
    channels, batch normalization, a ReLU, a 3x3 convolution to the image and a tanh.

    Batch statistics (collection `batch_stats`) are float32, kept with momentum 0.9, epsilon 2e-5.

    Attributes:
        image_size: Height and width of the images: base_size times a power of two.
        channels: Channels of the images.
        features: Channels of all hidden layers.
        width: Factor on the hidden channels, of which at least 4 are left.
        base_size: Height and width after the dense layer.
        num_classes: 0: the generator is unconditional.
        dtype: Dtype of the arithmetic; parameters and the returned images are float32.
        axis_name: Name of the pmap axis over which batch statistics are averaged, if any.
        implementation: Implementation of the convolutions, see `layers.conv`.
    """

    image_size: int = 32
    channels: int = 3
    features: int = 256
    width: float = 1.0
    base_size: int = 4
    num_classes: int = 0
    dtype: Any = jnp.float32
    axis_name: str | None = None
    implementation: layers.Implementation = "auto"

    @nn.compact
    def __call__(self, z: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Generates one image for each latent.

        Args:
            z: Latents [B, latent_dim].
            labels: None.
            train: Whether to normalize by the batch's own statistics and update the running ones.

        Returns:
            Images [B, image_size, image_size, channels], float32 in [-1, 1].

        Raises:
            ValueError: An input's shape or dtype is wrong, labels are given or classes asked for.
        """
        name = "ResNetGenerator"
        inputs.check_unconditional(name, self.num_classes)
        inputs.check_latents(name, z)
        inputs.check_labels(name, labels, 0, z.shape[0])
        size, features = self.base_size, inputs.scale_width(self.features, self.width)

        def norm():
            return layers.batch_norm(
                train=train, dtype=self.dtype, axis_name=self.axis_name, epsilon=2e-5
            )

        dense = layers.Dense(
            size * size * features, dtype=self.dtype, kernel_init=layers.glorot_init()
        )
        x = dense(z).reshape(-1, size, size, features)
        for _ in range(inputs.doublings(name, self.image_size, size)):
            x = layers.UpBlock(
                features, norm, dtype=self.dtype, implementation=self.implementation
            )(x)
        x = layers.Conv(
            self.channels,
            kernel_size=(3, 3),
            strides=(1, 1),
            dtype=self.dtype,
            kernel_init=layers.glorot_init(),
            implementation=self.implementation,
        )(nn.relu(norm()(x)))
        return jnp.tanh(x.astype(jnp.float32))


class ResNetDiscriminator(nn.Module):
    """Maps images to logits through residual blocks, a sum over pixels and a linear layer.

    A `layers.DownBlock` for each halving of the size, all of `features` channels, two that keep it,
    a ReLU, the sum over all pixels and a linear layer without bias. No activations are normalized.

    Attributes:
        image_size: Height and width of the images: base_size times a power of two.
        channels: Channels of the images.
        features: Channels of all hidden layers.
        width: Factor on the hidden channels, of which at least 4 are left.
        base_size: Height and width where the halving stops.
        normalization: `"spectral"` normalizes every kernel, one power iteration a pass in training
            (collection `spectral`); `"none"` none.
        dropout_rate: Share of activations dropped after each block; needs the rng stream
            `"dropout"` in training. Not in SNGAN.
        num_classes: 0: the discriminator is unconditional.
        dtype: Dtype of the blocks' arithmetic; parameters, the sum and the linear layer are
            float32.
        axis_name: Unused, no activations are normalized; here so that networks are exchangeable.
        implementation: Implementation of the convolutions, see `layers.conv`.
    """

    image_size: int = 32
    channels: int = 3
    features: int = 128
    width: float = 1.0
    base_size: int = 8
    normalization: layers.Normalization = "spectral"
    dropout_rate: float = 0.0
    num_classes: int = 0
    dtype: Any = jnp.float32
    axis_name: str | None = None
    implementation: layers.Implementation = "auto"

    @nn.compact
    def __call__(
        self, images: jax.Array, labels: jax.Array | None = None, *, train: bool
    ) -> jax.Array:
        """Discriminates each image.

        Args:
            images: Images [B, image_size, image_size, channels], floating in [-1, 1].
            labels: None.
            train: Whether power iterations are kept and dropout is on.

        Returns:
            Logits [B], float32; high means real.

        Raises:
            ValueError: An input's shape or dtype is wrong, labels are given or classes asked for.
        """
        name = "ResNetDiscriminator"
        inputs.check_unconditional(name, self.num_classes)
        inputs.check_images(name, images, self.image_size, self.channels)
        inputs.check_labels(name, labels, 0, images.shape[0])
        inputs.check_normalization(name, self.normalization, NORMALIZATIONS)
        spectral_norm = inputs.spectral_norm(self.normalization, train=train)
        features = inputs.scale_width(self.features, self.width)
        halvings = inputs.doublings(name, self.image_size, self.base_size)
        x = images.astype(self.dtype)
        for n in range(halvings + 2):
            x = layers.DownBlock(
                features,
                hidden=features,
                downsample=n < halvings,
                activate_input=n > 0,
                dtype=self.dtype,
                implementation=self.implementation,
                spectral_norm=spectral_norm,
            )(x)
            x = layers.Dropout(self.dropout_rate, deterministic=not train)(x)
        pooled = nn.relu(x).astype(jnp.float32).sum((1, 2))
        # The features that feature matching compares; free where "intermediates" is not mutable.
        self.sow("intermediates", "features", pooled)
        linear = layers.Dense(
            1, use_bias=False, kernel_init=layers.glorot_init(), spectral_norm=spectral_norm
        )
        return linear(pooled).reshape(-1)
