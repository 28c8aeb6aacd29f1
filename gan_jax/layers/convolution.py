"""Two-dimensional convolutions as pure functions, in three forms of the same mathematics.

`lax` is XLA's own convolution. `matmul` rearranges the input into patches (or folds the columns of
a transposed convolution back into an image) around one matrix product. `winograd` takes fewer
products, where a kernel is two or three strides long; see `winograd.py` for the mathematics, its
papers and its error.

XLA:CPU's own convolutions have gradients that are many times slower than the forward pass, so
`auto` takes one of the other two on a CPU, and `lax` elsewhere. Of the two it takes `winograd`
where that was measured to be faster (`benchmarks/convolution_forms.py`): for many channels and
more than a few tiles. `preferring` changes what `auto` means.

`matmul` and `winograd` consist of products, reshapes and sums, and so have derivatives of every
order, in forward and reverse mode, wherever JAX runs; a test goes to the third. What `lax` has
depends on XLA's convolution of the platform: first and second derivatives (gradient penalties) are
tested on the CPU, and nothing is promised beyond them.
"""

import contextlib
import contextvars
import math
from collections.abc import Iterator
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.layers import geometry, minimal_filters, patches, platform, winograd

Implementation = Literal["auto", "matmul", "winograd", "lax"]

_PREFERRED: contextvars.ContextVar[Implementation] = contextvars.ContextVar(
    "convolution", default="auto"
)


# By measurement on both sides of these numbers.
_FEWEST_CHANNELS = 16
_FEWEST_POSITIONS = 256


@contextlib.contextmanager
def preferring(implementation: Implementation) -> Iterator[None]:
    """Traces every convolution that leaves its form open (`"auto"`) in this one.

    A convolution that has no such form is left as it was. JAX keeps what it has traced by function
    and shapes, and does not know of this choice: trace a function that was made for it.

    Args:
        implementation: `"matmul"`, `"winograd"`, `"lax"`, or `"auto"`.

    Raises:
        ValueError: If there is no such form.
    """
    _check_implementation(implementation)
    before = _PREFERRED.set(implementation)
    try:
        yield
    finally:
        _PREFERRED.reset(before)


def conv(
    x: jax.Array,
    kernel: jax.Array,
    *,
    strides: int | tuple[int, int] = 1,
    padding: geometry.Padding = "SAME",
    implementation: Implementation = "auto",
    tile: tuple[int, int] | None = None,
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
        implementation: `"matmul"`, `"winograd"`, `"lax"`, or `"auto"`: the fastest one here, by
            measurement.
        tile: Of Winograd's form, the outputs per tile (MH, MW), 2 or 4 each; by default 4
            where that takes less time by the count of `winograd.choose_tile`.

    Returns:
        Images [B, OH, OW, O] of x's dtype, accumulated in float32 for bfloat16 input, where
        OH = (H + top + bottom - KH) // SH + 1, and OW likewise.

    Raises:
        ValueError: The shapes, dtypes, strides, padding, implementation and tile do not fit.
    """
    strides = _check_arguments("conv", x, kernel, strides, input_axis=2)
    (height, width), window = x.shape[1:3], kernel.shape[:2]
    pads = geometry.conv_padding((height, width), window, strides, padding)
    size = geometry.conv_output_size((height, width), window, strides, pads)
    form = _form(implementation, kernel, strides, x.shape[0] * math.prod(size), tile)
    if form == "winograd":
        return winograd.conv(x, kernel, strides, pads, size, tile)
    if form == "matmul":
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
    tile: tuple[int, int] | None = None,
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
        implementation: `"matmul"`, `"winograd"`, `"lax"`, or `"auto"`: the fastest one here, by
            measurement.
        tile: Of Winograd's form, the inputs per tile (MH, MW), 2 or 4 each; by default 4
            where that takes less time by the count of `winograd.choose_tile`.

    Returns:
        Images [B, OH, OW, O] of x's dtype, accumulated in float32 for bfloat16 input, where
        OH = (H - 1) * SH + KH - top - bottom, and OW likewise.

    Raises:
        ValueError: The shapes, dtypes, strides, padding, implementation and tile do not fit.
    """
    strides = _check_arguments("conv_transpose", x, kernel, strides, input_axis=3)
    size, window = x.shape[1:3], kernel.shape[:2]
    pads = geometry.conv_transpose_padding(window, strides, padding)
    output = geometry.conv_transpose_output_size(size, window, strides, pads)
    form = _form(implementation, kernel, strides, math.prod(x.shape[:3]), tile)
    if form == "winograd":
        return winograd.conv_transpose(x, kernel, strides, pads, output, tile)
    if form == "matmul":
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


def _form(
    implementation: Implementation,
    kernel: jax.Array,
    strides: tuple[int, int],
    positions: int,
    tile: tuple[int, int] | None,
) -> str:
    """The form to take, for a kernel [KH, KW, ., .] at so many positions."""
    _check_implementation(implementation)
    has_winograd = winograd.has_form(kernel.shape[:2], strides)
    if implementation == "winograd" and not has_winograd:
        raise ValueError(
            f"winograd's form is of kernels two or three strides long, not of "
            f"{kernel.shape[0]}x{kernel.shape[1]} with strides {strides}"
        )
    if implementation == "auto" and (_PREFERRED.get() != "winograd" or has_winograd):
        implementation = _PREFERRED.get()
    if tile is not None:
        _check_tile(tile, implementation)
    if positions == 0:
        return "lax"  # Of no images there is nothing to rearrange.
    if implementation != "auto":
        return implementation
    if platform.target() != "cpu":
        return "lax"
    return "winograd" if has_winograd and _is_worth_it(kernel, positions) else "matmul"


def _check_tile(tile: tuple[int, int], implementation: str) -> None:
    if implementation != "winograd":
        raise ValueError(f"tile={tile} needs implementation='winograd', not {implementation!r}")
    sizes = minimal_filters.TILES
    if (
        not isinstance(tile, tuple)
        or len(tile) != 2
        or not all(isinstance(side, int) and side in sizes for side in tile)
    ):
        raise ValueError(f"tile must be a pair (MH, MW) of {sizes} each, not {tile!r}")


def _is_worth_it(kernel: jax.Array, positions: int) -> bool:
    """Whether Winograd's form is the faster one on a CPU; see `benchmarks/convolution_forms.py`."""
    return min(kernel.shape[2:]) >= _FEWEST_CHANNELS and positions >= _FEWEST_POSITIONS


def _check_implementation(implementation: str) -> None:
    if implementation not in get_args(Implementation):
        raise ValueError(
            f"implementation must be one of {', '.join(map(repr, get_args(Implementation)))}, not "
            f"{implementation!r}"
        )


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
