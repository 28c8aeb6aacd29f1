"""Where gan_jax and PyTorch lay the same numbers out differently. NumPy only."""

import numpy as np

# Of the generator's first layer; [4, 4, C] there, of [C, 4, 4] in PyTorch.
_PROJECTION, _ITS_VECTOR = "generator/params/Dense_0/", "generator/spectral/Dense_0/u"


def to_torch(path: str, leaf: np.ndarray) -> np.ndarray:
    """A leaf of gan_jax's networks as PyTorch has it."""
    if path.startswith(_PROJECTION):
        leaf = np.moveaxis(leaf.reshape(*leaf.shape[:-1], 4, 4, -1), -1, -3)
        leaf = leaf.reshape(*leaf.shape[:-3], -1)
    if path == _ITS_VECTOR:
        leaf = np.moveaxis(leaf.reshape(4, 4, -1), -1, 0).ravel()
    if path.endswith("kernel"):
        leaf = leaf.transpose(3, 2, 0, 1) if leaf.ndim == 4 else leaf.T
    return np.ascontiguousarray(leaf)


def from_torch(path: str, leaf: np.ndarray) -> np.ndarray:
    """The reverse of `to_torch`."""
    if path.endswith("kernel"):
        leaf = leaf.transpose(2, 3, 1, 0) if leaf.ndim == 4 else leaf.T
    if path.startswith(_PROJECTION):
        leaf = np.moveaxis(leaf.reshape(*leaf.shape[:-1], -1, 4, 4), -3, -1)
        leaf = leaf.reshape(*leaf.shape[:-3], -1)
    if path == _ITS_VECTOR:
        leaf = np.moveaxis(leaf.reshape(-1, 4, 4), 0, -1).ravel()
    return np.ascontiguousarray(leaf)
