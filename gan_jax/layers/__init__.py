"""Building blocks of the networks: convolutions that are fast on every platform, embeddings."""

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
from gan_jax.layers.modules import Conv, ConvTranspose, dcgan_init, he_init
from gan_jax.layers.regularization import Dropout, Normalization, batch_norm
from gan_jax.layers.resampled import conv_pool, mean_pool, upsample_conv

__all__ = [
    "Conv",
    "ConvTranspose",
    "Dropout",
    "Implementation",
    "LabelEmbedding",
    "MinibatchDiscrimination",
    "Normalization",
    "Padding",
    "batch_norm",
    "conv",
    "conv_flops",
    "conv_output_size",
    "conv_pool",
    "conv_transpose",
    "conv_transpose_flops",
    "conv_transpose_output_size",
    "dcgan_init",
    "he_init",
    "mean_pool",
    "preferring",
    "upsample_conv",
]
