"""The game of two networks: one generator against one discriminator or critic.

Its objectives, penalties and monitor; nothing in this file reads settings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax import losses
from gan_jax.core import (
    Aux,
    Category,
    Context,
    Ema,
    Gan,
    Input,
    Monitor,
    Networks,
    Normal,
    Number,
    Optimizer,
    Player,
    Sampler,
    Weights,
    schedule,
    truncated_normal,
)
from gan_jax.gans.network import Net

# Losses whose discriminator's logit is the log-odds of "real", so that its sigmoid is D(x).
PROBABILISTIC = ("minimax", "non_saturating")
PENALTIES = ("gradient_penalty", "r1", "r2", "dragan")


@dataclasses.dataclass(frozen=True)
class Penalty:
    """A gradient penalty on the critic.

    Attributes:
      name: One of `PENALTIES`.
      weight: Factor on the penalty; a number or a schedule.
      target: Gradient norm that "gradient_penalty" pulls towards: 1 or 0.
      one_sided: Whether "gradient_penalty" punishes only norms above the target.
    """

    name: str
    weight: Number
    target: float = 1.0
    one_sided: bool = False


@dataclasses.dataclass(frozen=True)
class Pair:
    """The two networks of the game.

    Attributes:
      generator: `(latents [B, latent_dim], labels [B] or None) -> images [B, H, W, C]`.
      discriminator: `(images, labels) -> logits [B]`.
      image_shape: (H, W, C).
      latent_dim: Length of a latent.
      num_classes: 0 for an unconditional game.
    """

    generator: Net
    discriminator: Net
    image_shape: tuple[int, int, int]
    latent_dim: int
    num_classes: int

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

    def critic(self, params, variables, labels, key) -> Callable[[jax.Array], jax.Array]:
        """The discriminator as a float32 function `images -> logits` for the penalties."""
        return self.discriminator.in_float32(
            params["discriminator"], variables["discriminator"], labels, key=key
        )

    def labels(self, batch: Mapping[str, jax.Array]) -> jax.Array | None:
        """The batch's labels for a conditional game, else None."""
        return batch["label"] if self.num_classes else None

    def sampler(self) -> Sampler:
        """How images are drawn from the trained generator."""
        inputs: dict[str, Input] = {"z": Normal((self.latent_dim,))}
        if self.num_classes:
            inputs["label"] = Category(self.num_classes, labels="label")

        def apply(weights: Weights, drawn: Mapping[str, jax.Array], *, truncation=None):
            return self.generator.sample(
                weights.params["generator"],
                weights.variables["generator"],
                truncated_normal(drawn["z"], truncation),
                drawn.get("label"),
            )

        return Sampler(inputs, apply, ("generator",), options={"truncation": None})


def _summaries(loss_name: str, **logits: jax.Array) -> dict[str, jax.Array]:
    """What is logged: D(x) and D(G(z)) of a classifier, raw scores of a critic."""
    if loss_name in PROBABILISTIC:
        return {
            f"probability/{name}": losses.discriminator_probabilities(value).mean()
            for name, value in logits.items()
        }
    return {f"critic/{name}": value.astype(jnp.float32).mean() for name, value in logits.items()}


def _discriminator_objective(pair: Pair, loss_name: str, loss, penalties: tuple[Penalty, ...]):
    def objective(params: Any, context: Context) -> tuple[jax.Array, Aux]:
        batch, variables = context.batch, context.variables
        real, labels = batch["image"], pair.labels(batch)
        real_key, fake_key, penalty_key, dropout_key = jax.random.split(context.key, 4)
        fake, _ = pair.generate(params, variables, batch["latent"], labels)
        fake = jax.lax.stop_gradient(fake)
        real_logits, own, _ = pair.discriminate(params, variables, real, labels, real_key)
        variables = {**variables, "discriminator": own}
        fake_logits, own, _ = pair.discriminate(params, variables, fake, labels, fake_key)
        value = loss.discriminator(real_logits, fake_logits)
        metrics = _summaries(loss_name, real=real_logits)
        critic = pair.critic(params, variables, labels, dropout_key)
        for penalty in penalties:
            extra = _penalty(penalty, critic, real, fake, batch, penalty_key)
            # The one penalty that most games have is called just so.
            name = "penalty" if len(penalties) == 1 else f"penalty/{penalty.name}"
            metrics[name] = extra
            value = value + schedule(penalty.weight, context.step) * extra
        return value, Aux(metrics, {"discriminator": own})

    return objective


def _penalty(penalty: Penalty, critic, real, fake, batch, key) -> jax.Array:
    if penalty.name == "gradient_penalty":
        return losses.interpolated_gradient_penalty(
            critic,
            real,
            fake,
            alpha=batch["alpha"],
            target=penalty.target,
            one_sided=penalty.one_sided,
        )
    if penalty.name == "r1":
        return losses.r1_penalty(critic, real)
    if penalty.name == "r2":
        return losses.r2_penalty(critic, fake)
    return losses.dragan_penalty(critic, real, key=key)


