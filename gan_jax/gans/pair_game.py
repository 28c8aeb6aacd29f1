"""The game of two networks: one generator against one discriminator or critic."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp

from gan_jax import losses
from gan_jax.core import Ema, Gan, Monitor, Number, Optimizer, Player
from gan_jax.gans.augmentation import NO_AUGMENTATION, Augmentation
from gan_jax.gans.orthogonality import with_orthogonality
from gan_jax.gans.pair import Pair
from gan_jax.gans.pair_objectives import (
    Penalty,
    after_update,
    discriminator_objective,
    generator_objective,
    summaries,
)
from gan_jax.gans.regularization import NO_REGULARIZATION, Regularization


def _draw_noise(pair: Pair):
    def draw_noise(key: jax.Array, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        lead = updates, examples = batch["image"].shape[:2]
        of_generator = updates, examples * pair.generator_batch
        latent_key, generator_key, alpha_key, *label_keys = jax.random.split(
            key, 5 if pair.uniform_labels else 3
        )
        drawn = {
            "latent": jax.random.normal(latent_key, (*lead, pair.latent_dim)),
            "generator_latent": jax.random.normal(generator_key, (*of_generator, pair.latent_dim)),
            "alpha": jax.random.uniform(alpha_key, lead),
        }
        if pair.uniform_labels:
            for name, label_key, shape in zip(
                ("fake_label", "generator_label"), label_keys, (lead, of_generator), strict=True
            ):
                drawn[name] = jax.random.randint(label_key, shape, 0, pair.num_classes)
        return drawn

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
    augmentation: Augmentation = NO_AUGMENTATION,
    regularization: Regularization = NO_REGULARIZATION,
    top_k: Number = 1.0,
    orthogonality: Mapping[str, float] = MappingProxyType({}),
    ema: Ema | None = None,
    monitor_every: int = 1,
    axis_name: str | None = None,
) -> Gan:
    """The game of a generator against a discriminator.

    A step is `discriminator_steps` updates of the discriminator, each on its own real images and
    latents, then one of the generator on latents of its own. Labels of generated images are those
    of the real ones, or drawn uniformly, as the pair says.

    Args:
      pair: The networks.
      loss_name: Decides whether D(x) is logged as a probability or as a critic's score.
      loss: The adversarial loss.
      generator_optimizer: Trains the generator.
      discriminator_optimizer: Trains the discriminator.
      penalties: Added to the discriminator's loss.
      discriminator_steps: Updates of the discriminator per step (n_critic).
      feature_matching: Weight of feature matching in the generator's loss (Salimans et al. 2016).
      augmentation: Of all images that the discriminator sees.
      regularization: Added to the discriminator's loss because of its logits.
      top_k: Share of the generated images, those of the highest logits, that the generator trains
        on; a number or a schedule (Sinha et al. 2020).
      orthogonality: `{network: weight}` of orthogonal regularization (Brock et al. 2019).
      ema: The generator's moving average, or None.
      monitor_every: D(G(z)) after the generator's update is computed every so many steps; it costs
        a forward pass of both networks.
      axis_name: The mapped axis under pmap, else None.

    Returns:
      A Gan whose batch is `{"image": [discriminator_steps, B, H, W, C] float32 in [-1, 1],
      "label": [discriminator_steps, B] int32}`, the latter for a conditional game, and may carry
      its noise as "latent" [discriminator_steps, B, latent_dim], "generator_latent"
      [discriminator_steps, G, latent_dim], with G of B times `pair.generator_batch`, "alpha"
      [discriminator_steps, B] in [0, 1] and, where labels are drawn, "fake_label"
      [discriminator_steps, B] and "generator_label" [discriminator_steps, G], int32.
    """
    before = next(iter(summaries(loss_name, fake_before=jnp.zeros(1))))
    players = (
        Player(
            "discriminator",
            ("discriminator",) if pair.classifier is None else ("discriminator", "classifier"),
            "discriminator",
            with_orthogonality(
                discriminator_objective(
                    pair,
                    loss_name,
                    loss,
                    penalties,
                    axis_name,
                    augmentation=augmentation,
                    regularization=regularization,
                ),
                "discriminator",
                orthogonality.get("discriminator", 0.0),
            ),
            updates=discriminator_steps,
        ),
        Player(
            "generator",
            ("generator",),
            "generator",
            with_orthogonality(
                generator_objective(
                    pair,
                    loss_name,
                    loss,
                    feature_matching,
                    axis_name,
                    augmentation=augmentation,
                    top_k=top_k,
                ),
                "generator",
                orthogonality.get("generator", 0.0),
            ),
        ),
    )
    return Gan(
        init_networks=lambda key: pair.init(key)._replace(
            memory=augmentation.start() | regularization.start()
        ),
        optimizers={"discriminator": discriminator_optimizer, "generator": generator_optimizer},
        players=players,
        monitors=(
            Monitor(
                "after_update",
                after_update(pair, loss_name, augmentation=augmentation),
                every=max(1, monitor_every),
                pairs=(before,),
            ),
        ),
        samplers={"generator": pair.sampler()},
        ema=ema,
        draw_noise=_draw_noise(pair),
        # Numbers that are reduced over the devices before they are remembered.
        memory_is_mean=True,
    )
