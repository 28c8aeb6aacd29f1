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

import functools
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.layers import geometry, platform

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
        return _matmul_conv(x, kernel, strides, pads)
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
        return _matmul_conv_transpose(x, kernel, strides, pads)
    full = tuple((k - 1 - low, k - 1 - high) for k, (low, high) in zip(window, pads, strict=True))
    return lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        (1, 1),
        full,
        lhs_dilation=strides,
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
    )


def _matmul_conv(x, kernel, strides, pads):
    columns = _unfold(x, kernel.shape[:2], strides, pads)
    matrix = kernel.reshape(columns.shape[-1], -1)
    y = _flat_matmul(columns, matrix, rhs_axis=0)
    return y.reshape(*columns.shape[:3], -1).astype(x.dtype)


def _matmul_conv_transpose(x, kernel, strides, pads):
    columns = _flat_matmul(x, kernel.reshape(-1, x.shape[-1]), rhs_axis=1)
    columns = columns.reshape(*x.shape[:3], *kernel.shape[:3])
    return _fold(columns, strides, pads).astype(x.dtype)


def _flat_matmul(x, matrix, rhs_axis):
    """Multiplies [..., K] by a matrix to [N, O] of float32 (or wider), for sums to go on in it."""
    # Of rank 2, because for more than one row axis XLA:CPU transposes a copy of the whole operand
    # in the gradient for the matrix.
    return lax.dot_general(
        x.reshape(-1, x.shape[-1]),
        matrix,
        (((1,), (rhs_axis,)), ((), ())),
        preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
    )


def _unfold(x, window, strides, pads):
    """Gathers the patches [B, OH, OW, KH * KW * I] under each position of the window."""
    height, width = geometry.conv_output_size(x.shape[1:3], window, strides, pads)
    x = _windows(x, 2, width, window[1], strides[1], pads[1])
    x = _windows(x, 1, height, window[0], strides[0], pads[0])
    return jnp.swapaxes(x, 2, 3).reshape(x.shape[0], height, width, -1)


def _fold(columns, strides, pads):
    """Adds patches [B, H, W, KH, KW, O] up where they overlap: the transpose of `_unfold`."""
    columns = jnp.swapaxes(columns, 2, 3)
    columns = _overlap_add(columns, 3, strides[1], pads[1])
    return _overlap_add(columns, 1, strides[0], pads[0])


def _windows(x, axis, count, window, stride, pads):
    """Turns an axis into [count, window]: the values under each position of a sliding window.

    A window is a few blocks as long as the stride, and block n of every window is one slice of the
    axis cut into such blocks: one copy of long runs for each block, not for each element.
    """
    lengths = _block_lengths(window, stride)
    blocks = count + len(lengths) - 1
    x = _pad_axis(x, axis, pads[0], blocks * stride - x.shape[axis] - pads[0])
    x = x.reshape(*x.shape[:axis], blocks, stride, *x.shape[axis + 1 :])
    pieces = [
        _pad_axis(_pad_axis(x, axis, -n, n + 1 - len(lengths)), axis + 1, 0, length - stride)
        for n, length in enumerate(lengths)
    ]
    return jnp.concatenate(pieces, axis=axis + 1)


def _overlap_add(x, axis, stride, pads):
    """Merges the axes [count, window] at `axis` by adding windows up: transposes `_windows`."""
    count, window = x.shape[axis : axis + 2]
    lengths = _block_lengths(window, stride)
    pieces = lax.split(x, lengths, axis=axis + 1)
    padded = [
        _pad_axis(_pad_axis(piece, axis, n, len(lengths) - 1 - n), axis + 1, 0, stride - length)
        for n, (piece, length) in enumerate(zip(pieces, lengths, strict=True))
    ]
    x = functools.reduce(jnp.add, padded)
    x = x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])
    size = (count - 1) * stride + window - sum(pads)
    return _pad_axis(x, axis, -pads[0], size + pads[0] - x.shape[axis])


def _block_lengths(window, stride):
    return [min(stride, window - start) for start in range(0, window, stride)]


def _pad_axis(x, axis, low, high):
    """Adds zeros at both ends of one axis, or cuts where an amount is negative."""
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (low, high, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


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
