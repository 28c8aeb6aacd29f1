"""The residual generator and discriminator of SNGAN, with and without labels, SAGAN and BigGAN.

Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks,
https://arxiv.org/abs/1802.05957. Miyato, Koyama: cGANs with Projection Discriminator,
https://arxiv.org/abs/1802.05637. Layers, initial values and constants are those of the authors'
code for images of 32x32 (pfnet-research/sngan_projection); other sizes have more or fewer blocks.
SAGAN's and BigGAN's networks for this size are the same ones with other constants; see the table
in `gan_jax.networks`.
"""

import functools
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import layers
from gan_jax.networks import inputs

NORMALIZATIONS = ("none", "spectral")


class ResNetGenerator(nn.Module):
    """Maps latents to images through residual blocks that double the size.

    A dense layer to base_size x base_size, a `layers.UpBlock` for each doubling, all of `features`
    channels, batch normalization, a ReLU, a 3x3 convolution to the image and a tanh. A conditional
    generator's blocks have a scale and a bias for each class; the last normalization does not.

    Batch statistics (collection `batch_stats`) are float32.

    Attributes:
        image_size: Height and width of the images: base_size times a power of two.
        channels: Channels of the images.
        features: Channels of all hidden layers.
        width: Factor on the hidden channels, of which at least 4 are left.
        base_size: Height and width after the dense layer.
        num_classes: Number of labels; 0 for an unconditional generator.
        normalization: `"spectral"` normalizes every kernel, one power iteration a pass in training
            (collection `spectral`), besides the batch normalization; `"none"` none.
        attention: Height and width of the map that a `layers.SelfAttention` follows; 0 for none.
        initializer: Initializer of the kernels: `"recipe"`, Glorot's with gain sqrt(2) in the
            blocks and 1 elsewhere, or a key of `INITIALIZERS`.
        batch_norm_epsilon: Added to variances.
        class_deviation: Standard deviation of the initial scales and biases of classes.
        spectral_epsilon: Added to the lengths of vectors of the spectral normalization.
        momentum: Share of the running statistics that an update keeps.
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
    normalization: Literal["none", "spectral"] = "none"
    attention: int = 0
    initializer: str = "recipe"
    batch_norm_epsilon: float = 2e-5
    class_deviation: float = 0.0
    spectral_epsilon: float = 1e-12
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
            ValueError: An input's shape or dtype is wrong, labels are missing or superfluous, or
                there is no map of the attention's size.
        """
        name = "ResNetGenerator"
        inputs.check_latents(name, z)
        inputs.check_labels(name, labels, self.num_classes, z.shape[0])
        inputs.check_normalization(name, self.normalization, NORMALIZATIONS)
        size, features = self.base_size, inputs.scale_width(self.features, self.width)
        doublings = inputs.doublings(name, self.image_size, size)
        inputs.check_attention(name, self.attention, [size * 2**n for n in range(1, doublings + 1)])
        init = inputs.recipe_initializer(name, self.initializer)
        common = {
            "dtype": self.dtype,
            "implementation": self.implementation,
            "spectral_norm": inputs.spectral_norm(
                self.normalization, train=train, epsilon=self.spectral_epsilon
            ),
        }
        outer = {"kernel_init": init or layers.glorot_init()}

        dense = {key: value for key, value in common.items() if key != "implementation"}
        x = layers.Dense(size * size * features, **outer, **dense)(z)
        x = x.reshape(-1, size, size, features)
        for _ in range(doublings):
            x = layers.UpBlock(features, _norm_of(self, train, labels), kernel_init=init, **common)(
                x
            )
            if x.shape[1] == self.attention:
                x = layers.SelfAttention(**outer, **common)(x)
        x = nn.relu(_norm_of(self, train, None)()(x))
        x = layers.Conv(self.channels, kernel_size=(3, 3), strides=(1, 1), **outer, **common)(x)
        return jnp.tanh(x.astype(jnp.float32))


class ResNetDiscriminator(nn.Module):
    """Maps images to logits through residual blocks, a sum over pixels and a linear layer.

    A `layers.DownBlock` for each halving of the size, all of `features` channels, two that keep it,
    a ReLU, the sum over all pixels and a linear layer. No activations are normalized.

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
        num_classes: Number of labels; 0 for an unconditional discriminator.
        conditioning: How a label is taken: `"projection"` adds the product of its embedding and the
            sum over pixels to the logit (`layers.Projection`), `"concat"` gives its embedding to
            the first block as one more channel.
        attention: Height and width of the map that a `layers.SelfAttention` follows, after the
            first block that makes it; 0 for none.
        initializer: Initializer of the kernels: `"recipe"`, Glorot's with gain sqrt(2) in the
            blocks and 1 elsewhere, or a key of `INITIALIZERS`.
        head_bias: Whether the linear layer has a bias.
        spectral_epsilon: Added to the lengths of vectors of the spectral normalization.
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
    conditioning: layers.Conditioning = "concat"
    attention: int = 0
    initializer: str = "recipe"
    head_bias: bool = False
    spectral_epsilon: float = 1e-12
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
            train: Whether power iterations are kept and dropout is on.

        Returns:
            Logits [B], float32; high means real.

        Raises:
            ValueError: An input's shape or dtype is wrong, labels are missing or superfluous, or
                there is no map of the attention's size.
        """
        name = "ResNetDiscriminator"
        inputs.check_discriminator(self, images, labels, NORMALIZATIONS)
        features = inputs.scale_width(self.features, self.width)
        halvings = inputs.doublings(name, self.image_size, self.base_size)
        inputs.check_attention(
            name, self.attention, [self.base_size * 2**n for n in reversed(range(halvings))]
        )
        init = inputs.recipe_initializer(name, self.initializer)
        spectral_norm = inputs.spectral_norm(
            self.normalization, train=train, epsilon=self.spectral_epsilon
        )
        common = {
            "dtype": self.dtype,
            "implementation": self.implementation,
            "spectral_norm": spectral_norm,
        }
        outer = init or layers.glorot_init()
        x = inputs.with_label_plane(self, images.astype(self.dtype), labels)
        for n in range(halvings + 2):
            x = layers.DownBlock(
                features,
                hidden=features,
                downsample=n < halvings,
                activate_input=n > 0,
                kernel_init=init,
                **common,
            )(x)
            x = layers.Dropout(self.dropout_rate, deterministic=not train)(x)
            if n < halvings and x.shape[1] == self.attention:
                x = layers.SelfAttention(kernel_init=outer, **common)(x)
        pooled = nn.relu(x).astype(jnp.float32).sum((1, 2))
        # The features that feature matching compares; free where "intermediates" is not mutable.
        self.sow("intermediates", "features", pooled)
        linear = layers.Dense(
            1, use_bias=self.head_bias, kernel_init=outer, spectral_norm=spectral_norm
        )
        return inputs.with_projection(
            self,
            linear(pooled).reshape(-1),
            pooled,
            labels,
            embedding_init=outer,
            spectral_norm=spectral_norm,
        )


def _norm_of(generator, train, labels):
    """What makes a normalization of the module within which it is called, a block say.

    A function and not a method, since Flax makes what a method makes a part of its own module.
    """
    fields = {
        "train": train,
        "dtype": generator.dtype,
        "axis_name": generator.axis_name,
        "epsilon": generator.batch_norm_epsilon,
        "momentum": generator.momentum,
    }

    def norm():
        if labels is None:
            return layers.batch_norm(**fields)
        by_class: Any = layers.ConditionalBatchNorm(
            generator.num_classes, deviation=generator.class_deviation, **fields
        )
        return functools.partial(by_class, labels=labels)

    return norm
