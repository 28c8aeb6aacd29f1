"""The networks of InfoGAN on MNIST: a generator, and a discriminator with a second head.

Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel: InfoGAN, https://arxiv.org/abs/1606.03657.
Layers, initial values and constants are those of the authors' code (openai/InfoGAN), which has
biases also where batch normalization removes them. Its images are in [0, 1] and ours in [-1, 1]:
the generator's sigmoid is stretched, and the trunk maps images back.

Batch statistics (collection `batch_stats`) are float32, kept with momentum 0.9, epsilon 1e-5; the
authors' code samples with those of the batch.
"""

import itertools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import layers
from gan_jax.networks import inputs

_DEVIATION = 0.02  # Of the start: of dense kernels, transposed convolutions, convolutions, scales.
_CONV_INIT = nn.initializers.truncated_normal(_DEVIATION)


def _scale_init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    return 1.0 + _DEVIATION * jax.random.normal(key, shape, dtype)


def _normalize(module: Any, x: jax.Array, train: bool) -> jax.Array:
    return layers.batch_norm(
        train=train, dtype=module.dtype, axis_name=module.axis_name, scale_init=_scale_init
    )(x)


def _dense(module: Any, features: int) -> layers.Dense:
    return layers.Dense(
        features, dtype=module.dtype, kernel_init=nn.initializers.normal(_DEVIATION)
    )


def _base_size(name: str, image_size: int) -> int:
    if image_size < 4 or image_size % 4:
        raise ValueError(f"{name}: image_size must be a multiple of 4, not {image_size}")
    return image_size // 4


class InfoGANGenerator(nn.Module):
    """Maps latents to images: two dense layers and two transposed convolutions.

    Dense 1024, dense to a quarter of the size and 128 channels, 64 channels at half of the size,
    each with batch normalization and a ReLU; then the image and a stretched sigmoid.

    Attributes:
        image_size: Height and width of the images, a multiple of 4.
        channels: Channels of the images.
        width: Factor on the hidden channels and units, of which at least 4 are left.
        dtype: Dtype of the arithmetic; parameters and the returned images are float32.
        axis_name: Name of the pmap axis over which batch statistics are averaged, if any.
        implementation: Implementation of the convolutions, see `layers.conv`.
    """

    image_size: int = 28
    channels: int = 1
    width: float = 1.0
    dtype: Any = jnp.float32
    axis_name: str | None = None
    implementation: layers.Implementation = "auto"

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Generates one image for each latent.

        Args:
            z: Latents [B, latent_dim], noise and codes.
            train: Whether to normalize by the batch's own statistics and update the running ones.

        Returns:
            Images [B, image_size, image_size, channels], float32 in [-1, 1].

        Raises:
            ValueError: The latents' shape or dtype, or the size, is wrong.
        """
        inputs.check_latents("InfoGANGenerator", z)
        size = _base_size("InfoGANGenerator", self.image_size)
        hidden, wide, narrow = (inputs.scale_width(n, self.width) for n in (1024, 128, 64))
        x = z.astype(self.dtype)
        for units in (hidden, size * size * wide):
            x = nn.relu(_normalize(self, _dense(self, units)(x), train))
        x = x.reshape(-1, size, size, wide)
        x = nn.relu(_normalize(self, self._upsample(narrow)(x), train))
        logits = self._upsample(self.channels)(x).astype(jnp.float32)
        return 2.0 * nn.sigmoid(logits) - 1.0

    def _upsample(self, features: int) -> layers.ConvTranspose:
        return layers.ConvTranspose(features, dtype=self.dtype, implementation=self.implementation)


class InfoGANTrunk(nn.Module):
    """Maps images to the features that both heads share.

    Convolutions of 64 and 128 channels, 4x4 with stride 2, and dense 1024, each with a LeakyReLU
    and all but the first with batch normalization.

    Attributes:
        image_size: Height and width of the images, a multiple of 4.
        channels: Channels of the images.
        width: Factor on the hidden channels and units, of which at least 4 are left.
        negative_slope: Slope of the LeakyReLU: the code's. The paper has 0.1.
        dtype: Dtype of the arithmetic; parameters and the returned features are float32.
        axis_name: Name of the pmap axis over which batch statistics are averaged, if any.
        implementation: Implementation of the convolutions, see `layers.conv`.
    """

    image_size: int = 28
    channels: int = 1
    width: float = 1.0
    negative_slope: float = 0.01
    dtype: Any = jnp.float32
    axis_name: str | None = None
    implementation: layers.Implementation = "auto"

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Extracts features.

        Args:
            images: Images [B, image_size, image_size, channels], floating in [-1, 1].
            train: Whether to normalize by the batch's own statistics and update the running ones.

        Returns:
            Features [B, 1024 * width], float32.

        Raises:
            ValueError: The images' shape or dtype, or the size, is wrong.
        """
        inputs.check_images("InfoGANTrunk", images, self.image_size, self.channels)
        _base_size("InfoGANTrunk", self.image_size)
        narrow, wide, hidden = (inputs.scale_width(n, self.width) for n in (64, 128, 1024))
        x = ((images + 1.0) / 2.0).astype(self.dtype)
        x = nn.leaky_relu(self._downsample(narrow)(x), self.negative_slope)
        x = _normalize(self, self._downsample(wide)(x), train)
        x = nn.leaky_relu(x, self.negative_slope).reshape(x.shape[0], -1)
        x = _normalize(self, _dense(self, hidden)(x), train)
        return nn.leaky_relu(x, self.negative_slope).astype(jnp.float32)

    def _downsample(self, features: int) -> layers.Conv:
        return layers.Conv(
            features,
            dtype=self.dtype,
            kernel_init=_CONV_INIT,
            implementation=self.implementation,
        )


