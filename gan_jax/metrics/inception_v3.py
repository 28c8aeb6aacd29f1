"""The Inception-v3 that FID, KID and the Inception Score are defined with.

It is the network of TensorFlow's graph `classify_image_graph_def.pb` of 2015-12-05 (Szegedy et al.
2015, Rethinking the Inception Architecture for Computer Vision, https://arxiv.org/abs/1512.00567),
which differs from other networks of that name: its average pools leave the padding out of the
count, its last block pools by the maximum, it resizes as TensorFlow 1 does, and it has 1008
classes. It agrees with torch-fidelity's `inception-v3-compat` and pytorch-fid's network;
`benchmarks/compare_inception.py` measures how closely.
"""

import functools
import os
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.metrics import inception_weights
from gan_jax.metrics.extractor import EXTRACTOR_TITLES, INCEPTION, Extractor
from gan_jax.metrics.resize import resize_bilinear_tf1

RESOLUTION = 299
FEATURES = 2048
CLASSES = 1008
_CONCATENATE = functools.partial(jnp.concatenate, axis=-1)


class Convolution(nn.Module):
    """Convolution with bias, into which batch normalization is folded, then ReLU.

    Attributes:
      features: channels that it makes.
      window: height and width.
      stride: stride along both axes.
      padding: "SAME" or "VALID".
    """

    features: int
    window: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H', W', features]."""
        shape = (*self.window, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        x = lax.conv_general_dilated(
            x,
            kernel,
            (self.stride, self.stride),
            self.padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            # Else a GPU rounds float32 to ten bits, and scores would depend on the machine.
            precision=lax.Precision.HIGHEST,
        )
        return nn.relu(x + bias.reshape(1, 1, 1, -1))


def _halve(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (3, 3), (2, 2), "VALID")


def _average(x: jax.Array) -> jax.Array:
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def _maximum(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (3, 3), (1, 1), "SAME")


class InceptionA(nn.Module):
    """Branches of windows 1, 5, 3 twice, and a pool (figure 5 of the paper)."""

    pool_features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H, W, 224 + pool_features]."""
        one = Convolution(64, name="branch1x1")(x)
        five = Convolution(48, name="branch5x5_1")(x)
        five = Convolution(64, (5, 5), name="branch5x5_2")(five)
        three = Convolution(64, name="branch3x3dbl_1")(x)
        three = Convolution(96, (3, 3), name="branch3x3dbl_2")(three)
        three = Convolution(96, (3, 3), name="branch3x3dbl_3")(three)
        pool = Convolution(self.pool_features, name="branch_pool")(_average(x))
        return _CONCATENATE([one, five, three, pool])


class InceptionB(nn.Module):
    """Halves height and width by convolutions next to a pool (figure 10 of the paper)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, (H - 1) // 2, (W - 1) // 2, C + 480]."""
        once = Convolution(384, (3, 3), 2, "VALID", name="branch3x3")(x)
        twice = Convolution(64, name="branch3x3dbl_1")(x)
        twice = Convolution(96, (3, 3), name="branch3x3dbl_2")(twice)
        twice = Convolution(96, (3, 3), 2, "VALID", name="branch3x3dbl_3")(twice)
        return _CONCATENATE([once, twice, _halve(x)])


class InceptionC(nn.Module):
    """Branches of windows of 7 in one axis after the other (figure 6 of the paper)."""

    inner_features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H, W, 768]."""
        inner = self.inner_features
        one = Convolution(192, name="branch1x1")(x)
        once = Convolution(inner, name="branch7x7_1")(x)
        once = Convolution(inner, (1, 7), name="branch7x7_2")(once)
        once = Convolution(192, (7, 1), name="branch7x7_3")(once)
        twice = Convolution(inner, name="branch7x7dbl_1")(x)
        twice = Convolution(inner, (7, 1), name="branch7x7dbl_2")(twice)
        twice = Convolution(inner, (1, 7), name="branch7x7dbl_3")(twice)
        twice = Convolution(inner, (7, 1), name="branch7x7dbl_4")(twice)
        twice = Convolution(192, (1, 7), name="branch7x7dbl_5")(twice)
        pool = Convolution(192, name="branch_pool")(_average(x))
        return _CONCATENATE([one, once, twice, pool])


class InceptionD(nn.Module):
    """Halves height and width a second time."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, (H - 1) // 2, (W - 1) // 2, C + 512]."""
        three = Convolution(192, name="branch3x3_1")(x)
        three = Convolution(320, (3, 3), 2, "VALID", name="branch3x3_2")(three)
        seven = Convolution(192, name="branch7x7x3_1")(x)
        seven = Convolution(192, (1, 7), name="branch7x7x3_2")(seven)
        seven = Convolution(192, (7, 1), name="branch7x7x3_3")(seven)
        seven = Convolution(192, (3, 3), 2, "VALID", name="branch7x7x3_4")(seven)
        return _CONCATENATE([three, seven, _halve(x)])


