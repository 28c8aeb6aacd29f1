"""Batch normalisation with the project's constants, and dropout."""

from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp

Normalization = Literal["none", "batch"]


def batch_norm(*, train: bool, dtype: Any = jnp.float32, axis_name: str | None = None):
    """Builds a batch normalisation over all axes but the last (Ioffe and Szegedy 2015).

    PyTorch's constants: epsilon 1e-5, and 0.9 of the running statistics is kept at each update
    (Flax's momentum 0.9, PyTorch's 0.1). Statistics are float32 whatever the dtype; the running
    variance is that of the batch, without Bessel's correction. Scale is 1 and bias 0 at first.

    Args:
        train: Whether to normalise by the batch's own statistics and update the running ones in
            the collection `batch_stats`, or to normalise by the running ones.
        dtype: Dtype of the output.
        axis_name: Name of the pmap axis over which batch statistics are averaged, if any.

    Returns:
        A `flax.linen.BatchNorm`.
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        epsilon=1e-5,
        dtype=dtype,
        axis_name=axis_name,
    )


Dropout = nn.Dropout
