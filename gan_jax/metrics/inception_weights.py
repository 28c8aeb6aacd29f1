"""The published weights of the FID Inception-v3: where they lie, and their names in this package.

The file is pytorch-fid's conversion of TensorFlow's graph of 2015-12-05 (Apache-2.0);
torch-fidelity publishes the same bytes under another name.
"""

import contextlib
import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.metrics.torch_file import WeightsError, read_torch_file

FILE_NAME = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE_NAME}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
NUM_BYTES = 95_628_359
BATCH_NORM_EPSILON = 1e-3
# The same bytes, where pytorch-fid and torch-fidelity leave them.
TORCH_HUB_NAMES = (FILE_NAME, "weights-inception-2015-12-05-6726825d.pth")
_TIMEOUT_SECONDS = 30
_PIECE_BYTES = 1 << 20


def read(
    path: str | os.PathLike[str] | None = None, *, sha256: str | None = SHA256
) -> tuple[dict[str, np.ndarray], str]:
    """Reads the published file.

    Args:
      path: the file; None is answered by `find`.
      sha256: what the file must have; None accepts any.

    Returns:
      The arrays by PyTorch's names, and the file's SHA-256 in hexadecimal.

    Raises:
      WeightsError: not the published file, damaged, or not to be downloaded.
      OSError: the file cannot be read.
    """
    path = Path(path).expanduser() if path else find()
    state = read_torch_file(path, sha256=sha256)
    if sha256:
        return state, sha256
    with path.open("rb") as file:
        return state, hashlib.file_digest(file, "sha256").hexdigest()


def default_path() -> Path:
    """Where the file is kept: `$XDG_CACHE_HOME/gan_jax/weights`, or in `~/.cache/gan_jax`."""
    base = os.environ.get("XDG_CACHE_HOME")
    cache = Path(base) if base else Path.home() / ".cache"
    return cache / "gan_jax" / "weights" / FILE_NAME


def _torch_hub_paths() -> Iterator[Path]:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    hub = Path(os.environ.get("TORCH_HOME") or base / "torch") / "hub" / "checkpoints"
    yield from (hub / name for name in TORCH_HUB_NAMES)


def find() -> Path:
    """Finds the file at `default_path` or in PyTorch's cache, or downloads it to the former.

    Returns:
      Its path; unchecked where it was there before.

    Raises:
      WeightsError: it could not be downloaded, or something else came.
    """
    kept = default_path()
    for path in (kept, *_torch_hub_paths()):
        if path.is_file():
            return path
    download(URL, kept)
    return kept


def download(url: str, path: Path, *, sha256: str = SHA256, num_bytes: int = NUM_BYTES) -> None:
    """Downloads the file, checks it, and only then gives it its name.

    Args:
      url: from where.
      path: to where. The folder is made.
      sha256: what it must have, in hexadecimal.
      num_bytes: its length.

    Raises:
      WeightsError: no connection, no room, or other bytes than expected; one line says what to do
        by hand. Nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            digest = _copy(url, file, num_bytes)
        if digest != sha256:
            raise WeightsError("what came has another SHA-256 than the published file")
        os.replace(temporary, path)
    except (OSError, http.client.HTTPException, WeightsError) as e:
        if isinstance(e, urllib.error.HTTPError):
            e.close()
        reason = getattr(e, "reason", None) or getattr(e, "strerror", None) or e
        raise WeightsError(
            f"cannot download the weights of Inception-v3 ({_one_line(reason)}): put {url} at "
            f"{path} by hand, or take the extractor efficientnet_lite0, which needs no download"
        ) from e
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _copy(url: str, file: BinaryIO, num_bytes: int) -> str:
    """Returns the SHA-256 of what came; of at most one byte more than there should be."""
    digest, done = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
        while piece := response.read(min(_PIECE_BYTES, num_bytes + 1 - done)):
            file.write(piece)
            digest.update(piece)
            done += len(piece)
            _report(done, num_bytes)
    return digest.hexdigest()


def _report(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        print(f"\rweights of Inception-v3: {done / total:4.0%}", end=end, file=sys.stderr)


def _one_line(reason: object) -> str:
    return " ".join(str(reason).split())[:200]


def from_state_dict(state: Mapping[str, np.ndarray], shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Translates PyTorch's names and layouts, and folds each batch normalization into its kernel.

    y = scale * (conv(x) - mean) / sqrt(variance + epsilon) + bias is a convolution again, with a
    bias; the folding is done in float64. The last layer's bias is checked and left out, since the
    Inception Score does without.

    Args:
      state: arrays by name, float32, with kernels [O, I, KH, KW].
      shapes: the tree of the network's parameters, of anything with a shape.

    Returns:
      The parameters, float32.

    Raises:
      WeightsError: an array is missing, left over, or of another shape or dtype.
    """
    left = dict(state)
    params = _module(left, "", shapes)
    if left:
        raise _unfit(f"{len(left)} of its arrays are of no use to it, as '{min(left)}'")
    return params


def _module(left: dict[str, np.ndarray], name: str, shapes: Mapping[str, Any]) -> dict[str, Any]:
    if "kernel" not in shapes:
        return {
            child: _module(left, f"{name}.{child}" if name else child, shapes[child])
            for child in shapes
        }
    shape = shapes["kernel"].shape
    if len(shape) == 2:
        kernel = _take(left, f"{name}.weight", shape[::-1])
        _take(left, f"{name}.bias", shape[1:])
        return {"kernel": _float32(name, kernel.T)}
    return _convolution(left, name, shape)


def _convolution(left: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    features = shape[3:]
    kernel = _take(left, f"{name}.conv.weight", (shape[3], shape[2], *shape[:2]))
    gain, bias, mean, variance = (
        _take(left, f"{name}.bn.{part}", features)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    left.pop(f"{name}.bn.num_batches_tracked", None)
    if not (variance + BATCH_NORM_EPSILON > 0).all():
        raise _unfit(f"a variance of '{name}' is not positive")
    scale = gain / np.sqrt(variance + BATCH_NORM_EPSILON)
    return {
        "kernel": _float32(name, kernel.transpose(2, 3, 1, 0) * scale.reshape(1, 1, 1, -1)),
        "bias": _float32(name, bias - mean * scale),
    }


def _take(left: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name not in left:
        raise _unfit(f"'{name}' is missing")
    array = left.pop(name)
    if array.shape != shape or array.dtype != np.float32:
        raise _unfit(
            f"'{name}' is {array.dtype} {list(array.shape)} instead of float32 {list(shape)}"
        )
    return array.astype(np.float64)


def _float32(name: str, array: np.ndarray) -> jax.Array:
    if not np.isfinite(array).all():
        raise _unfit(f"'{name}' has numbers that are not finite")
    return jnp.asarray(array, jnp.float32)


def _unfit(reason: str) -> WeightsError:
    return WeightsError(f"these are not the weights of the FID Inception-v3: {reason}")