class InfoGANDiscriminatorHead(nn.Module):
    """Maps features to logits by one dense layer.

    Attributes:
        dtype: Dtype of the arithmetic; parameters and the returned logits are float32.
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> jax.Array:
        """Discriminates.

        Args:
            features: The trunk's [B, F].
            train: Unused: training and sampling do the same.

        Returns:
            Logits [B], float32; high means real.
        """
        del train
        return _dense(self, 1)(features).reshape(-1).astype(jnp.float32)


class InfoGANCodeHead(nn.Module):
    """Maps features to a guess of the codes: dense 128, batch normalization, LeakyReLU, dense.

    Attributes:
        sizes: Numbers of values of the categorical codes.
        numbers: How many continuous codes.
        width: Factor on the hidden units, of which at least 4 are left.
        negative_slope: Slope of the LeakyReLU.
        dtype: Dtype of the arithmetic; parameters and what is returned are float32.
        axis_name: Name of the pmap axis over which batch statistics are averaged, if any.
    """

    sizes: tuple[int, ...] = (10,)
    numbers: int = 2
    width: float = 1.0
    negative_slope: float = 0.01
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, features: jax.Array, *, train: bool
    ) -> tuple[tuple[jax.Array, ...], jax.Array, jax.Array]:
        """Guesses the codes.

        Args:
            features: The trunk's [B, F].
            train: Whether to normalize by the batch's own statistics and update the running ones.

        Returns:
            Logits [B, size] of each categorical code, then the means [B, numbers] and the
            logarithms of the standard deviations [B, numbers] of the continuous ones; float32.
        """
        x = _dense(self, inputs.scale_width(128, self.width))(features)
        x = nn.leaky_relu(_normalize(self, x, train), self.negative_slope)
        x = _dense(self, sum(self.sizes) + 2 * self.numbers)(x).astype(jnp.float32)
        ends = itertools.accumulate((*self.sizes, self.numbers))
        *logits, mean, log_std = jnp.split(x, list(ends), axis=1)
        return tuple(logits), mean, log_std
