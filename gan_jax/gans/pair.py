"""Games of two networks: one generator against one discriminator or critic.

Vanilla GAN, DCGAN, conditional GAN, LSGAN, hinge, relativistic GAN, WGAN with clipping and
(conditional) WGAN-GP are all this game; they differ in networks, loss, penalty, number of critic
steps and optimizers. Nothing in this file reads a config.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from gan_jax import losses
from gan_jax.core import Aux, Context, Ema, Gan, Networks, Player, Sampler

# Losses whose discriminator's logit is the log-odds of "real", so that its sigmoid is D(x).
PROBABILISTIC = ("minimax", "non_saturating")
PENALTIES = ("none", "gradient_penalty", "r1", "r2", "dragan")


@dataclasses.dataclass(frozen=True)
class Penalty:
    """A gradient penalty on the critic.

    Attributes:
      name: One of `PENALTIES`.
      weight: Factor in front of the penalty.
      target: Gradient norm that "gradient_penalty" pulls towards: 1 or 0.
      one_sided: Whether "gradient_penalty" punishes only norms above the target.
    """

    name: str = "none"
    weight: float = 0.0
    target: float = 1.0
    one_sided: bool = False


@dataclasses.dataclass(frozen=True)
class Pair:
    """The two networks of the game and how they are asked.

    Attributes:
      generator: `(latents [B, latent_dim], labels, train=) -> images [B, H, W, C]`.
      discriminator: `(images, labels, train=) -> logits [B]`.
      penalised: The discriminator that the penalty differentiates: the same parameters with
        float32 arithmetic.
      image_shape: (H, W, C).
      latent_dim: Length of a latent.
      num_classes: 0 for an unconditional game.
    """

    generator: nn.Module
    discriminator: nn.Module
    penalised: nn.Module
    image_shape: tuple[int, int, int]
    latent_dim: int
    num_classes: int

    def init(self, key: jax.Array) -> Networks:
        """Initialises both networks."""
        generator_key, discriminator_key, dropout_key = jax.random.split(key, 3)
        # Two of each, so that batch statistics exist.
        latents = jnp.zeros((2, self.latent_dim), jnp.float32)
        images = jnp.zeros((2, *self.image_shape), jnp.float32)
        labels = jnp.zeros((2,), jnp.int32) if self.num_classes else None
        generator = self.generator.init({"params": generator_key}, latents, labels, train=True)
        discriminator = self.discriminator.init(
            {"params": discriminator_key, "dropout": dropout_key}, images, labels, train=True
        )
        params, variables = {}, {}
        for name, made in (("generator", generator), ("discriminator", discriminator)):
            params[name] = made["params"]
            variables[name] = {k: v for k, v in made.items() if k == "batch_stats"}
        return Networks(params, variables)

    def generate(self, params, variables, latents, labels):
        """Images of the generator in training, and its changed variables."""
        images, changed = self.generator.apply(
            {"params": params["generator"], **variables["generator"]},
            latents,
            labels,
            train=True,
            mutable=["batch_stats"],
        )
        return images, {**variables["generator"], **changed}

    def judge(self, params, variables, images, labels, key, *, features: bool = False):
        """Logits [B] of the discriminator in training, its changed variables, its features."""
        logits, changed = self.discriminator.apply(
            {"params": params["discriminator"], **variables["discriminator"]},
            images,
            labels,
            train=True,
            rngs={"dropout": key},
            mutable=["batch_stats", "intermediates"] if features else ["batch_stats"],
        )
        seen = changed.pop("intermediates", {})
        return logits, {**variables["discriminator"], **changed}, seen.get("features", (None,))[0]

    def critic(self, params, variables, labels, key) -> Callable[[jax.Array], jax.Array]:
        """The discriminator as a float32 function `images -> logits` for the penalties."""

        def critic(images: jax.Array) -> jax.Array:
            logits, _ = self.penalised.apply(
                {"params": params["discriminator"], **variables["discriminator"]},
                images,
                labels,
                train=True,
                rngs={"dropout": key},
                mutable=["batch_stats"],
            )
            return logits

        return critic

    def labels(self, batch: Mapping[str, jax.Array]) -> jax.Array | None:
        """The batch's labels for a conditional game, else None."""
        return batch["label"] if self.num_classes else None

    def sample(self, params, variables, latents, labels):
        """Images of the trained generator, for `Sampler.apply`."""
        return self.generator.apply(
            {"params": params["generator"], **variables["generator"]}, latents, labels, train=False
        )


def _views(loss_name: str, **logits: jax.Array) -> dict[str, jax.Array]:
    """What users look at: D(x) and D(G(z)) of a classifier, raw scores of a critic."""
    if loss_name in PROBABILISTIC:
        return {
            f"probability/{name}": losses.discriminator_probabilities(value).mean()
            for name, value in logits.items()
        }
    return {f"critic/{name}": value.astype(jnp.float32).mean() for name, value in logits.items()}


