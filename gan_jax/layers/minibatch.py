"""Minibatch discrimination: a discriminator that sees how alike the images of a batch are."""

import flax.linen as nn
import jax
import jax.numpy as jnp


class MinibatchDiscrimination(nn.Module):
    """Appends to each example's features its closeness to the others of the batch.

    With f the features, `M_i = f_i T` of shape [kernels, kernel_dim], example i gets
    `o_i[b] = sum over j != i of exp(-||M_i[b] - M_j[b]||_1)`. A generator that collapses makes
    batches whose members are close, and the discriminator can tell. The output of an example
    depends on the whole batch, so gradient penalties are not defined behind it.

    Salimans et al. 2016, arXiv:1606.03498, section 3.2.

    Attributes:
        kernels: Features to append, at least 1.
        kernel_dim: Dimensions that a distance is taken in.
        axis_name: Name of the pmap axis over which the batch is divided: closeness is then to the
            examples of all devices. With None it is to the examples of the array given: of the
            whole batch under `jax.jit`, on a mesh too, but of the device's own share under pmap.
    """

    kernels: int
    kernel_dim: int = 5
    axis_name: str | None = None

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        """Appends the closeness.

        Args:
            features: Floating point [B, F].

        Returns:
            [B, F + kernels], of the dtype of `features`; distances are taken in float32.

        Raises:
            ValueError: If the features are not [B, F] or `kernels` is below 1.
        """
        if features.ndim != 2 or self.kernels < 1:
            raise ValueError(
                "MinibatchDiscrimination wants features [B, F] and kernels >= 1, got shape "
                f"{features.shape} and {self.kernels}"
            )
        tensor = self.param(
            "tensor",
            nn.initializers.normal(0.02),
            (features.shape[1], self.kernels * self.kernel_dim),
        )
        mine = (features.astype(jnp.float32) @ tensor).reshape(-1, self.kernels, self.kernel_dim)
        everyone = mine
        if self.axis_name is not None and not self.is_initializing():
            everyone = jax.lax.all_gather(mine, self.axis_name, axis=0, tiled=True)
        distance = jnp.abs(mine[:, None] - everyone[None]).sum(-1)
        # Each example is at distance 0 from itself, which is exp(0) = 1 in the sum.
        closeness = jnp.exp(-distance).sum(1) - 1.0
        return jnp.concatenate([features, closeness.astype(features.dtype)], axis=1)
