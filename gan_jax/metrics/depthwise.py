"""Depthwise convolution in two forms of the same mathematics.

XLA:CPU's grouped convolution is many times slower than the arithmetic needs. A depthwise
convolution is a sum over the window of shifted images, each times one number per channel, which
XLA:CPU compiles to one vectorized loop: on two cores EfficientNet-Lite0 extracts features of nine
times as many images per second with it (benchmarks/depthwise.py). Other platforms have a good
grouped convolution.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

Implementation = Literal["auto", "shifts", "lax"]


def depthwise_conv(
    x: jax.Array, kernel: jax.Array, *, stride: int = 1, implementation: Implementation = "auto"
) -> jax.Array:
    """Convolves every channel with its own window, padded as TensorFlow's "SAME".

    Args:
      x: float images [B, H, W, C].
      kernel: windows [K, K, 1, C] of the same dtype.
      stride: step in pixels, along both axes.
      implementation: "shifts", "lax", or "auto": shifts on CPU, lax elsewhere.

    Returns:
      Images [B, ceil(H / stride), ceil(W / stride), C] of x's dtype.

    Raises:
      ValueError: the shapes do not fit together, the stride is not positive, or there is no such
        implementation.
    """
    if x.ndim != 4 or kernel.ndim != 4 or kernel.shape[2:] != (1, x.shape[-1]):
        raise ValueError(
            "depthwise_conv: images must be [B, H, W, C] and the kernel [K, K, 1, C], not "
            f"{x.shape} and {kernel.shape}"
        )
    if stride < 1:
        raise ValueError(f"depthwise_conv: the stride must be at least 1, not {stride}")
    if _resolve(implementation) == "shifts":
        return _sum_of_shifts(x, kernel, stride)
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
        precision=lax.Precision.HIGHEST,
    )


def _sum_of_shifts(x, kernel, stride):
    batch, height, width, channels = x.shape
    rows, columns = -(-height // stride), -(-width // stride)
    pads = [
        _same_padding(size, window, stride)
        for size, window in zip((height, width), kernel.shape[:2], strict=True)
    ]
    # Without the barrier XLA fuses the padding into the sum: every term then needs every pixel
    # whether it lies in the image, and computes again what produced it.
    x = lax.optimization_barrier(jnp.pad(x, ((0, 0), *pads, (0, 0))))

    def shifted(i, j):
        limits = (batch, i + (rows - 1) * stride + 1, j + (columns - 1) * stride + 1, channels)
        return lax.slice(x, (0, i, j, 0), limits, (1, stride, stride, 1))

    return sum(
        shifted(i, j) * kernel[i : i + 1, j : j + 1]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    )


def _same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """TensorFlow's rule: ceil(size / stride) outputs, an odd pixel of padding at the end."""
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def _resolve(implementation: Implementation) -> str:
    if implementation == "auto":
        return "shifts" if jax.default_backend() == "cpu" else "lax"
    if implementation not in ("shifts", "lax"):
        raise ValueError(
            f"implementation must be 'auto', 'shifts' or 'lax', not {implementation!r}"
        )
    return implementation
