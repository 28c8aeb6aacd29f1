"""Settings of every test: four CPU devices, and JAX's own bug detectors switched on."""

import os
import shutil
import tempfile

from jaxlib import version

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Nearly all that the tests wait for is compilation, and half of that is LLVM's optimization.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "true"
# Half of the rest is code for fusions. Later releases emit it faster, do not know this flag, and
# end a process that has it.
if version.__version__.startswith("0.10."):
    flags = (os.environ.get("XLA_FLAGS"), "--xla_cpu_use_fusion_emitters=false")
    os.environ["XLA_FLAGS"] = " ".join(filter(None, flags))
# JAX writes an entry of its compilation cache in place: another process may read half of it. So
# processes that tests start have no cache; that of this process is its own, see below.
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)

import jax

jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_numpy_rank_promotion", "raise")

import numpy as np  # noqa: E402
import pytest  # noqa: E402


def pytest_configure():
    """Many tests train the same tiny run: each process of tests compiles its steps once."""
    folder = tempfile.mkdtemp(prefix=f"gan_jax_tests_{os.getpid()}_")
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_unconfigure():
    shutil.rmtree(jax.config.jax_compilation_cache_dir, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_session(tmp_path_factory):
    """Decoded images and downloaded weights are neither read from nor kept in the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


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
