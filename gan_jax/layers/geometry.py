"""Sizes, padding and operation counts of convolutions, from static shapes alone."""

import math
from collections.abc import Sequence
from typing import Any, Literal

Padding = Literal["SAME"] | int | Sequence[tuple[int, int]]
Pairs = tuple[tuple[int, int], tuple[int, int]]


def check_even(name: str, shape: Sequence[int]) -> None:
    """Raises a ValueError unless images of a shape (B, H, W, C) are of even height and width."""
    height, width = shape[1:3]
    if height % 2 or width % 2:
        raise ValueError(f"{name}: height and width must be even, not {height}x{width}")


def conv_padding(
    size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int], padding: Padding
) -> Pairs:
    """Resolves the padding of a convolution to ((top, bottom), (left, right)) zeros.

    Args:
        size: Input size (H, W).
        window: Kernel size (KH, KW).
        strides: Strides (SH, SW).
        padding: As in `conv`.

    Raises:
        ValueError: The padding is none of the documented forms, or a pair is negative.
    """
    if padding != "SAME":
        return _explicit_padding(padding, allow_negative=False)
    rows, columns = (
        max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, window, strides, strict=True)
    )
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)


def conv_transpose_padding(
    window: tuple[int, int], strides: tuple[int, int], padding: Padding
) -> Pairs:
    """Resolves the padding of a transposed convolution to ((top, bottom), (left, right)) cuts.

    Args:
        window: Kernel size (KH, KW).
        strides: Strides (SH, SW).
        padding: As in `conv_transpose`.

    Raises:
        ValueError: The padding is none of the documented forms.
    """
    if padding != "SAME":
        return _explicit_padding(padding, allow_negative=True)
    # A window smaller than its stride leaves gaps, so "SAME" appends zeros: a negative cut.
    rows, columns = (
        (max(k - s, 0) // 2, k - s - max(k - s, 0) // 2)
        for k, s in zip(window, strides, strict=True)
    )
    return rows, columns


def conv_output_size(
    size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int], padding: Padding
) -> tuple[int, int]:
    """Returns the size (OH, OW) of the output of `conv`, from static sizes alone.

    Args:
        size: (H, W) of the input.
        window: (KH, KW) of the kernel.
        strides: Down and across.
        padding: As `conv`.

    Raises:
        ValueError: The padded input is smaller than the kernel.
    """
    pads = conv_padding(size, window, strides, padding)
    rows, columns = (
        (n + low + high - k) // s + 1
        for n, k, s, (low, high) in zip(size, window, strides, pads, strict=True)
    )
    if min(rows, columns) < 1:
        raise ValueError(
            f"conv: an input of {size[0]}x{size[1]} padded by {pads} is smaller than the kernel, "
            f"{window[0]}x{window[1]}"
        )
    return rows, columns


def conv_transpose_output_size(
    size: tuple[int, int], window: tuple[int, int], strides: tuple[int, int], padding: Padding
) -> tuple[int, int]:
    """Returns the size (OH, OW) of the output of `conv_transpose`, from static sizes alone.

    Args:
        size: (H, W) of the input.
        window: (KH, KW) of the kernel.
        strides: Down and across.
        padding: As `conv_transpose`.

    Raises:
        ValueError: The padding cuts the whole output away.
    """
    pads = conv_transpose_padding(window, strides, padding)
    rows, columns = (
        (n - 1) * s + k - low - high
        for n, k, s, (low, high) in zip(size, window, strides, pads, strict=True)
    )
    if min(rows, columns) < 1:
        raise ValueError(
            f"conv_transpose: a padding of {pads} leaves nothing of the output for an input of "
            f"{size[0]}x{size[1]} and a kernel of {window[0]}x{window[1]}"
        )
    return rows, columns


def conv_flops(
    input_shape: Sequence[int],
    kernel_shape: Sequence[int],
    *,
    strides: int | tuple[int, int] = 1,
    padding: Padding = "SAME",
) -> int:
    """Counts the floating-point operations of one `conv`, two for each multiply-add.

    Products with padding zeros count, as in the usual formula 2 B OH OW KH KW I O. Either gradient
    costs the same again.

    Args:
        input_shape: Shape (B, H, W, I).
        kernel_shape: Shape (KH, KW, I, O).
        strides: As in `conv`.
        padding: As in `conv`.
    """
    batch, height, width, _ = input_shape
    window = (kernel_shape[0], kernel_shape[1])
    output = conv_output_size((height, width), window, pair(strides), padding)
    return 2 * batch * math.prod(output) * math.prod(kernel_shape)


def conv_transpose_flops(input_shape: Sequence[int], kernel_shape: Sequence[int]) -> int:
    """Counts the floating-point operations of one `conv_transpose`, two for each multiply-add.

    Products that the padding cuts away count, as in the usual formula 2 B H W KH KW I O, whatever
    the strides. Either gradient costs the same again.

    Args:
        input_shape: Shape (B, H, W, I).
        kernel_shape: Shape (KH, KW, O, I).
    """
    return 2 * math.prod(input_shape[:3]) * math.prod(kernel_shape)


def pair(strides: int | tuple[int, int]) -> tuple[int, int]:
    """Returns strides as (SH, SW), from one number or two; raises a ValueError otherwise."""
    given: Any = strides
    both = (given, given) if isinstance(given, int) else given
    whole = isinstance(both, (tuple, list)) and all(isinstance(stride, int) for stride in both)
    if not whole or len(both) != 2 or min(both) < 1:
        raise ValueError(f"strides must be a positive integer or two of them, not {strides!r}")
    return both[0], both[1]


def _explicit_padding(padding: Padding, allow_negative: bool) -> Pairs:
    try:
        both: Any = [(padding, padding)] * 2 if isinstance(padding, int) else padding
        (top, bottom), (left, right) = both
        pads = ((int(top), int(bottom)), (int(left), int(right)))
    except (TypeError, ValueError):
        raise ValueError(
            f"padding must be 'SAME', an integer or two pairs of integers, not {padding!r}"
        ) from None
    if not allow_negative and min(*pads[0], *pads[1]) < 0:
        raise ValueError(f"conv: padding must not be negative, not {padding!r}")
    return pads