class InceptionE(nn.Module):
    """Branches that end in a row and a column of 3 side by side (figure 7 of the paper).

    Attributes:
      pool_maximum: whether it pools by the maximum, as the last block does, or by the average.
    """

    pool_maximum: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H, W, 2048]."""
        one = Convolution(320, name="branch1x1")(x)
        once = Convolution(384, name="branch3x3_1")(x)
        once_row = Convolution(384, (1, 3), name="branch3x3_2a")(once)
        once_column = Convolution(384, (3, 1), name="branch3x3_2b")(once)
        twice = Convolution(448, name="branch3x3dbl_1")(x)
        twice = Convolution(384, (3, 3), name="branch3x3dbl_2")(twice)
        twice_row = Convolution(384, (1, 3), name="branch3x3dbl_3a")(twice)
        twice_column = Convolution(384, (3, 1), name="branch3x3dbl_3b")(twice)
        pooled = _maximum(x) if self.pool_maximum else _average(x)
        pool = Convolution(192, name="branch_pool")(pooled)
        return _CONCATENATE([one, once_row, once_column, twice_row, twice_column, pool])


class InceptionV3(nn.Module):
    """Images to features and logits; it takes any size from 75 pixels up."""

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Extracts from images as they come, without resizing.

        Args:
          x: float32 [B, H, W, 3], of pixels (value - 128) / 128.

        Returns:
          Features float32 [B, 2048], the averages over the last block ("pool3"), and logits
          float32 [B, 1008] without their bias.
        """
        x = Convolution(32, (3, 3), 2, "VALID", name="Conv2d_1a_3x3")(x)
        x = Convolution(32, (3, 3), 1, "VALID", name="Conv2d_2a_3x3")(x)
        x = _halve(Convolution(64, (3, 3), name="Conv2d_2b_3x3")(x))
        x = Convolution(80, name="Conv2d_3b_1x1")(x)
        x = _halve(Convolution(192, (3, 3), 1, "VALID", name="Conv2d_4a_3x3")(x))
        x = InceptionA(32, name="Mixed_5b")(x)
        x = InceptionA(64, name="Mixed_5c")(x)
        x = InceptionA(64, name="Mixed_5d")(x)
        x = InceptionB(name="Mixed_6a")(x)
        x = InceptionC(128, name="Mixed_6b")(x)
        x = InceptionC(160, name="Mixed_6c")(x)
        x = InceptionC(160, name="Mixed_6d")(x)
        x = InceptionC(192, name="Mixed_6e")(x)
        x = InceptionD(name="Mixed_7a")(x)
        x = InceptionE(name="Mixed_7b")(x)
        x = InceptionE(pool_maximum=True, name="Mixed_7c")(x)
        features = jnp.mean(x, axis=(1, 2))
        logits = nn.Dense(CLASSES, use_bias=False, precision=lax.Precision.HIGHEST, name="fc")
        return features, logits(features)


def parameter_shapes() -> dict[str, Any]:
    """The tree of `InceptionV3`'s parameters, of `jax.ShapeDtypeStruct`."""
    pixels = jax.ShapeDtypeStruct((1, RESOLUTION, RESOLUTION, 3), jnp.float32)
    return jax.eval_shape(InceptionV3().init, jax.random.key(0), pixels)["params"]


def extract(params: Any, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Extracts as the original graph does, from the pixels on.

    Args:
      params: those of `InceptionV3`.
      images: uint8 [B, H, W, 3] in [0, 255]; resized to 299 pixels by `resize_bilinear_tf1`.

    Returns:
      Features float32 [B, 2048] and logits float32 [B, 1008], as of `InceptionV3`.

    Raises:
      ValueError: images of another dtype or shape.
    """
    if images.dtype != jnp.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            f"Inception-v3 takes images of uint8 [B, H, W, 3], not {images.dtype} "
            f"{list(images.shape)}"
        )
    pixels = resize_bilinear_tf1(images.astype(jnp.float32), (RESOLUTION, RESOLUTION))
    return InceptionV3().apply({"params": params}, (pixels - 128.0) / 128.0)


def inception(
    weights: str | os.PathLike[str] | None = None,
    *,
    sha256: str | None = inception_weights.SHA256,
) -> Extractor:
    """Builds the extractor that a bare "FID" means.

    Its logits are what the Inception Score is computed from: the features times the last layer's
    kernel, without its bias, as in Salimans et al. 2016's code and as torch-fidelity's
    `logits_unbiased`.

    Args:
      weights: path of `pt_inception-2015-12-05-6726825d.pth`; None looks where it is kept and
        downloads it once if it is not there (see `inception_weights.find`).
      sha256: what the file must have; None takes any weights of this network, whose scores are
        then no FID in the field's sense. The extractor says which file it was.

    Returns:
      The extractor "inception".

    Raises:
      WeightsError: the file is not the published one, or of another network, or cannot be
        downloaded.
      OSError: it cannot be read.
    """
    state, digest = inception_weights.read(weights, sha256=sha256)
    return Extractor(
        name=INCEPTION,
        title=EXTRACTOR_TITLES[INCEPTION],
        resolution=RESOLUTION,
        resize=f"TF1 bilinear to {RESOLUTION}",
        feature_dim=FEATURES,
        num_logits=CLASSES,
        weights_sha256=digest,
        params=inception_weights.from_state_dict(state, parameter_shapes()),
        apply=extract,
    )
