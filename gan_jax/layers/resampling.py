"""Nearest-neighbor upsampling and average pooling by two, alone and in one with a convolution.

A 3x3 convolution of an image whose pixels were doubled sees each pixel two or four times: it is the
transposed 4x4 convolution of stride 2 of the image as it was, whose kernel is the sum of the 3x3
one at four places. Means over 2x2 after a 3x3 convolution are the transpose of that: a 4x4
convolution of stride 2. Both take 16 products for 36, and on a CPU Winograd's form of 2x2 taps
besides. A kernel with an even side has no such form: it is taken after or before the resampling.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers import convolution, geometry, spectral
from gan_jax.layers.modules import apply_kernel, dcgan_init
from gan_jax.layers.patches import pad_axis


def upsample_nearest(x: jax.Array) -> jax.Array:
    """Repeats every pixel in a square of two by two: [B, H, W, C] to [B, 2H, 2W, C].

    Raises:
        ValueError: x is no batch of images.
    """
    _check_rank("upsample_nearest", x)
    batch, height, width, channels = x.shape
    x = jnp.broadcast_to(x[:, :, None, :, None, :], (batch, height, 2, width, 2, channels))
    return x.reshape(batch, 2 * height, 2 * width, channels)


def average_pool(x: jax.Array) -> jax.Array:
    """Means over squares of two by two: [B, H, W, C] to [B, H / 2, W / 2, C], of x's dtype.

    Raises:
        ValueError: H or W is odd, or x is no batch of images.
    """
    _check_rank("average_pool", x)
    geometry.check_even("average_pool", x.shape)
    batch, height, width, channels = x.shape
    return x.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def _check_rank(name: str, x: jax.Array, kernel: jax.Array | None = None) -> None:
    if x.ndim != 4:
        raise ValueError(f"{name}: images must be [B, H, W, C], not of shape {x.shape}")
    if kernel is not None and kernel.ndim != 4:
        raise ValueError(f"{name}: the kernel must be [KH, KW, I, O], not of shape {kernel.shape}")


def upsample_conv(
    x: jax.Array, kernel: jax.Array, *, implementation: convolution.Implementation = "auto"
) -> jax.Array:
    """Upsamples by `upsample_nearest`, then convolves with stride 1 and padding `"SAME"`.

    Args:
        x: Images [B, H, W, I], floating.
        kernel: Kernel [KH, KW, I, O] of the same dtype.
        implementation: As `conv` takes it; Winograd's form is of 3x3 and 5x5 kernels here.

    Returns:
        Images [B, 2H, 2W, O] of x's dtype.

    Raises:
        ValueError: The shapes, dtypes and implementation do not fit.
    """
    _check_rank("upsample_conv", x, kernel)
    if kernel.shape[:2] == (1, 1):
        return upsample_nearest(convolution.conv(x, kernel, implementation=implementation))
    if not _is_odd(kernel):
        return convolution.conv(upsample_nearest(x), kernel, implementation=implementation)
    # A transposed convolution adds the kernel where a convolution reads it: mirrored, axes swapped.
    mirrored = jnp.swapaxes(_widened(kernel), 2, 3)[::-1, ::-1]
    return convolution.conv_transpose(
        x, mirrored, strides=2, padding=_half(kernel), implementation=implementation
    )


def conv_pool(
    x: jax.Array, kernel: jax.Array, *, implementation: convolution.Implementation = "auto"
) -> jax.Array:
    """Convolves with stride 1 and padding `"SAME"`, then takes means by `average_pool`.

    Args:
        x: Images [B, H, W, I], floating, of even height and width.
        kernel: Kernel [KH, KW, I, O] of the same dtype.
        implementation: As `conv` takes it; Winograd's form is of 3x3 and 5x5 kernels here.

    Returns:
        Images [B, H / 2, W / 2, O] of x's dtype.

    Raises:
        ValueError: H or W is odd, or the shapes, dtypes and implementation do not fit.
    """
    _check_rank("conv_pool", x, kernel)
    geometry.check_even("conv_pool", x.shape)
    if kernel.shape[:2] == (1, 1):
        return convolution.conv(average_pool(x), kernel, implementation=implementation)
    if not _is_odd(kernel):
        return average_pool(convolution.conv(x, kernel, implementation=implementation))
    return convolution.conv(
        x, _widened(kernel) / 4, strides=2, padding=_half(kernel), implementation=implementation
    )


def _is_odd(kernel: jax.Array) -> bool:
    return kernel.shape[0] % 2 == 1 and kernel.shape[1] % 2 == 1


def _half(kernel: jax.Array) -> geometry.Pairs:
    """The padding `"SAME"` of an odd kernel at stride 1."""
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    return (rows, rows), (columns, columns)


def _widened(kernel: jax.Array) -> jax.Array:
    """The sum of a kernel at four places, [KH + 1, KW + 1, I, O]."""
    for axis in (0, 1):
        kernel = pad_axis(kernel, axis, 0, 1) + pad_axis(kernel, axis, 1, 0)
    return kernel


class UpsampleConv(nn.Module):
    """Upsamples images [B, H, W, I] and convolves them to [B, 2H, 2W, features].

    See `upsample_conv`. Parameters, always float32: `kernel` [KH, KW, I, features] and, with
    `use_bias`, `bias` [features].

    Attributes:
        features: Output channels.
        kernel_size: Kernel size (KH, KW).
        use_bias: Whether to add a bias, zero at first.
        dtype: Dtype of the arithmetic and of the output.
        kernel_init: Initializer of the kernel.
        implementation: As `Conv` has it.
        spectral_norm: How the kernel is normalized; None for not at all.
    """

    features: int
    kernel_size: tuple[int, int] = (3, 3)
    use_bias: bool = True
    dtype: Any = jnp.float32
    kernel_init: nn.initializers.Initializer = dcgan_init
    implementation: convolution.Implementation = "auto"
    spectral_norm: spectral.SpectralNorm | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [B, 2H, 2W, features] of `dtype` for x [B, H, W, I]."""
        return apply_kernel(self, upsample_conv, x)


class ConvPool(nn.Module):
    """Convolves images [B, H, W, I] and takes means, to [B, H / 2, W / 2, features].

    See `conv_pool`. Parameters and attributes are those of `UpsampleConv`. The bias is added after
    the means, which is the same.
    """

    features: int
    kernel_size: tuple[int, int] = (3, 3)
    use_bias: bool = True
    dtype: Any = jnp.float32
    kernel_init: nn.initializers.Initializer = dcgan_init
    implementation: convolution.Implementation = "auto"
    spectral_norm: spectral.SpectralNorm | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [B, H / 2, W / 2, features] of `dtype` for x [B, H, W, I]."""
        return apply_kernel(self, conv_pool, x)
