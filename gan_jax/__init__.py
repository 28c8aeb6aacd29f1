"""Generative adversarial networks in JAX and Flax.

To generate images of a trained run:

    import gan_jax

    run = gan_jax.load("runs/dcgan")
    images = run.sample(16)  # uint8 [16, H, W, C]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_jax.runs.trained import TrainedRun, load

__version__ = "0.1.0"

__all__ = ["TrainedRun", "load"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: the losses alone need neither Flax nor the training stack.
    if name not in __all__:
        raise AttributeError(f"module 'gan_jax' has no attribute '{name}'")
    try:
        from gan_jax.runs import trained
    except ModuleNotFoundError as error:
        if "pip install" in str(error):
            raise
        message = f"gan_jax.{name}: {error}; pip install 'gan_jax[train]'"
        raise ModuleNotFoundError(message, name=error.name) from None
    return getattr(trained, name)