def _discriminator_objective(pair: Pair, loss_name: str, loss, penalty: Penalty):
    def objective(params: Any, context: Context) -> tuple[jax.Array, Aux]:
        batch, variables = context.batch, context.variables
        real, labels = batch["image"], pair.labels(batch)
        real_key, fake_key, penalty_key, dropout_key = jax.random.split(context.key, 4)
        fake, _ = pair.generate(params, variables, batch["latent"], labels)
        fake = jax.lax.stop_gradient(fake)
        real_logits, own, _ = pair.judge(params, variables, real, labels, real_key)
        variables = {**variables, "discriminator": own}
        fake_logits, own, _ = pair.judge(params, variables, fake, labels, fake_key)
        value = loss.discriminator(real_logits, fake_logits)
        metrics = _views(loss_name, real=real_logits)
        if penalty.name != "none":
            critic = pair.critic(params, variables, labels, dropout_key)
            extra = _penalty(penalty, critic, real, fake, batch, penalty_key)
            metrics["penalty"] = extra
            value = value + penalty.weight * extra
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


def _generator_objective(pair: Pair, loss_name: str, loss, feature_matching: float):
    def objective(params: Any, context: Context) -> tuple[jax.Array, Aux]:
        batch, variables = context.batch, context.variables
        labels = pair.labels(batch)
        fake_key, real_key = jax.random.split(context.key)
        fake, own = pair.generate(params, variables, batch["generator_latent"], labels)
        matching = feature_matching > 0.0
        fake_logits, _, fake_features = pair.judge(
            params, variables, fake, labels, fake_key, features=matching
        )
        real_logits = real_features = None
        if matching or loss.generator_needs_real:
            real_logits, _, real_features = pair.judge(
                params, variables, batch["image"], labels, real_key, features=matching
            )
        value = loss.generator(real_logits, fake_logits)
        metrics = _views(loss_name, fake_before=fake_logits)
        if matching:
            metrics["feature_matching"] = losses.feature_matching_loss(
                jax.lax.stop_gradient(real_features), fake_features
            )
            value = value + feature_matching * metrics["feature_matching"]
        return value, Aux(metrics, {"generator": own})

    return objective


def _observer_objective(pair: Pair, loss_name: str):
    """D(G(z)) on the generator's own latents, after its update."""

    def objective(params: Any, context: Context) -> tuple[jax.Array, Aux]:
        batch, variables = context.batch, context.variables
        labels = pair.labels(batch)
        fake, _ = pair.generate(params, variables, batch["generator_latent"], labels)
        logits, _, _ = pair.judge(params, variables, fake, labels, context.key)
        return jnp.zeros((), jnp.float32), Aux(_views(loss_name, fake_after=logits))

    return objective


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
    generator_optimizer: optax.GradientTransformation,
    discriminator_optimizer: optax.GradientTransformation,
    penalty: Penalty = Penalty(),
    discriminator_steps: int = 1,
    feature_matching: float = 0.0,
    ema_decay: float = 0.0,
    observe_every: int = 1,
) -> Gan:
    """The game of a generator against a discriminator.

    A step is `discriminator_steps` updates of the discriminator, each on its own real images and
    latents, then one of the generator on latents of its own, with the labels of the real images.

    Args:
      pair: The networks.
      loss_name: Decides whether D(x) is logged as a probability or as a critic's score.
      loss: The adversarial loss.
      generator_optimizer: Moves the generator.
      discriminator_optimizer: Moves the discriminator.
      penalty: Added to the discriminator's loss.
      discriminator_steps: Updates of the discriminator a step (n_critic).
      feature_matching: Weight of feature matching in the generator's loss (Salimans et al. 2016).
      ema_decay: Of the generator's moving average; 0 for none.
      observe_every: D(G(z)) after the generator's update is looked at every so many steps; it costs
        a forward pass of both networks.

    Returns:
      A Gan whose batch is `{"image": [discriminator_steps, B, H, W, C] float32 in [-1, 1],
      "label": [discriminator_steps, B] int32}`, and may carry its noise as "latent" and
      "generator_latent" [discriminator_steps, B, latent_dim] and "alpha" [discriminator_steps, B]
      in [0, 1].
    """
    players = (
        Player(
            "discriminator",
            ("discriminator",),
            "discriminator",
            _discriminator_objective(pair, loss_name, loss, penalty),
            updates=discriminator_steps,
        ),
        Player(
            "generator",
            ("generator",),
            "generator",
            _generator_objective(pair, loss_name, loss, feature_matching),
        ),
        Player(
            "observer", (), None, _observer_objective(pair, loss_name), every=max(1, observe_every)
        ),
    )
    return Gan(
        init_networks=pair.init,
        optimizers={"discriminator": discriminator_optimizer, "generator": generator_optimizer},
        players=players,
        samplers={
            "generator": Sampler(pair.sample, pair.latent_dim, pair.num_classes, ("generator",))
        },
        ema=Ema(ema_decay, ("generator",)) if ema_decay else None,
        draw_noise=_draw_noise(pair.latent_dim),
    )
