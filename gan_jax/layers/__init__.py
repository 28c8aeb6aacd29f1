"""Building blocks of the networks: convolutions fast on every platform, residual blocks, norms."""

from gan_jax.layers.attention import SelfAttention
from gan_jax.layers.conditioning import ConditionalBatchNorm, Conditioning, Projection
from gan_jax.layers.convolution import Implementation, conv, conv_transpose, preferring
from gan_jax.layers.embedding import LabelEmbedding
from gan_jax.layers.geometry import (
    Padding,
    conv_flops,
    conv_output_size,
    conv_transpose_flops,
    conv_transpose_output_size,
)
from gan_jax.layers.minibatch import MinibatchDiscrimination
from gan_jax.layers.modules import (
    Conv,
    ConvTranspose,
    Dense,
    dcgan_init,
    glorot_init,
    he_init,
    orthogonal_init,
)
from gan_jax.layers.regularization import Dropout, Normalization, batch_norm
from gan_jax.layers.resampling import (
    ConvPool,
    UpsampleConv,
    average_pool,
    conv_pool,
    upsample_conv,
    upsample_nearest,
)
from gan_jax.layers.residual import DownBlock, UpBlock
from gan_jax.layers.spectral import COLLECTION as SPECTRAL
from gan_jax.layers.spectral import SpectralNorm, spectral_normalize

__all__ = [
    "SPECTRAL",
    "ConditionalBatchNorm",
    "Conditioning",
    "Conv",
    "ConvPool",
    "ConvTranspose",
    "Dense",
    "DownBlock",
    "Dropout",
    "Implementation",
    "LabelEmbedding",
    "MinibatchDiscrimination",
    "Normalization",
    "Padding",
    "Projection",
    "SelfAttention",
    "SpectralNorm",
    "UpBlock",
    "UpsampleConv",
    "average_pool",
    "batch_norm",
    "conv",
    "conv_flops",
    "conv_output_size",
    "conv_pool",
    "conv_transpose",
    "conv_transpose_flops",
    "conv_transpose_output_size",
    "dcgan_init",
    "glorot_init",
    "he_init",
    "orthogonal_init",
    "preferring",
    "spectral_normalize",
    "upsample_conv",
    "upsample_nearest",
]