def _generator_objective(pair: Pair, loss_name: str, loss, feature_matching: float, axis_name):
    def objective(params: Any, context: Context) -> tuple[jax.Array, Aux]:
        batch, variables = context.batch, context.variables
        labels = pair.labels(batch)
        fake_key, real_key = jax.random.split(context.key)
        fake, own = pair.generate(params, variables, batch["generator_latent"], labels)
        matching = feature_matching > 0.0
        fake_logits, _, fake_features = pair.discriminate(
            params, variables, fake, labels, fake_key, features=matching
        )
        real_logits = real_features = None
        if matching or loss.generator_needs_real:
            real_logits, _, real_features = pair.discriminate(
                params, variables, batch["image"], labels, real_key, features=matching
            )
        value = loss.generator(real_logits, fake_logits)
        metrics = _summaries(loss_name, fake_before=fake_logits)
        if matching:
            metrics["feature_matching"] = losses.feature_matching_loss(
                jax.lax.stop_gradient(real_features), fake_features
            )
            value = value + feature_matching * metrics["feature_matching"]
        return value, Aux(metrics, {"generator": own})

    return objective


def _after_update(pair: Pair, loss_name: str):
    """D(G(z)) on the generator's own latents, after its update."""

    def metrics(params: Any, context: Context) -> dict[str, jax.Array]:
        batch, variables = context.batch, context.variables
        labels = pair.labels(batch)
        fake, _ = pair.generate(params, variables, batch["generator_latent"], labels)
        logits, _, _ = pair.discriminate(params, variables, fake, labels, context.key)
        return _summaries(loss_name, fake_after=logits)

    return metrics


def _draw_noise(latent_dim: int):
    def draw_noise(key: jax.Array, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        updates, examples = batch["image"].shape[:2]
        latent_key, generator_key, alpha_key = jax.random.split(key, 3)
        return {
            "latent": jax.random.normal(latent_key, (updates, examples, latent_dim)),
            "generator_latent": jax.random.normal(generator_key, (updates, examples, latent_dim)),
            "alpha": jax.random.uniform(alpha_key, (updates, examples)),
        }

    return draw_noise


def make_pair_game(
    pair: Pair,
    *,
    loss_name: str,
    loss: losses.AdversarialLoss,
    generator_optimizer: Optimizer,
    discriminator_optimizer: Optimizer,
    penalties: tuple[Penalty, ...] = (),
    discriminator_steps: int = 1,
    feature_matching: float = 0.0,
    ema_decay: float | Callable[[jax.Array], jax.Array] = 0.0,
    monitor_every: int = 1,
    axis_name: str | None = None,
) -> Gan:
    """The game of a generator against a discriminator.

    A step is `discriminator_steps` updates of the discriminator, each on its own real images and
    latents, then one of the generator on latents of its own, with the labels of the real images.

    Args:
      pair: The networks.
      loss_name: Decides whether D(x) is logged as a probability or as a critic's score.
      loss: The adversarial loss.
      generator_optimizer: Trains the generator.
      discriminator_optimizer: Trains the discriminator.
      penalties: Added to the discriminator's loss.
      discriminator_steps: Updates of the discriminator per step (n_critic).
      feature_matching: Weight of feature matching in the generator's loss (Salimans et al. 2016).
      ema_decay: Of the generator's moving average, a number or a function of the step; 0 for none.
      monitor_every: D(G(z)) after the generator's update is computed every so many steps; it costs
        a forward pass of both networks.
      axis_name: The mapped axis under pmap, else None.

    Returns:
      A Gan whose batch is `{"image": [discriminator_steps, B, H, W, C] float32 in [-1, 1],
      "label": [discriminator_steps, B] int32}`, the latter for a conditional game, and may carry
      its noise as "latent" and "generator_latent" [discriminator_steps, B, latent_dim] and "alpha"
      [discriminator_steps, B] in [0, 1].
    """
    before = next(iter(_summaries(loss_name, fake_before=jnp.zeros(1))))
    players = (
        Player(
            "discriminator",
            ("discriminator",),
            "discriminator",
            _discriminator_objective(pair, loss_name, loss, penalties),
            updates=discriminator_steps,
        ),
        Player(
            "generator",
            ("generator",),
            "generator",
            _generator_objective(pair, loss_name, loss, feature_matching, axis_name),
        ),
    )
    return Gan(
        init_networks=pair.init,
        optimizers={"discriminator": discriminator_optimizer, "generator": generator_optimizer},
        players=players,
        monitors=(
            Monitor(
                "after_update",
                _after_update(pair, loss_name),
                every=max(1, monitor_every),
                pairs=(before,),
            ),
        ),
        samplers={"generator": pair.sampler()},
        ema=Ema(ema_decay, ("generator",)) if ema_decay else None,
        draw_noise=_draw_noise(pair.latent_dim),
    )
