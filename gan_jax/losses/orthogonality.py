"""Orthogonal regularization of kernels, as BigGAN has it."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp


def orthogonal_penalty(kernels: Iterable[jax.Array]) -> jax.Array:
    """Half the squared products of every two different outputs' weights, summed over kernels.

    With a kernel as a matrix W [N, O], whose columns belong to the outputs, this is half the
    squared Frobenius norm of W^T W without its diagonal: lengths of columns are free, angles are
    drawn to right ones. Its gradient, 2 W (W^T W without its diagonal), is what BigGAN's code adds
    to that of the loss, times 1e-4 where it is used.

    Args:
        kernels: Kernels [..., O], floating, of two axes or more.

    Returns:
        A float32 scalar; 0 of no kernels.

    Raises:
        ValueError: if a kernel is not floating point or has fewer axes than two.

    Example:
        >>> import jax.numpy as jnp
        >>> from gan_jax import losses
        >>> float(losses.orthogonal_penalty([jnp.array([[1.0, 2.0], [0.0, 3.0]])]))
        4.0

    References:
        Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis, 2019,
        arXiv:1809.11096, section 3.1.
    """
    total = jnp.zeros((), jnp.float32)
    for kernel in kernels:
        if kernel.ndim < 2 or not jnp.issubdtype(kernel.dtype, jnp.floating):
            raise ValueError(
                f"a kernel must be floating point [..., O], not {kernel.dtype} {list(kernel.shape)}"
            )
        matrix = kernel.astype(jnp.float32).reshape(-1, kernel.shape[-1])
        products = jnp.dot(matrix.T, matrix, precision=jax.lax.Precision.HIGHEST)
        others = products * (1.0 - jnp.eye(len(products), dtype=jnp.float32))
        total = total + 0.5 * jnp.sum(others**2)
    return total
