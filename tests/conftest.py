"""Settings of every test: four CPU devices, and JAX's own bug detectors switched on."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# The persistent compilation cache is off, in this process and in those that it starts: JAX writes
# an entry in place, so another process, or a start after a kill, may read half of one.
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
# Nearly all that the tests wait for is compilation, and half of that is LLVM's optimization.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "true"

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
