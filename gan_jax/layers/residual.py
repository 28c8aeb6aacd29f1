"""Residual blocks of generators and discriminators (He et al. 2016, arXiv:1603.05027).

As in the ResNets of Gulrajani et al. 2017 and Miyato et al. 2018 (https://arxiv.org/abs/1802.05957):
two 3x3 convolutions whose kernels are initialized with Glorot's gain sqrt(2), beside a shortcut
whose 1x1 convolution has gain 1. A 1x1 convolution commutes with upsampling by nearest neighbor and
with means, so the shortcuts convolve at the smaller size, which takes a fourth of the products.
"""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers import convolution, spectral
from gan_jax.layers.modules import Conv, glorot_init
from gan_jax.layers.resampling import ConvPool, UpsampleConv, average_pool, upsample_nearest

_main_init = glorot_init(gain=math.sqrt(2.0))
_shortcut_init = glorot_init()


class UpBlock(nn.Module):
    """Doubles the size of images [B, H, W, I]: a generator's residual block.

    norm, ReLU, upsampling, 3x3 convolution, norm, ReLU, 3x3 convolution; the shortcut is an
    upsampling and a 1x1 convolution, also where the channels stay.

    Attributes:
        features: Output channels.
        norm: Makes a normalization, a module that maps [B, H, W, C] to the same shape.
        dtype: Dtype of the arithmetic and of the output.
        implementation: As `Conv` has it.
        spectral_norm: How the kernels are normalized; None for not at all.
        kernel_init: Initializer of all kernels; None for Glorot's, as above.
    """

    features: int
    norm: Callable[[], Callable[[jax.Array], jax.Array]]
    dtype: Any = jnp.float32
    implementation: convolution.Implementation = "auto"
    spectral_norm: spectral.SpectralNorm | None = None
    kernel_init: nn.initializers.Initializer | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [B, 2H, 2W, features] of `dtype` for x [B, H, W, I]."""
        shortcut = upsample_nearest(_conv_1x1(self, self.features)(x))
        x = nn.relu(self.norm()(x))
        x = UpsampleConv(self.features, **_main(self))(x)
        x = nn.relu(self.norm()(x))
        return _conv_3x3(self, self.features)(x) + shortcut


class DownBlock(nn.Module):
    """Halves the size of images [B, H, W, I], or keeps it: a discriminator's residual block.

    ReLU, 3x3 convolution, ReLU, 3x3 convolution and, with `downsample`, means over two by two. The
    shortcut is a 1x1 convolution (and means) where the size or the channels change, else the input
    itself, before any ReLU.

    Attributes:
        features: Output channels.
        hidden: Channels between the two convolutions; None for those of the input.
        downsample: Whether to halve the size.
        activate_input: Whether a ReLU comes first; off in a network's first block, whose input is
            images.
        dtype: Dtype of the arithmetic and of the output.
        implementation: As `Conv` has it.
        spectral_norm: How the kernels are normalized; None for not at all.
        kernel_init: Initializer of all kernels; None for Glorot's, as above.
    """

    features: int
    hidden: int | None = None
    downsample: bool = True
    activate_input: bool = True
    dtype: Any = jnp.float32
    implementation: convolution.Implementation = "auto"
    spectral_norm: spectral.SpectralNorm | None = None
    kernel_init: nn.initializers.Initializer | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [B, H / 2, W / 2, features], or [B, H, W, features], of `dtype`.

        Args:
            x: Images [B, H, W, I]; H and W are even where they are halved.
        """
        shortcut = average_pool(x) if self.downsample else x
        if self.downsample or x.shape[-1] != self.features:
            shortcut = _conv_1x1(self, self.features)(shortcut)
        hidden = x.shape[-1] if self.hidden is None else self.hidden
        x = nn.relu(x) if self.activate_input else x
        x = nn.relu(_conv_3x3(self, hidden)(x))
        if self.downsample:
            x = ConvPool(self.features, **_main(self))(x)
        else:
            x = _conv_3x3(self, self.features)(x)
        return x + shortcut


def _main(module):
    return {"kernel_init": module.kernel_init or _main_init, **_common(module)}


def _common(module):
    return {
        "dtype": module.dtype,
        "implementation": module.implementation,
        "spectral_norm": module.spectral_norm,
    }


def _conv_3x3(module, features):
    return Conv(features, kernel_size=(3, 3), strides=(1, 1), **_main(module))


def _conv_1x1(module, features):
    init = module.kernel_init or _shortcut_init
    return Conv(features, kernel_size=(1, 1), strides=(1, 1), kernel_init=init, **_common(module))
