"""Batch normalization with the project's constants, and a dropout that draws fewer bits."""

from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

# Of a discriminator: of its activations, or of its kernels.
Normalization = Literal["none", "batch", "spectral"]


def batch_norm(
    *,
    train: bool,
    dtype: Any = jnp.float32,
    axis_name: str | None = None,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    affine: bool = True,
    scale_init: nn.initializers.Initializer = nn.initializers.ones,
) -> nn.BatchNorm:
    """Builds a batch normalization over all axes but the last (Ioffe and Szegedy 2015).

    As PyTorch does, 0.9 of the running statistics is kept at each update (Flax's momentum 0.9,
    PyTorch's 0.1). Statistics are float32 whatever the dtype; the running variance is that of the
    batch, without Bessel's correction. The variance is the mean squared deviation from the mean,
    which is accurate however large the mean (Flax's default, E[x^2] - E[x]^2, loses its digits
    there). The bias is 0 at first.

    Args:
        train: Whether to normalize by the batch's own statistics and update the running ones in
            the collection `batch_stats`, or to normalize by the running ones.
        dtype: Dtype of the output.
        axis_name: Name of the pmap axis over which batch statistics are averaged, if any.
        epsilon: Added to the variance; by default PyTorch's.
        momentum: Share of the running statistics that an update keeps. With 0 they are those of the
            last batch.
        affine: Whether there are a scale and a bias.
        scale_init: Initializer of the scale, by default 1.
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=momentum,
        epsilon=epsilon,
        scale_init=scale_init,
        dtype=dtype,
        axis_name=axis_name,
        use_fast_variance=False,
        use_scale=affine,
        use_bias=affine,
    )


class Dropout(nn.Module):
    """Sets a random share of the values to zero and scales the others (Srivastava et al. 2014).

    Four values share 32 random bits, because drawing the bits is most of what dropout costs on a
    CPU. So the rate is rounded to a multiple of 1 / 256, and the scale matches the rounded rate:
    the expectation is exactly the input.

    Attributes:
        rate: Share to drop, in [0, 1).
        deterministic: Whether to return the input unchanged. Otherwise the rng stream `"dropout"`
            is needed, unless the rate is 0.
    """

    rate: float
    deterministic: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Returns x [..., C], floating, with some values zero.

        Raises:
            ValueError: The rate is outside [0, 1), or rounds to 1.
        """
        dropped = round(self.rate * 256)
        if not 0 <= self.rate < 1 or dropped == 256:
            raise ValueError(f"dropout rate must be in [0, 0.998], not {self.rate}")
        if self.deterministic or dropped == 0:
            return x
        keep = _random_bytes(self.make_rng("dropout"), x.shape) >= dropped
        return jnp.where(keep, x * (256 / (256 - dropped)), jnp.zeros_like(x))


def _random_bytes(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    # Words are drawn along the last axis alone, so that a batch divided over devices draws its
    # bits where its rows are.
    words = jax.random.bits(key, (*shape[:-1], -(-shape[-1] // 4)), jnp.uint32)
    pieces = jax.lax.bitcast_convert_type(words, jnp.uint8)
    return pieces.reshape(*shape[:-1], -1)[..., : shape[-1]]
