"""The objectives of the game of two networks, its penalties, and what is logged of it."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax import layers, losses
from gan_jax.core import Aux, Context, Number, schedule
from gan_jax.gans.augmentation import Augmentation
from gan_jax.gans.pair import Pair
from gan_jax.gans.regularization import Regularization

# Losses whose discriminator's logit is the log-odds of "real", so that its sigmoid is D(x).
PROBABILISTIC = ("minimax", "non_saturating")
PENALTIES = ("gradient_penalty", "r1", "r2", "dragan")
# Numbers of the images that a player shows the discriminator, each augmented by draws of its own.
_REAL, _FAKE, _PENALIZED, _TRANSFORMED = range(4)


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


def summaries(loss_name: str, **logits: jax.Array) -> dict[str, jax.Array]:
    """What is logged: D(x) and D(G(z)) of a classifier, raw scores of a critic."""
    if loss_name in PROBABILISTIC:
        return {
            f"probability/{name}": losses.discriminator_probabilities(value).mean()
            for name, value in logits.items()
        }
    return {f"critic/{name}": value.astype(jnp.float32).mean() for name, value in logits.items()}


def discriminator_objective(
    pair: Pair,
    loss_name: str,
    loss,
    penalties: tuple[Penalty, ...],
    axis_name: str | None,
    *,
    augmentation: Augmentation,
    regularization: Regularization,
):
    """The discriminator's loss on real and generated images, with its penalties.

    Args:
      pair: The networks.
      loss_name: The name of the adversarial loss, for `summaries`.
      loss: The adversarial loss.
      penalties: Added to it. They are of the critic of images before they are augmented.
      axis_name: The mapped axis under pmap, else None.
      augmentation: Of all images that the discriminator sees.
      regularization: Added to the loss; its transforms come after the augmentation.
    """

    def objective(params: Any, context: Context) -> tuple[jax.Array, Aux]:
        batch, variables = context.batch, context.variables
        real, labels = batch["image"], pair.labels(batch)
        key, penalty_key, dropout_key = jax.random.split(context.key, 3)
        memory = augmentation.before_update(context.memory)
        show = _augmenting(augmentation, context._replace(memory=memory))
        fake_labels = pair.fake_labels(batch)
        fake, _ = pair.generate(params, variables, batch["latent"], fake_labels)
        fake = jax.lax.stop_gradient(fake)
        seen = [show(_REAL, real), show(_FAKE, fake)]
        transform_key = jax.random.fold_in(context.key, _TRANSFORMED)
        seen += regularization.transformed(transform_key, *seen)
        # Transforms have the labels of what they are of: real, generated, and so on.
        seen_labels = [labels, fake_labels, labels, fake_labels][: len(seen)]
        logits, features, own = pair.compare_all(
            params, variables, seen, seen_labels, key, features=pair.classifier is not None
        )
        real_logits, fake_logits = logits[:2]
        changed = {"discriminator": own}
        variables = {**variables, "discriminator": own}
        value = loss.discriminator(real_logits, fake_logits)
        metrics = summaries(loss_name, real=real_logits)
        added, of_regularization, remembered = regularization(
            logits, memory, context.step, axis_name
        )
        value, metrics = value + added, metrics | of_regularization
        if pair.classifier is not None:
            labeled = zip(features[:2], (labels, fake_labels), strict=True)
            entropy, heads = pair.classify(params, variables, *labeled)
            metrics["class_cross_entropy"] = entropy
            value, changed = value + pair.classifier_weight * entropy, {**changed, **heads}
        for penalty in penalties:
            penalized = fake_labels if penalty.name == "r2" else labels
            critic = pair.critic(params, variables, penalized, dropout_key)
            critic = _of_augmented(critic, functools.partial(show, _PENALIZED))
            extra = _penalty(penalty, critic, real, fake, batch, penalty_key, axis_name)
            # The one penalty that most games have is called just so.
            name = "penalty" if len(penalties) == 1 else f"penalty/{penalty.name}"
            metrics[name] = extra
            value = value + schedule(penalty.weight, context.step) * extra
        memory, of_augmentation = augmentation.after_update(memory, real_logits, axis_name)
        return value, Aux(metrics | of_augmentation, changed, memory | remembered)

    return objective


def _augmenting(augmentation: Augmentation, context: Context):
    """`(number, images) -> images` as this update shows them to the discriminator."""

    def show(number: int, images: jax.Array) -> jax.Array:
        key = jax.random.fold_in(context.key, number)
        return augmentation(key, images, context.memory, context.step)

    return show


def _of_augmented(critic: losses.Critic, show) -> losses.Critic:
    return lambda images: critic(show(images))


def _penalty(penalty: Penalty, critic, real, fake, batch, key, axis_name) -> jax.Array:
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
    return losses.dragan_penalty(critic, real, key=key, axis_name=axis_name)


def generator_objective(
    pair: Pair,
    loss_name: str,
    loss,
    feature_matching: float,
    axis_name: str | None,
    *,
    augmentation: Augmentation,
    top_k: Number,
):
    """The generator's loss.

    Args:
      pair: The networks.
      loss_name: The name of the adversarial loss, for `summaries`.
      loss: The adversarial loss.
      feature_matching: Weight of feature matching; 0 for none.
      axis_name: The mapped axis under pmap, else None.
      augmentation: Of all images that the discriminator sees; the gradients go through it.
      top_k: Share of the images, those of the highest logits, that count; 1 for all.
    """

    def objective(params: Any, context: Context) -> tuple[jax.Array, Aux]:
        batch, variables = context.batch, context.variables
        labels = pair.labels(batch)
        fake_key, real_key = jax.random.split(context.key)
        show = _augmenting(augmentation, context)
        fake_labels = pair.generator_labels(batch)
        fake, own = pair.generate(params, variables, batch["generator_latent"], fake_labels)
        fake = show(_FAKE, fake)
        matching = feature_matching > 0.0
        fake_logits, seen, fake_features = pair.discriminate(
            params,
            variables,
            fake,
            fake_labels,
            fake_key,
            features=matching or pair.classifier is not None,
        )
        real_logits = real_features = None
        if matching or loss.generator_needs_real:
            variables = {**variables, "discriminator": seen}
            real = show(_REAL, batch["image"])
            real_logits, seen, real_features = pair.discriminate(
                params, variables, real, labels, real_key, features=matching
            )
        value = _generator_loss(
            loss, real_logits, fake_logits, schedule(top_k, context.step), axis_name
        )
        metrics = summaries(loss_name, fake_before=fake_logits)
        if matching:
            metrics["feature_matching"] = losses.feature_matching_loss(
                jax.lax.stop_gradient(real_features), fake_features, axis_name=axis_name
            )
            value = value + feature_matching * metrics["feature_matching"]
        heads: dict[str, Any] = {}
        if pair.classifier is not None:
            entropy, heads = pair.classify(params, variables, (fake_features, fake_labels))
            metrics["class_cross_entropy"] = entropy
            value = value + pair.classifier_weight * entropy
        # Every pass in training is a power iteration, this one too; running statistics stay those
        # of the discriminator's own updates.
        iterated = {name: tree for name, tree in seen.items() if name == layers.SPECTRAL}
        return value, Aux(metrics, {"generator": own, "discriminator": iterated, **heads})

    return objective


def _generator_loss(loss, real_logits, fake_logits, share, axis_name) -> jax.Array:
    if isinstance(share, float) and share == 1.0:
        return loss.generator(real_logits, fake_logits)
    # A loss that is a mean over generated images, of each of them.
    each = jax.vmap(lambda logit: loss.generator(None, logit[None]))(fake_logits)
    return losses.top_k_mean(each, fake_logits, share, axis_name=axis_name)


def after_update(pair: Pair, loss_name: str, *, augmentation: Augmentation):
    """D(G(z)) on the generator's own latents, after its update.

    Args:
      pair: The networks.
      loss_name: The name of the adversarial loss, for `summaries`.
      augmentation: As in the generator's update, so that before and after are comparable.
    """

    def metrics(params: Any, context: Context) -> dict[str, jax.Array]:
        batch, variables = context.batch, context.variables
        labels = pair.generator_labels(batch)
        fake, _ = pair.generate(params, variables, batch["generator_latent"], labels)
        fake = _augmenting(augmentation, context)(_FAKE, fake)
        logits, _, _ = pair.discriminate(params, variables, fake, labels, context.key)
        return summaries(loss_name, fake_after=logits)

    return metrics
