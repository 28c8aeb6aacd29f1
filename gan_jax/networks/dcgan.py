"""Deep convolutional generator and discriminator (Radford et al. 2015).

The three DCGAN recipes are instances of them.

Radford, Metz, Chintala: Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks, https://arxiv.org/abs/1511.06434.
"""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import layers
from gan_jax.networks import inputs


class DCGANGenerator(nn.Module):
    """Maps latents to images through transposed convolutions with batch normalization.

    A projection of z to base_size x base_size, then a 4x4 transposed convolution of stride 2 for
    each doubling of the size, each but the last followed by batch normalization and a (leaky) ReLU,
    and a tanh. Channels halve as the size doubles and end at `features`, so a larger image adds a
    wider layer at the small end. The projection is normalized like the layers after it; what is
    normalized has no bias, which the normalization would remove.

    Batch statistics (collection `batch_stats`) are float32, epsilon is 1e-5.
    `"SAME"` padding of a 4x4 kernel with stride 2 is PyTorch's padding 1.

    Attributes:
        image_size: Height and width of the images: base_size times a power of two.
        channels: Channels of the images.
        features: Channels of the last hidden layer.
        width: Factor on the hidden channels, of which at least 4 are left.
        base_size: Height and width after the projection.
        projection: `"dense"`, or `"conv"`: a transposed convolution of the latent seen as a 1x1
            image, kernel base_size x base_size, stride 1, padding 0. The two differ in the order
            of their parameters only.
        output_kernel: `4`: the last doubling makes the image. `3`: all doublings make features,
            and a 3x3 transposed convolution of stride 1 makes the image.
        negative_slope: Slope of the activation for negative values; 0 is a ReLU.
        num_classes: Number of labels; 0 for an unconditional generator. The label's embedding, of
            z's size, is concatenated with z.
        momentum: Share of the running statistics that an update keeps.
        dtype: Dtype of the arithmetic; parameters and the returned images are float32.
        axis_name: Name of the pmap axis over which batch statistics are averaged, if any.
        implementation: Implementation of the convolutions, see `layers.conv`.
    """

    image_size: int = 32
    channels: int = 3
    features: int = 128
    width: float = 1.0
    base_size: int = 4
    projection: Literal["dense", "conv"] = "dense"
    output_kernel: Literal[3, 4] = 4
    negative_slope: float = 0.0
    num_classes: int = 0
    momentum: float = 0.9
    dtype: Any = jnp.float32
    axis_name: str | None = None
    implementation: layers.Implementation = "auto"

    @nn.compact
    def __call__(self, z: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Generates one image for each latent.

        Args:
            z: Latents [B, latent_dim].
            labels: Labels [B], integers in [0, num_classes), for a conditional generator only.
            train: Whether to normalize by the batch's own statistics and update the running ones.

        Returns:
            Images [B, image_size, image_size, channels], float32 in [-1, 1].

        Raises:
            ValueError: An input's shape or dtype is wrong, or labels are missing or superfluous.
        """
        inputs.check_latents("DCGANGenerator", z)
        inputs.check_labels("DCGANGenerator", labels, self.num_classes, z.shape[0])
        if self.num_classes:
            embedded = layers.LabelEmbedding(self.num_classes, z.shape[1], dtype=z.dtype)(labels)
            z = jnp.concatenate([z, embedded], axis=1)
        first, *rest = self._widths()
        x = self._project(z.astype(self.dtype), first)
        x = self._normalize(x, train)
        for features in rest:
            x = self._normalize(self._upsample(features, use_bias=False)(x), train)
        x = self._to_image(x)
        return jnp.tanh(x.astype(jnp.float32))

    def _widths(self) -> list[int]:
        count = inputs.doublings("DCGANGenerator", self.image_size, self.base_size)
        count += self.output_kernel == 3
        last = inputs.scale_width(self.features, self.width)
        return [last * 2**n for n in reversed(range(count))]

    def _project(self, z, features):
        size = self.base_size
        if self.projection == "conv":
            return layers.ConvTranspose(
                features,
                kernel_size=(size, size),
                strides=(1, 1),
                padding=0,
                use_bias=False,
                dtype=self.dtype,
                implementation=self.implementation,
            )(z[:, None, None, :])
        dense = nn.Dense(
            size * size * features,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=layers.dcgan_init,
        )
        return dense(z).reshape(-1, size, size, features)

    def _normalize(self, x, train):
        norm = layers.batch_norm(
            train=train, dtype=self.dtype, axis_name=self.axis_name, momentum=self.momentum
        )
        return nn.leaky_relu(norm(x), self.negative_slope)

    def _upsample(self, features, use_bias):
        return layers.ConvTranspose(
            features, use_bias=use_bias, dtype=self.dtype, implementation=self.implementation
        )

    def _to_image(self, x):
        if self.output_kernel == 4:
            return self._upsample(self.channels, use_bias=True)(x)
        return layers.ConvTranspose(
            self.channels,
            kernel_size=(3, 3),
            strides=(1, 1),
            dtype=self.dtype,
            implementation=self.implementation,
        )(x)


class DCGANDiscriminator(nn.Module):
    """Maps images to logits through 4x4 convolutions of stride 2 and one linear layer.

    The same network without normalization is the critic of WGAN-GP. Each halving of the size
    doubles the channels, from `features` on. LeakyReLU after each convolution, then dropout.

    Batch statistics (collection `batch_stats`) are float32, kept with momentum 0.9, epsilon 1e-5.

    Attributes:
        image_size: Height and width of the images: base_size times a power of two.
        channels: Channels of the images.
        features: Channels of the first layer.
        width: Factor on the hidden channels, of which at least 4 are left.
        base_size: Height and width where the convolutions stop.
        head: `"dense"` on the flattened features, or `"conv"`: a convolution that covers them,
            kernel base_size x base_size, stride 1, padding 0. The two differ in the shape of their
            parameters only.
        normalization: `"batch"` normalizes what every convolution but the first returns;
            `"spectral"` every kernel, one power iteration a pass in training (collection
            `spectral`); `"none"` none.
        initializer: Initializer of the kernels: `"dcgan"`, N(0, 0.02), which is `"recipe"` here,
            `"orthogonal"`, or `"he"`, N(0, 2 / fan_in), with which a network without normalization
            answers to its input from the first step on.
        negative_slope: Slope of the LeakyReLU.
        dropout_rate: Share of activations dropped after each layer; needs the rng stream
            `"dropout"` in training.
        minibatch_kernels: Kernels of minibatch discrimination before a dense head; 0 for none.
        num_classes: Number of labels; 0 for an unconditional discriminator.
        conditioning: How a label is taken: `"concat"` concatenates its embedding with the image as
            one more channel, `"projection"` adds its product with the flattened features to the
            logit (`layers.Projection`).
        dtype: Dtype of the arithmetic; parameters and the returned logits are float32.
        axis_name: Name of the pmap axis over which batch statistics are averaged, if any.
        implementation: Implementation of the convolutions, see `layers.conv`.
    """

    image_size: int = 32
    channels: int = 3
    features: int = 128
    width: float = 1.0
    base_size: int = 4
    head: Literal["dense", "conv"] = "dense"
    normalization: layers.Normalization = "none"
    initializer: str = "recipe"
    negative_slope: float = 0.2
    dropout_rate: float = 0.0
    minibatch_kernels: int = 0
    num_classes: int = 0
    conditioning: layers.Conditioning = "concat"
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
            labels: Labels [B], integers in [0, num_classes), for a conditional discriminator only.
            train: Whether dropout is on and the batch's own statistics normalize.

        Returns:
            Logits [B], float32; high means real.

        Raises:
            ValueError: An input's shape or dtype is wrong, or labels are missing or superfluous.
        """
        name = "DCGANDiscriminator"
        inputs.check_discriminator(self, images, labels)
        kernel_init = inputs.recipe_initializer(name, self.initializer) or layers.dcgan_init
        spectral_norm = inputs.spectral_norm(self.normalization, train=train)
        x = inputs.with_label_plane(self, images.astype(self.dtype), labels)
        first = inputs.scale_width(self.features, self.width)
        for n in range(inputs.doublings(name, self.image_size, self.base_size)):
            normalized = self.normalization == "batch" and n > 0
            x = layers.Conv(
                first * 2**n,
                use_bias=not normalized,
                dtype=self.dtype,
                kernel_init=kernel_init,
                implementation=self.implementation,
                spectral_norm=spectral_norm,
            )(x)
            if normalized:
                norm = layers.batch_norm(train=train, dtype=self.dtype, axis_name=self.axis_name)
                x = norm(x)
            x = nn.leaky_relu(x, self.negative_slope)
            x = layers.Dropout(self.dropout_rate, deterministic=not train)(x)
        return inputs.with_projection(
            self,
            self._head(x, kernel_init, spectral_norm),
            x,
            labels,
            embedding_init=kernel_init,
            spectral_norm=spectral_norm,
        )

    def _head(self, x, kernel_init, spectral_norm):
        # The features that feature matching compares; free where "intermediates" is not mutable.
        self.sow("intermediates", "features", x.astype(jnp.float32))
        if self.head == "conv":
            if self.minibatch_kernels:
                raise ValueError("minibatch discrimination needs a dense head, this one is conv")
            logits = layers.Conv(
                1,
                kernel_size=(self.base_size, self.base_size),
                strides=(1, 1),
                padding=0,
                dtype=self.dtype,
                kernel_init=kernel_init,
                implementation=self.implementation,
                spectral_norm=spectral_norm,
            )(x)
        else:
            dense = layers.Dense(
                1, dtype=self.dtype, kernel_init=kernel_init, spectral_norm=spectral_norm
            )
            x = x.reshape(x.shape[0], -1)
            if self.minibatch_kernels:
                x = layers.MinibatchDiscrimination(
                    self.minibatch_kernels, axis_name=self.axis_name
                )(x)
            logits = dense(x)
        return logits.reshape(-1)
