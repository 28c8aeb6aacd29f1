"""The discriminator of SNGAN's "standard CNN" (Miyato et al. 2018).

Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks,
https://arxiv.org/abs/1802.05957, with the channels and slopes of an author's code
(pfnet-research/chainer-gan-lib), which has twice the paper's parameters. Its generator is a
`DCGANGenerator`.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax import layers
from gan_jax.networks import inputs


class SNDCGANDiscriminator(nn.Module):
    """Maps images to logits through 3x3 convolutions and 4x4 ones of stride 2, in turn.

    At each size a 3x3 convolution keeps the channels, `features` at first, and a 4x4 one doubles
    them as it halves the size; a 3x3 convolution at the smallest size and a linear layer follow.
    LeakyReLU after each convolution, then dropout. No activations are normalized.

    Attributes:
        image_size: Height and width of the images: base_size times a power of two.
        channels: Channels of the images.
        features: Channels of the first layer.
        width: Factor on the hidden channels, of which at least 4 are left.
        base_size: Height and width where the halving stops.
        normalization: `"spectral"` normalizes every kernel, one power iteration a pass in training
            (collection `spectral`); `"none"` none.
        initializer: Initializer of the kernels: `"recipe"`, N(0, 0.02), or a key of
            `INITIALIZERS`.
        negative_slope: Slope of the LeakyReLU; 0.1 in the paper's table, 0.2 in the code.
        dropout_rate: Share of activations dropped after each layer; needs the rng stream
            `"dropout"` in training. Not in SNGAN.
        num_classes: Number of labels; 0 for an unconditional discriminator.
        conditioning: How a label is taken: `"concat"` concatenates its embedding with the image as
            one more channel, `"projection"` adds its product with the flattened features to the
            logit (`layers.Projection`).
        dtype: Dtype of the arithmetic; parameters and the returned logits are float32.
        axis_name: Unused, no activations are normalized; here so that networks are exchangeable.
        implementation: Implementation of the convolutions, see `layers.conv`.
    """

    image_size: int = 32
    channels: int = 3
    features: int = 64
    width: float = 1.0
    base_size: int = 4
    normalization: layers.Normalization = "spectral"
    initializer: str = "recipe"
    negative_slope: float = 0.2
    dropout_rate: float = 0.0
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
            train: Whether power iterations are kept and dropout is on.

        Returns:
            Logits [B], float32; high means real.

        Raises:
            ValueError: An input's shape or dtype is wrong, or labels are missing or superfluous.
        """
        name = "SNDCGANDiscriminator"
        inputs.check_discriminator(self, images, labels, ("none", "spectral"))
        common = {
            "dtype": self.dtype,
            "kernel_init": inputs.recipe_initializer(name, self.initializer) or layers.dcgan_init,
            "spectral_norm": inputs.spectral_norm(self.normalization, train=train),
        }
        features = inputs.scale_width(self.features, self.width)
        halvings = inputs.doublings(name, self.image_size, self.base_size)
        shapes = [((3, 3), (1, 1), features)]
        for n in range(1, halvings + 1):
            shapes += [((4, 4), (2, 2), features * 2**n), ((3, 3), (1, 1), features * 2**n)]
        x = inputs.with_label_plane(self, images.astype(self.dtype), labels)
        for size, strides, channels in shapes:
            conv = layers.Conv(
                channels, size, strides, implementation=self.implementation, **common
            )
            x = nn.leaky_relu(conv(x), self.negative_slope)
            x = layers.Dropout(self.dropout_rate, deterministic=not train)(x)
        # The features that feature matching compares; free where "intermediates" is not mutable.
        self.sow("intermediates", "features", x.astype(jnp.float32))
        logits = layers.Dense(1, **common)(x.reshape(len(x), -1))
        return inputs.with_projection(
            self,
            logits.reshape(-1),
            x,
            labels,
            embedding_init=common["kernel_init"],
            spectral_norm=common["spectral_norm"],
        )
