"""Any number of images from a generator, for evaluation: each a function of its number alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import sampling
from gan_jax.core import Sampler, local_devices
from gan_jax.images import quantize


def make_fakes(
    sampler: Sampler, *, seed: int, truncation: float, batch_size: int
) -> Callable[..., Iterator[jax.Array]]:
    """A function that draws any number of images from a generator, divided over the devices.

    Image number i is a function of the weights, `seed` and i alone: not of the batch size, the
    number of devices, or of how many are drawn.

    Args:
      sampler: Of the game.
      seed: Of latents and labels.
      truncation: As `sampling.draw_latents`.
      batch_size: Images at a time, a multiple of the number of devices.

    Returns:
      `fakes(params, variables, count, label_frequencies)`, which yields uint8 [B, H, W, C]; labels
      of a conditional generator are drawn with `label_frequencies` [num_classes].
    """
    devices = local_devices()

    def draw(params, variables, frequencies, indices):
        keys = jax.vmap(lambda i: jax.random.split(jax.random.fold_in(jax.random.key(seed), i)))(
            indices
        )
        latents = jax.vmap(
            lambda key: sampling.draw_latents(key, 1, sampler.latent_dim, truncation=truncation)[0]
        )(keys[:, 0])
        labels = None
        if sampler.num_classes:
            log_frequencies = jnp.log(frequencies)
            labels = jax.vmap(lambda key: jax.random.categorical(key, log_frequencies))(keys[:, 1])
            labels = labels.astype(jnp.int32)
        return quantize(sampler.apply(params, variables, latents, labels))

    compiled = jax.jit(draw, out_shardings=devices.divided)

    def fakes(params, variables, count: int, label_frequencies) -> Iterator[jax.Array]:
        params = {name: params[name] for name in sampler.networks}
        variables = {name: variables[name] for name in sampler.networks}
        whole = jax.device_put((params, variables, np.float32(label_frequencies)), devices.whole)
        for start in range(0, count, batch_size):
            indices = np.arange(start, start + batch_size, dtype=np.int32)
            images = compiled(*whole, jax.device_put(indices, devices.divided))
            yield images if start + batch_size <= count else np.asarray(images)[: count - start]

    return fakes
