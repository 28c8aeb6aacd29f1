"""The networks of the game of two: one generator, and one discriminator or critic."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.core import (
    Category,
    Input,
    Networks,
    Normal,
    Sampler,
    Weights,
    truncated_normal,
)
from gan_jax.gans.network import Net

# Images of a pass whose batch statistics are taken.
_STANDING_BATCH = 64


@dataclasses.dataclass(frozen=True)
class Pair:
    """The two networks of the game.

    Attributes:
      generator: `(latents [B, latent_dim], labels [B] or None) -> images [B, H, W, C]`.
      discriminator: `(images, labels) -> logits [B]`.
      image_shape: (H, W, C).
      latent_dim: Length of a latent.
      num_classes: 0 for an unconditional game.
      one_batch: Whether real and generated images go through the discriminator in one batch: where
        its logit of an image is the same whatever other images there are, which is faster, or
        where the recipe has one power iteration for both.
      uniform_labels: Whether labels of generated images are drawn, and not the real images'.
      generator_batch: Images of the generator's update, as a multiple of the real ones'.
      standing_statistics: Passes in training, each on a batch of latents and uniform labels, whose
        mean batch statistics take the place of the running ones before images are generated (Brock
        et al. 2019, arXiv:1809.11096, appendix D); 0 for the running ones.
    """

    generator: Net
    discriminator: Net
    image_shape: tuple[int, int, int]
    latent_dim: int
    num_classes: int
    one_batch: bool = False
    uniform_labels: bool = False
    generator_batch: int = 1
    standing_statistics: int = 0

    def init(self, key: jax.Array) -> Networks:
        """Initializes both networks."""
        generator_key, discriminator_key = jax.random.split(key)
        # Two of each, so that batch statistics exist.
        latents = jnp.zeros((2, self.latent_dim), jnp.float32)
        images = jnp.zeros((2, *self.image_shape), jnp.float32)
        labels = jnp.zeros((2,), jnp.int32) if self.num_classes else None
        made = {
            "generator": self.generator.init(generator_key, latents, labels),
            "discriminator": self.discriminator.init(discriminator_key, images, labels),
        }
        return Networks(
            {name: params for name, (params, _) in made.items()},
            {name: variables for name, (_, variables) in made.items()},
        )

    def generate(self, params, variables, latents, labels) -> tuple[jax.Array, Any]:
        """Images of the generator in training, and its collections."""
        applied = self.generator(
            params["generator"], variables["generator"], latents, labels, key=None
        )
        return applied.out, applied.variables

    def discriminate(self, params, variables, images, labels, key, *, features: bool = False):
        """Logits [B] of the discriminator in training, its collections, its features."""
        applied = self.discriminator(
            params["discriminator"],
            variables["discriminator"],
            images,
            labels,
            key=key,
            show=features,
        )
        return applied.out, applied.variables, applied.shown.get("features")

    def compare(self, params, variables, real, fake, labels, key, *, fake_labels=None):
        """Logits [B] each of real and generated images in training, and the collections.

        Generated images have the labels of the real ones unless others are given.
        """
        labels = [labels, labels if fake_labels is None else fake_labels]
        (real, fake), own = self.compare_all(params, variables, [real, fake], labels, key)
        return real, fake, own

    def compare_all(self, params, variables, images: Sequence[jax.Array], labels, key):
        """Logits [B] of each of several batches of images in training, and the collections.

        A discriminator takes all in one batch, or batch after batch, each with what it kept of the
        one before: real images first. `labels` are of each batch.
        """
        if self.one_batch:
            together = jnp.concatenate(images)
            joined = None if labels[0] is None else jnp.concatenate(labels)
            logits, own, _ = self.discriminate(params, variables, together, joined, key)
            return jnp.split(logits, len(images)), own
        found, keys = [], jax.random.split(key, len(images))
        for one, own_labels, own_key in zip(images, labels, keys, strict=True):
            logits, own, _ = self.discriminate(params, variables, one, own_labels, own_key)
            variables = {**variables, "discriminator": own}
            found.append(logits)
        return found, variables["discriminator"]

    def critic(self, params, variables, labels, key) -> Callable[[jax.Array], jax.Array]:
        """The discriminator as a float32 function `images -> logits` for the penalties."""
        return self.discriminator.in_float32(
            params["discriminator"], variables["discriminator"], labels, key=key
        )

    def labels(self, batch: Mapping[str, jax.Array]) -> jax.Array | None:
        """The real images' labels [B] in a conditional game, else None."""
        return batch["label"] if self.num_classes else None

    def fake_labels(self, batch: Mapping[str, jax.Array]) -> jax.Array | None:
        """Labels [B] of the images generated for the discriminator's update, or None."""
        return batch["fake_label"] if self.uniform_labels else self.labels(batch)

    def generator_labels(self, batch: Mapping[str, jax.Array]) -> jax.Array | None:
        """Labels [B * generator_batch] of the images of the generator's update, or None."""
        if self.uniform_labels:
            return batch["generator_label"]
        labels = self.labels(batch)
        return None if labels is None else jnp.tile(labels, self.generator_batch)

    def sampler(self) -> Sampler:
        """How the trained generator generates images."""
        inputs: dict[str, Input] = {"z": Normal((self.latent_dim,))}
        if self.num_classes:
            inputs["label"] = Category(self.num_classes, labels="label")

        options: dict[str, Any] = {"truncation": None}
        if self.standing_statistics:
            options["standing_statistics"] = self.standing_statistics

        def apply(
            weights: Weights,
            drawn: Mapping[str, jax.Array],
            *,
            truncation: float | None = None,
            standing_statistics: int | None = None,
        ):
            del standing_statistics  # They are of the weights by now.
            return self.generator.sample(
                weights.params["generator"],
                weights.variables["generator"],
                truncated_normal(drawn["z"], truncation),
                drawn.get("label"),
            )

        return Sampler(
            inputs,
            apply,
            ("generator",),
            options=options,
            prepare=self._with_standing_statistics if self.standing_statistics else None,
        )

    def _with_standing_statistics(
        self, weights: Weights, *, truncation: float | None, standing_statistics: int
    ) -> Weights:
        """The weights with means of the batch statistics of several passes in training."""
        module = self.generator.module.clone(momentum=0.0, axis_name=None)
        variables = weights.variables["generator"]

        def of_pass(number: jax.Array) -> Any:
            z_key, label_key = jax.random.split(jax.random.fold_in(jax.random.key(0), number))
            z = jax.random.normal(z_key, (_STANDING_BATCH, self.latent_dim))
            labels = None
            if self.num_classes:
                labels = jax.random.randint(label_key, (_STANDING_BATCH,), 0, self.num_classes)
            applied = Net(module)(
                weights.params["generator"],
                variables,
                truncated_normal(z, truncation),
                labels,
                key=None,
            )
            return applied.variables["batch_stats"]

        passes = jax.lax.map(of_pass, jnp.arange(standing_statistics))
        standing = jax.tree.map(lambda leaf: leaf.mean(0), passes)
        return weights._replace(
            variables={**weights.variables, "generator": {**variables, "batch_stats": standing}}
        )
