"""Losses and penalties of generative adversarial networks as pure functions of arrays.

Needs JAX and chex only: no Flax, no configuration, no network. See
`examples/losses_in_plain_jax.py` for a whole training loop written with nothing else of this
package.

Conventions of the adversarial losses (`penalties.py` states those of the penalties):

* Logits are what the discriminator returns before any sigmoid: D(x) = sigmoid(logits). They are
  floating point, of any range and any shape: [B], [B, 1], or [B, h, w, 1] for a PatchGAN, whose
  patches each count as one decision. E[.] in the formulas is the mean over all entries.
* Real and fake logits may hold different numbers of samples (their first axis), unless the
  function says otherwise, and must agree in every other axis.
* Losses are to be minimized. They are computed and returned in float32 whatever the precision of
  the logits (in float64 if they are float64). They and their gradients are finite for logits of
  +-1e4 and far beyond: until float32 cannot hold the logits' sum, or the sum of their squares for
  least squares.
* Shapes and dtypes are checked while tracing; a violation raises ValueError.
* Functions are pure, and work under `jax.jit`, `jax.grad` and `jax.vmap`. Under `jax.pmap` each
  device's result is of its own share of the batch, and the mean of the devices' results and
  gradients (`jax.lax.pmean`) is the whole batch's. Relativistic average losses, feature matching
  and DRAGAN are not means over examples, and need `axis_name` for that. The same holds of
  `shard_map` with `check_vma=False`; by default it sums the gradients of replicated parameters over
  devices by itself: there, take the mean of the losses before differentiating.
"""

from gan_jax.losses.adversarial import (
    ADVERSARIAL_LOSS_NAMES,
    AdversarialLoss,
    adversarial_loss,
)
from gan_jax.losses.cross_entropy import (
    discriminator_probabilities,
    minimax_discriminator_loss,
    minimax_generator_loss,
    non_saturating_discriminator_loss,
    non_saturating_generator_loss,
)
from gan_jax.losses.feature_matching import feature_matching_loss
from gan_jax.losses.hinge import hinge_discriminator_loss, hinge_generator_loss
from gan_jax.losses.information import (
    categorical_cross_entropy,
    gaussian_negative_log_likelihood,
)
from gan_jax.losses.least_squares import (
    least_squares_discriminator_loss,
    least_squares_generator_loss,
)
from gan_jax.losses.orthogonality import orthogonal_penalty
from gan_jax.losses.penalties import (
    Critic,
    dragan_penalty,
    interpolate,
    interpolated_gradient_penalty,
    r1_penalty,
    r2_penalty,
)
from gan_jax.losses.regularizers import consistency_loss, lecam_regularizer, top_k_mean
from gan_jax.losses.relativistic import (
    relativistic_average_discriminator_loss,
    relativistic_average_generator_loss,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
)
from gan_jax.losses.wasserstein import wasserstein_discriminator_loss, wasserstein_generator_loss

__all__ = [
    "ADVERSARIAL_LOSS_NAMES",
    "AdversarialLoss",
    "Critic",
    "adversarial_loss",
    "categorical_cross_entropy",
    "consistency_loss",
    "discriminator_probabilities",
    "dragan_penalty",
    "feature_matching_loss",
    "gaussian_negative_log_likelihood",
    "hinge_discriminator_loss",
    "hinge_generator_loss",
    "interpolate",
    "interpolated_gradient_penalty",
    "least_squares_discriminator_loss",
    "least_squares_generator_loss",
    "lecam_regularizer",
    "minimax_discriminator_loss",
    "minimax_generator_loss",
    "non_saturating_discriminator_loss",
    "non_saturating_generator_loss",
    "orthogonal_penalty",
    "r1_penalty",
    "r2_penalty",
    "relativistic_average_discriminator_loss",
    "relativistic_average_generator_loss",
    "relativistic_discriminator_loss",
    "relativistic_generator_loss",
    "top_k_mean",
    "wasserstein_discriminator_loss",
    "wasserstein_generator_loss",
]
