"""The networks of the game of two: one generator, and one discriminator or critic."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax import losses
from gan_jax.core import (
    Category,
    Input,
    Networks,
    Normal,
    Sampler,
    Weights,
    truncated_normal,
)
from gan_jax.gans.calls import initializer
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
      labels_to_discriminator: Whether the discriminator is given the labels of a conditional game.
      classifier: `features -> class logits [B, num_classes]` of the discriminator's last features;
        None for none.
      classifier_weight: Factor on its loss in both players' losses.
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
    labels_to_discriminator: bool = True
    classifier: Net | None = None
    classifier_weight: float = 0.0

    def init(self, key: jax.Array) -> Networks:
        """Initializes both networks."""
        # Two of each, so that batch statistics exist.
        latents = jnp.zeros((2, self.latent_dim), jnp.float32)
        images = jnp.zeros((2, *self.image_shape), jnp.float32)
        labels = jnp.zeros((2,), jnp.int32) if self.num_classes else None
        nets = {"generator": self.generator, "discriminator": self.discriminator}
        examples = {"generator": (latents, labels), "discriminator": (images, self._shown(labels))}
        made = initializer(nets, examples)(key)
        if self.classifier is None:
            return made
        features = jax.eval_shape(
            lambda: self.discriminate(*made[:2], images, labels, key, features=True)[2]
        )
        params, variables = self.classifier.init(
            jax.random.fold_in(key, 2), jnp.zeros(features.shape, features.dtype)
        )
        return Networks(
            {**made.params, "classifier": params}, {**made.variables, "classifier": variables}
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
            self._shown(labels),
            key=key,
            show=features,
        )
        return applied.out, applied.variables, applied.shown.get("features")

    def classify(
        self, params, variables, *given: tuple[jax.Array, jax.Array]
    ) -> tuple[jax.Array, dict[str, Any]]:
        """Cross-entropy of the classifier on pairs of features and labels, summed over the pairs.

        Returns:
          The loss [], and the collections of the classifier, `{"classifier": tree}`.
        """
        assert self.classifier is not None
        loss, own = jnp.float32(0.0), variables["classifier"]
        for features, labels in given:
            logits, own, _ = self.classifier(params["classifier"], own, features, key=None)
            loss += losses.categorical_cross_entropy(logits, labels)
        return loss, {"classifier": own}

    def compare_all(
        self,
        params,
        variables,
        images: Sequence[jax.Array],
        labels: Sequence[jax.Array | None],
        key,
        *,
        features: bool = False,
    ) -> tuple[list[jax.Array], list[Any], Any]:
        """Several batches of images before the discriminator in training.

        It takes all in one batch, or batch after batch, each with what it kept of the one before:
        real images first.

        Args:
          params: Of all networks.
          variables: Of all networks.
          images: The batches [B, H, W, C].
          labels: The labels [B] of each, or None.
          key: Typed PRNG key.
          features: Whether the discriminator's features are wanted.

        Returns:
          Of each batch the logits [B] and the features, or None; and the collections.
        """
        if self.one_batch:
            together = jnp.concatenate(images)
            joined = None if labels[0] is None else jnp.concatenate(labels)
            logits, own, shown = self.discriminate(
                params, variables, together, joined, key, features=features
            )
            each = jnp.split(shown, len(images)) if features else [None] * len(images)
            return jnp.split(logits, len(images)), each, own
        found, each, keys = [], [], jax.random.split(key, len(images))
        for one, own_labels, own_key in zip(images, labels, keys, strict=True):
            logits, own, shown = self.discriminate(
                params, variables, one, own_labels, own_key, features=features
            )
            variables = {**variables, "discriminator": own}
            found.append(logits)
            each.append(shown)
        return found, each, variables["discriminator"]

    def critic(self, params, variables, labels, key) -> Callable[[jax.Array], jax.Array]:
        """The discriminator as a float32 function `images -> logits` for the penalties."""
        return self.discriminator.in_float32(
            params["discriminator"], variables["discriminator"], self._shown(labels), key=key
        )

    def _shown(self, labels: jax.Array | None) -> jax.Array | None:
        """The labels as the discriminator is given them."""
        return labels if self.labels_to_discriminator else None

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
