"""Two-dimensional convolutions as pure functions, in two forms of the same mathematics.

`lax` is XLA's own convolution. `matmul` rearranges the input into patches (or folds the columns of
a transposed convolution back into an image) around one matrix product. XLA:CPU's convolutions have
gradients that are many times slower than the forward pass, its matrix products do not, so `auto`
takes `matmul` on CPU and `lax` elsewhere.

`matmul` consists of products, reshapes and sums, and so has derivatives of every order, in forward
and reverse mode, wherever JAX runs; a test goes to the third. What `lax` has depends on XLA's
convolution of the platform: first and second derivatives (gradient penalties) are tested on the
CPU, and nothing is promised beyond them.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.layers import geometry, patches, platform

Implementation = Literal["auto", "matmul", "lax"]


def conv(
    x: jax.Array,
    kernel: jax.Array,
    *,
    strides: int | tuple[int, int] = 1,
    padding: geometry.Padding = "SAME",
    implementation: Implementation = "auto",
) -> jax.Array:
    """Convolves a batch of images (cross-correlation, as every deep learning library).

    With `padding=p` it is PyTorch's `conv2d(padding=p)`, with `"SAME"` TensorFlow's.

    Args:
        x: Images [B, H, W, I], floating.
        kernel: Kernel [KH, KW, I, O] of the same dtype.
        strides: Strides (SH, SW), or one number for both.
        padding: `"SAME"` for an output of ceil(H / SH) x ceil(W / SW), where an odd amount of
            padding puts the larger part at the bottom and right; an integer p for p zeros on every
            side; or ((top, bottom), (left, right)).
        implementation: `"matmul"`, `"lax"`, or `"auto"`: matmul on CPU, lax elsewhere.

    Returns:
        Images [B, OH, OW, O] of x's dtype, accumulated in float32 for bfloat16 input, where
        OH = (H + top + bottom - KH) // SH + 1, and OW likewise.

    Raises:
        ValueError: The shapes, dtypes, strides, padding or implementation do not fit together.
    """
    strides = _check_arguments("conv", x, kernel, strides, input_axis=2)
    (height, width), window = x.shape[1:3], kernel.shape[:2]
    pads = geometry.conv_padding((height, width), window, strides, padding)
    geometry.conv_output_size((height, width), window, strides, pads)
    if _resolve(implementation) == "matmul":
        return patches.conv(x, kernel, strides, pads)
    return lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def conv_transpose(
    x: jax.Array,
    kernel: jax.Array,
    *,
    strides: int | tuple[int, int] = 1,
    padding: geometry.Padding = "SAME",
    implementation: Implementation = "auto",
) -> jax.Array:
    """Transposes a convolution: the linear map whose matrix is the transpose of `conv`'s.

    `conv_transpose(y, kernel)` is the gradient of `conv(x, kernel)` for its input, with the same
    kernel array, strides and padding. So the kernel's axes are [KH, KW, O, I] as in TensorFlow,
    and x[i] adds to the outputs i * stride + k - low with weight kernel[k]. With `padding=p` it is
    PyTorch's `conv_transpose2d(padding=p)`; with `"SAME"` Keras' `Conv2DTranspose`. PyTorch's
    `output_padding=q` is the pair (p, p - q).

    Args:
        x: Images [B, H, W, I], floating.
        kernel: Kernel [KH, KW, O, I] of the same dtype.
        strides: Strides (SH, SW), or one number for both.
        padding: `"SAME"` for an output of H * SH x W * SW; an integer p to cut p rows and columns
            from every side of the full output; or ((top, bottom), (left, right)) cuts, of which
            a negative one appends zeros instead.
        implementation: `"matmul"`, `"lax"`, or `"auto"`: matmul on CPU, lax elsewhere.

    Returns:
        Images [B, OH, OW, O] of x's dtype, accumulated in float32 for bfloat16 input, where
        OH = (H - 1) * SH + KH - top - bottom, and OW likewise.

    Raises:
        ValueError: The shapes, dtypes, strides, padding or implementation do not fit together.
    """
    strides = _check_arguments("conv_transpose", x, kernel, strides, input_axis=3)
    size, window = x.shape[1:3], kernel.shape[:2]
    pads = geometry.conv_transpose_padding(window, strides, padding)
    geometry.conv_transpose_output_size(size, window, strides, pads)
    if _resolve(implementation) == "matmul":
        return patches.conv_transpose(x, kernel, strides, pads)
    full = tuple((k - 1 - low, k - 1 - high) for k, (low, high) in zip(window, pads, strict=True))
    return lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        (1, 1),
        full,
        lhs_dilation=strides,
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
    )


def _resolve(implementation: Implementation) -> str:
    if implementation == "auto":
        return "matmul" if platform.target() == "cpu" else "lax"
    if implementation not in ("matmul", "lax"):
        raise ValueError(
            f"implementation must be 'auto', 'matmul' or 'lax', not {implementation!r}"
        )
    return implementation


def _check_arguments(name, x, kernel, strides, input_axis) -> tuple[int, int]:
    if x.ndim != 4 or kernel.ndim != 4:
        raise ValueError(
            f"{name}: images must be [B, H, W, C] and the kernel of rank 4, not of shapes "
            f"{x.shape} and {kernel.shape}"
        )
    if x.shape[-1] != kernel.shape[input_axis]:
        raise ValueError(
            f"{name}: the images have {x.shape[-1]} channels, the kernel {kernel.shape} takes "
            f"{kernel.shape[input_axis]}"
        )
    if x.dtype != kernel.dtype or not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(
            f"{name}: images and kernel must share one floating dtype, not {x.dtype} and "
            f"{kernel.dtype}"
        )
    return geometry.pair(strides)
