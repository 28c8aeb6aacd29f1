"""Flax modules: convolutions and the dense layer, whose kernels may be spectrally normalized."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers import convolution, geometry, spectral

# "All weights were initialized from a zero-centered Normal distribution with standard deviation
# 0.02" (Radford et al. 2015).
dcgan_init = nn.initializers.normal(0.02)
# Keeps the size of activations from layer to layer without normalization (He et al. 2015,
# arXiv:1502.01852).
he_init = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
# Rows and columns of equal length at right angles (Saxe et al. 2014, arXiv:1312.6120).
orthogonal_init = nn.initializers.orthogonal()


def glorot_init(*, gain: float = 1.0) -> nn.initializers.Initializer:
    """Uniform, of deviation gain * sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    return nn.initializers.variance_scaling(gain**2, "fan_avg", "uniform")


class Dense(nn.Module):
    """Maps vectors [..., I] to [..., features].

    Parameters, always float32: `kernel` [I, features] and, with `use_bias`, `bias` [features].

    Attributes:
        features: Output channels.
        use_bias: Whether to add a bias, zero at first.
        dtype: Dtype of the arithmetic and of the output.
        kernel_init: Initializer of the kernel.
        spectral_norm: How the kernel is normalized; None for not at all.
    """

    features: int
    use_bias: bool = True
    dtype: Any = jnp.float32
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    spectral_norm: spectral.SpectralNorm | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [..., features] of `dtype` for x [..., I]."""
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        kernel = spectral.normalized(self, kernel, self.spectral_norm)
        y = jax.lax.dot_general(
            x.astype(self.dtype), kernel.astype(self.dtype), (((x.ndim - 1,), (0,)), ((), ()))
        )
        return _add_bias(self, y)


class Conv(nn.Module):
    """Convolves images [B, H, W, I] to [B, OH, OW, features]; see `convolution.conv`.

    Parameters, always float32: `kernel` [KH, KW, I, features] and, with `use_bias`, `bias`
    [features]. Output size: ceil(H / stride) with `"SAME"`,
    (H + 2 * padding - KH) // stride + 1 with an integer padding.

    Attributes:
        features: Output channels.
        kernel_size: Kernel size (KH, KW).
        strides: Strides (SH, SW).
        padding: `"SAME"` (TensorFlow's), an integer (PyTorch's) or ((top, bottom), (left, right)).
        use_bias: Whether to add a bias, zero at first.
        dtype: Dtype of the arithmetic and of the output.
        kernel_init: Initializer of the kernel.
        implementation: As `convolution.conv` takes it.
        spectral_norm: How the kernel is normalized; None for not at all.
    """

    features: int
    kernel_size: tuple[int, int] = (4, 4)
    strides: tuple[int, int] = (2, 2)
    padding: geometry.Padding = "SAME"
    use_bias: bool = True
    dtype: Any = jnp.float32
    kernel_init: nn.initializers.Initializer = dcgan_init
    implementation: convolution.Implementation = "auto"
    spectral_norm: spectral.SpectralNorm | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [B, OH, OW, features] of `dtype` for x [B, H, W, I]."""
        convolve = functools.partial(convolution.conv, strides=self.strides, padding=self.padding)
        return apply_kernel(self, convolve, x)


class ConvTranspose(nn.Module):
    """Transposed convolution of images [B, H, W, I] to [B, OH, OW, features].

    See `convolution.conv_transpose`. Parameters, always float32: `kernel` [KH, KW, features, I]
    and, with `use_bias`, `bias` [features]. Output size: H * stride with `"SAME"`,
    (H - 1) * stride + KH - 2 * padding with an integer padding.

    Attributes:
        features: Output channels.
        kernel_size: Kernel size (KH, KW).
        strides: Strides (SH, SW).
        padding: `"SAME"` (Keras'), an integer (PyTorch's) or ((top, bottom), (left, right)).
        use_bias: Whether to add a bias, zero at first.
        dtype: Dtype of the arithmetic and of the output.
        kernel_init: Initializer of the kernel. It sees a shape whose output axis is the third,
            which matters to initializers that scale by fan.
        implementation: As `convolution.conv` takes it.
    """

    features: int
    kernel_size: tuple[int, int] = (4, 4)
    strides: tuple[int, int] = (2, 2)
    padding: geometry.Padding = "SAME"
    use_bias: bool = True
    dtype: Any = jnp.float32
    kernel_init: nn.initializers.Initializer = dcgan_init
    implementation: convolution.Implementation = "auto"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns [B, OH, OW, features] of `dtype` for x [B, H, W, I]."""
        shape = (*self.kernel_size, self.features, x.shape[-1])
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        y = convolution.conv_transpose(
            x.astype(self.dtype),
            kernel.astype(self.dtype),
            strides=self.strides,
            padding=self.padding,
            implementation=self.implementation,
        )
        return _add_bias(self, y)


def apply_kernel(module: Any, convolve: Callable[..., jax.Array], x: jax.Array) -> jax.Array:
    """What a convolution's module does: its kernel, normalized where it is to be, and its bias.

    Args:
        module: A module with the attributes of `Conv`, called from within its compact method.
        convolve: `(x, kernel, implementation=...) -> images`, as `convolution.conv`.
        x: Images [B, H, W, I].

    Returns:
        Images [B, OH, OW, features] of the module's dtype.
    """
    shape = (*module.kernel_size, x.shape[-1], module.features)
    kernel = module.param("kernel", module.kernel_init, shape, jnp.float32)
    kernel = spectral.normalized(module, kernel, module.spectral_norm)
    dtype = module.dtype
    y = convolve(x.astype(dtype), kernel.astype(dtype), implementation=module.implementation)
    return _add_bias(module, y)


def _add_bias(module: Any, y: jax.Array) -> jax.Array:
    """Adds a module's parameter `bias` to the last axis of y, if it is to have one."""
    if not module.use_bias:
        return y
    bias = module.param("bias", nn.initializers.zeros, (module.features,), jnp.float32)
    return y + bias.astype(module.dtype).reshape((1,) * (y.ndim - 1) + (-1,))
