"""A small classifier of a data set's own images, as an extractor, and the classes of images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax.evaluation import features
from gan_jax.metrics import Extractor


class _Classifier(nn.Module):
    """Two convolutions of stride 2 and two dense layers."""

    num_classes: int
    width: int

    @nn.compact
    def __call__(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = images
        for channels in (self.width, 2 * self.width):
            x = nn.relu(nn.Conv(channels, (3, 3))(x))
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        hidden = nn.relu(nn.Dense(4 * self.width)(x.reshape(len(x), -1)))
        return hidden, nn.Dense(self.num_classes)(hidden)


def train_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    num_classes: int,
    steps: int = 1500,
    batch_size: int = 64,
    width: int = 16,
    seed: int = 0,
) -> Extractor:
    """Trains a small convolutional network to classify images.

    Enough for digits; a set of photographs needs a better network.

    Args:
      images: uint8 [N, H, W, C], C 1 or 3, H and W at least 4.
      labels: int [N] in [0, num_classes).
      num_classes: Number of classes.
      steps: Steps of Adam with a rate of 1e-3 that falls to zero.
      batch_size: Images in a step.
      width: Channels of the first layer.
      seed: Seed of the start and of the order, in 0..2**32 - 1.

    Returns:
      An extractor for images of the same size, whose logits are the classes'.

    Raises:
      ValueError: If the images are of another kind.
    """
    features.check_images(images)
    shape = images.shape[1:3]
    module = _Classifier(num_classes, width)

    def apply(params: Any, pixels: jax.Array) -> tuple[jax.Array, jax.Array]:
        if pixels.shape[1:3] != shape:
            raise ValueError(f"the classifier is of images of {shape}, not {pixels.shape[1:3]}")
        # What is gray comes with its plane repeated.
        gray = pixels[..., :1] if images.shape[3] == 1 else pixels
        return module.apply({"params": params}, gray.astype(jnp.float32) / 127.5 - 1.0)

    optimizer = optax.adam(optax.linear_schedule(1e-3, 0.0, steps))

    @jax.jit
    def step(params, state, pixels, classes):
        def loss(params):
            _, logits = apply(params, pixels)
            return optax.softmax_cross_entropy_with_integer_labels(logits, classes).mean()

        updates, state = optimizer.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, updates), state

    example = jnp.zeros((1, *images.shape[1:]), jnp.float32)
    params = jax.jit(module.init)(jax.random.key(seed), example)["params"]
    state, random = optimizer.init(params), np.random.default_rng(seed)
    for _ in range(steps):
        rows = random.integers(0, len(images), batch_size)
        params, state = step(params, state, images[rows], labels[rows].astype(np.int32))
    params = jax.tree.map(np.asarray, params)
    digest = hashlib.sha256(b"".join(leaf.tobytes() for leaf in jax.tree.leaves(params)))
    return Extractor(
        name="classifier",
        title=f"classifier trained on {len(images):,} images",
        resolution=max(shape),
        resize="not resized",
        feature_dim=4 * width,
        num_logits=num_classes,
        weights_sha256=digest.hexdigest(),
        params=params,
        apply=apply,
    )


def classify(extractor: Extractor, batches: Iterable[np.ndarray]) -> np.ndarray:
    """The classes that an extractor's logits are largest for.

    Args:
      extractor: A classifier of images.
      batches: uint8 [B, H, W, C], of any B, C 1 or 3.

    Returns:
      int64 [N].

    Raises:
      ValueError: If the images are of another kind, or there are none.
    """
    found = [part.logits.argmax(1) for part in features.make_extract(extractor)(batches)]
    if not found:
        raise ValueError("there are no images to classify")
    return np.concatenate(found)
