"""The arithmetic of a run: the type that networks compute in, and how exact float32 products are.

This is the one place that says it: training, penalties, sampling, evaluation and benchmarks take it
from here. JAX's default for float32 products is no float32 on accelerators: TF32 on an NVIDIA GPU
(10 bits of mantissa instead of 23), one pass of bfloat16 on a TPU (7 bits).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.names import check_name


class Precision(NamedTuple):
    """A choice of `config.precision`.

    Attributes:
      dtype: The type that networks compute in; parameters, penalties and losses are float32.
      matmul: How float32 products are computed, as `jax.default_matmul_precision` takes it.
    """

    dtype: Any
    matmul: str


PRECISIONS = {
    # True float32 on every platform; a TPU takes six passes of bfloat16 for it.
    "float32": Precision(jnp.float32, "highest"),
    # TF32 on an NVIDIA GPU of compute capability 8.0 on, three passes of bfloat16 on a TPU, float32
    # on a CPU.
    "tfloat32": Precision(jnp.float32, "tensorfloat32"),
    # Products of bfloat16 are exact and summed in float32, however they are asked for.
    "bfloat16": Precision(jnp.bfloat16, "highest"),
}


def matmul_precision(precision: str) -> contextlib.AbstractContextManager[None]:
    """A block in which products are traced as a precision has them.

    Args:
      precision: A key of `PRECISIONS`.

    Raises:
      ValueError: If it is none.
    """
    check_name("precision", precision, PRECISIONS)
    return jax.default_matmul_precision(PRECISIONS[precision].matmul)


def with_precision(function: Callable[..., Any], precision: str) -> Callable[..., Any]:
    """A function whose products, and their derivatives taken within it, have a precision.

    Args:
      function: Any function of arrays that is traced.
      precision: A key of `PRECISIONS`.

    Raises:
      ValueError: If it is none.
    """
    check_name("precision", precision, PRECISIONS)

    @functools.wraps(function)
    def traced(*args, **kwargs):
        with matmul_precision(precision):
            return function(*args, **kwargs)

    return traced
