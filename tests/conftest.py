"""Settings of every test: four CPU devices, and JAX's own bug detectors switched on."""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Many tests train the same tiny run: its steps are compiled once for all of them. The process that
# starts the others makes the folder, they find it in their environment.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="gan_jax_tests_")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

import jax

jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_numpy_rank_promotion", "raise")

import numpy as np  # noqa: E402
import pytest  # noqa: E402


@pytest.fixture
def toy_extractor():
    """A cheap extractor: an image's means by quarters, and a fixed projection of them."""
    from gan_jax import metrics

    matrix = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)

    def apply(params, images):
        pixels = images.astype(jax.numpy.float32) / 127.5 - 1.0
        quarters = jax.image.resize(pixels, (len(pixels), 2, 2, 3), "linear")
        features = quarters.reshape(len(pixels), 12)
        return features, features @ params["matrix"]

    return metrics.Extractor(
        name="toy",
        title="Toy",
        resolution=2,
        resize="bilinear to 2",
        feature_dim=12,
        num_logits=5,
        weights_sha256="0" * 64,
        params={"matrix": matrix},
        apply=apply,
    )
