"""Spectral normalization: kernels divided by their largest singular value.

Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks,
https://arxiv.org/abs/1802.05957.

A kernel is seen as a matrix [N, O], whose columns belong to the output's channels. The estimate
u [O] of its singular vector is no parameter: it lies in a collection of its own, "spectral", named
as the layer is. Each pass in training advances it by one power iteration, so whoever applies a
network twice hands the collection on from the first pass to the second.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

COLLECTION = "spectral"


@dataclasses.dataclass(frozen=True)
class SpectralNorm:
    """That a layer normalizes its kernel, and how.

    Attributes:
        update: Whether a pass keeps the vector that its power iteration found: in training. It is
            computed and used for this pass in any case.
        epsilon: Added to the length by which a vector is divided: 1e-12 as Miyato et al. and
            PyTorch, 1e-8 in BigGAN.
    """

    update: bool
    epsilon: float = 1e-12


def spectral_normalize(
    kernel: jax.Array, u: jax.Array, *, epsilon: float = 1e-12
) -> tuple[jax.Array, jax.Array]:
    """Divides a kernel by an estimate of its largest singular value, from one power iteration.

    With the kernel as a matrix W [N, O]: v = W u / |W u|, u = W^T v / |W^T v|, sigma = v^T W u.
    sigma depends on the kernel alone: u and v are constants to every derivative.

    Args:
        kernel: Kernel [..., O], float32: [KH, KW, I, O] of a convolution, [I, O] of a dense layer.
        u: Vector [O], float32, of any length but zero.
        epsilon: Added to the length of a vector before it is divided by it.

    Returns:
        The normalized kernel [..., O], and the new u [O], of length 1.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    constant = lax.stop_gradient(matrix)
    v = _unit(_dot(constant, lax.stop_gradient(u)), epsilon)
    u = _unit(_dot(v, constant), epsilon)
    sigma = _dot(v, _dot(matrix, u))
    return kernel / sigma, u


def normalized(module: nn.Module, kernel: jax.Array, norm: SpectralNorm | None) -> jax.Array:
    """The kernel that a module is to use: its parameter, normalized where it is to be.

    Args:
        module: The module that has the kernel, called from within its compact method.
        kernel: The parameter [..., O], float32.
        norm: None to leave the kernel as it is.

    Returns:
        A kernel [..., O], float32. With a norm the module has the variable `u` [O] in the
        collection "spectral", drawn from N(0, 1) by the stream "params".
    """
    if norm is None:
        return kernel

    def draw():
        return jax.random.normal(module.make_rng("params"), kernel.shape[-1:], jnp.float32)

    u = module.variable(COLLECTION, "u", draw)
    kernel, new = spectral_normalize(kernel, u.value, epsilon=norm.epsilon)
    if norm.update and not module.is_initializing():
        u.value = new
    return kernel


def _dot(left, right):
    # What an accelerator takes by default has errors of 1e-3 and more, and costs no less here.
    return jnp.dot(left, right, precision=lax.Precision.HIGHEST)


def _unit(vector, epsilon):
    return vector / (jnp.linalg.norm(vector) + epsilon)
