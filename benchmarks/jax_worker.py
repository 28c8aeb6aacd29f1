"""The gan_jax side of `compare.py`: the project's own configs, networks and compiled steps.

What is timed is what `gan_jax.modes.benchmark` times and training runs: `steps_per_call` steps in
one compiled call, from data on the device to updated parameters. Augmentation is switched off and
D(G(z)) after the generator's update is left out, since the PyTorch reference does neither.
"""

import sys
import time
from pathlib import Path

import worker_protocol
from worker_protocol import Settings, Worker

# The configs belong to the checkout, not to the installed package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def make_config(settings: Settings):
    """The project's config of the system, with the comparison's sizes.

    Args:
      settings: What to measure.

    Returns:
      An `ml_collections.ConfigDict`: DCGAN's second recipe (`configs/dcgan_smoothed_cifar10.py`),
      WGAN-GP (`configs/wgan_gp_cifar10.py`) or SNGAN (`configs/sngan_cifar10.py`).
    """
    from configs import dcgan_smoothed_cifar10, sngan_cifar10, wgan_gp_cifar10

    recipes = {
        "dcgan": dcgan_smoothed_cifar10,
        "wgan_gp": wgan_gp_cifar10,
        "sngan": sngan_cifar10,
    }
    config = recipes[settings.system].get_config()
    config.model.network = settings.networks
    config.model.width = settings.width
    config.model.discriminator.steps = settings.critic_steps
    config.batch_size = settings.batch_size
    config.seed = settings.seed
    config.precision = {"tf32": "tfloat32"}.get(settings.precision, settings.precision)
    config.data.augment.flip = False
    config.data.augment.crop_padding = 0
    config.data.augment.rotation_degrees = 0.0
    config.data.placement = "device"
    return config


def load_images(settings: Settings):
    """The images, a NumPy array uint8 [N, 32, 32, 3]."""
    import numpy as np

    if settings.data != "random":
        return np.load(settings.data)
    shape = (worker_protocol.RANDOM_IMAGES, 32, 32, 3)
    return np.random.default_rng(settings.seed).integers(0, 256, shape, dtype=np.uint8)


def build(settings: Settings) -> Worker:
    """Makes the worker that runs gan_jax's step of these settings.

    Raises:
      RuntimeError: JAX does not have exactly one device of the kind asked for.
    """
    import jax

    platform = "gpu" if settings.device == "cuda" else "cpu"
    if jax.default_backend() != platform or jax.device_count() != 1:
        raise RuntimeError(f"JAX must have one {platform} device, not {jax.devices()}")

    from gan_jax import data
    from gan_jax.modes.benchmark import run as benchmark

    images = load_images(settings)
    streams = {"data": data.from_arrays({"image": images}, name="comparison")}
    case = benchmark.make_case(
        make_config(settings), steps=settings.steps_per_call, streams=streams
    )

    def run(steps: int) -> tuple[float, dict[str, float]]:
        calls, rest = divmod(steps, settings.steps_per_call)
        if rest:
            raise ValueError(f"{steps} steps are no multiple of {settings.steps_per_call} a call")
        start = time.perf_counter()
        for _ in range(calls):
            case.call()
        return time.perf_counter() - start, {}

    description = {
        "framework": "jax",
        "variant": f"scan of {settings.steps_per_call}",
        "versions": {
            **{name: _version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")},
            "python": sys.version.split()[0],
        },
        "threads": settings.threads,
        "device": jax.devices()[0].device_kind,
        "compile_seconds": case.compile_seconds,
        "gigaflops_per_step": case.flops / case.steps / 1e9,
        "peak_megabytes": case.peak_bytes / 1e6,
    }
    return Worker(description, run)


def _version(package: str) -> str:
    from importlib import metadata

    return metadata.version(package)


if __name__ == "__main__":
    sys.exit(worker_protocol.serve(build))
