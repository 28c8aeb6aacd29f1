"""Trains a GAN on a ring of eight Gaussians with `gan_jax.losses` and a loop of one's own.

Nothing else of gan_jax is used, and no Flax: the networks are two functions of plain arrays. The
game is WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028): the Wasserstein loss, the interpolated
gradient penalty, several critic updates for each of the generator's.

    pip install .
    python examples/losses_in_plain_jax.py
    python examples/losses_in_plain_jax.py --steps=4000 --seed=1

It prints the losses now and then, then counts over samples from the averaged generator how many of
the eight modes it covers and which fraction of samples lies within three standard deviations of a
mode.
"""

import argparse
import time
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax import losses

MODES = 8
RADIUS = 2.0
STANDARD_DEVIATION = 0.1
LATENT_DIM = 2
WIDTH = 64
BATCH_SIZE = 128
CRITIC_UPDATES = 5
PENALTY_WEIGHT = 1.0
LEARNING_RATE = 2e-3
EMA_DECAY = 0.995
STEPS_PER_CALL = 100


class State(NamedTuple):
    """Everything that one step changes."""

    generator: list
    critic: list
    average: list
    generator_optimizer: optax.OptState
    critic_optimizer: optax.OptState


def init_mlp(key: jax.Array, sizes: tuple[int, ...]) -> list[tuple[jax.Array, jax.Array]]:
    """Draws He-initialized kernels [m, n] and zero biases [1, n] for layers of these sizes."""
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        (jax.random.normal(k, (m, n)) * jnp.sqrt(2.0 / m), jnp.zeros((1, n)))
        for k, m, n in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def apply_mlp(params: list, inputs: jax.Array) -> jax.Array:
    """Applies the layers [B, m] -> [B, n], with leaky ReLU between them."""
    *hidden, (kernel, bias) = params
    for hidden_kernel, hidden_bias in hidden:
        inputs = jax.nn.leaky_relu(inputs @ hidden_kernel + hidden_bias, 0.2)
    return inputs @ kernel + bias


def mode_centers() -> jax.Array:
    """Centers of the eight Gaussians [8, 2]."""
    angles = 2 * jnp.pi * jnp.arange(MODES) / MODES
    return RADIUS * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)


def sample_ring(key: jax.Array, count: int) -> jax.Array:
    """Draws points from the ring [count, 2]."""
    mode_key, noise_key = jax.random.split(key)
    centers = mode_centers()[jax.random.randint(mode_key, (count,), 0, MODES)]
    return centers + STANDARD_DEVIATION * jax.random.normal(noise_key, (count, 2))


def generate(generator: list, key: jax.Array, count: int) -> jax.Array:
    """Draws points from the generator [count, 2]."""
    return apply_mlp(generator, jax.random.normal(key, (count, LATENT_DIM)))


def critic_loss(critic: list, generator: list, key: jax.Array) -> jax.Array:
    """Wasserstein loss of the critic plus the gradient penalty, on a fresh batch []."""
    real_key, fake_key, penalty_key = jax.random.split(key, 3)
    real = sample_ring(real_key, BATCH_SIZE)
    fake = generate(generator, fake_key, BATCH_SIZE)
    score = partial(apply_mlp, critic)
    adversarial = losses.wasserstein_discriminator_loss(score(real), score(fake))
    penalty = losses.interpolated_gradient_penalty(score, real, fake, key=penalty_key)
    return adversarial + PENALTY_WEIGHT * penalty


def generator_loss(generator: list, critic: list, key: jax.Array) -> jax.Array:
    """Wasserstein loss of the generator on a fresh batch []."""
    return losses.wasserstein_generator_loss(
        apply_mlp(critic, generate(generator, key, BATCH_SIZE))
    )


def make_train(optimizer: optax.GradientTransformation):
    """Returns (state, keys [n]) -> (state, (critic losses [n], generator losses [n])), compiled."""

    def update_critic(carry, key, generator):
        critic, optimizer_state = carry
        loss, gradients = jax.value_and_grad(critic_loss)(critic, generator, key)
        updates, optimizer_state = optimizer.update(gradients, optimizer_state)
        return (optax.apply_updates(critic, updates), optimizer_state), loss

    def step(state: State, key: jax.Array):
        critic_key, generator_key = jax.random.split(key)
        (critic, critic_optimizer), critic_losses = jax.lax.scan(
            partial(update_critic, generator=state.generator),
            (state.critic, state.critic_optimizer),
            jax.random.split(critic_key, CRITIC_UPDATES),
        )
        loss, gradients = jax.value_and_grad(generator_loss)(state.generator, critic, generator_key)
        updates, generator_optimizer = optimizer.update(gradients, state.generator_optimizer)
        generator = optax.apply_updates(state.generator, updates)
        average = optax.incremental_update(generator, state.average, 1 - EMA_DECAY)
        state = State(generator, critic, average, generator_optimizer, critic_optimizer)
        return state, (critic_losses[-1], loss)

    return jax.jit(lambda state, keys: jax.lax.scan(step, state, keys))


def coverage(points: jax.Array) -> tuple[int, float]:
    """Assigns each sample to its nearest mode.

    Args:
        points: samples [N, 2].

    Returns:
        The number of modes covered, 0 to 8, and the fraction of high-quality samples in [0, 1]:
        those within three standard deviations of a mode. A mode is covered if at least 1% of all
        samples are of high quality and nearest to it; a perfect generator gives each 12.4%.
    """
    distances = jnp.linalg.norm(points[:, None, :] - mode_centers()[None, :, :], axis=-1)
    good = distances.min(axis=1) < 3 * STANDARD_DEVIATION
    members = jnp.bincount(distances.argmin(axis=1), weights=good.astype(jnp.float32), length=MODES)
    return int(jnp.sum(members >= 0.01 * len(points))), float(good.mean())


def main() -> None:
    """Trains, printing losses, and reports what the generator covers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000, help="generator updates (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (%(default)s)")
    arguments = parser.parse_args()
    if arguments.steps < 1:
        parser.error(f"--steps must be at least 1, got {arguments.steps}")

    generator_key, critic_key, train_key, report_key, real_key = jax.random.split(
        jax.random.key(arguments.seed), 5
    )
    generator = init_mlp(generator_key, (LATENT_DIM, WIDTH, WIDTH, WIDTH, 2))
    critic = init_mlp(critic_key, (2, WIDTH, WIDTH, WIDTH, 1))
    optimizer = optax.adam(LEARNING_RATE, b1=0.0, b2=0.9)
    state = State(generator, critic, generator, optimizer.init(generator), optimizer.init(critic))

    train = make_train(optimizer)
    started = time.perf_counter()
    keys = jax.random.split(train_key, arguments.steps)
    for done in range(0, arguments.steps, STEPS_PER_CALL):
        chunk = keys[done : done + STEPS_PER_CALL]
        state, (critic_losses, generator_losses) = train(state, chunk)
        print(
            f"step {done + len(chunk):5d}  critic loss {critic_losses.mean():8.4f}  "
            f"generator loss {generator_losses.mean():8.4f}",
            flush=True,
        )

    modes, quality = coverage(generate(state.average, report_key, 10_000))
    _, real_quality = coverage(sample_ring(real_key, 10_000))
    print(f"trained {arguments.steps} steps in {time.perf_counter() - started:.1f} s")
    print(f"modes covered: {modes} of {MODES}")
    print(f"high-quality samples: {quality:.1%} (real ones {real_quality:.1%})")


if __name__ == "__main__":
    main()
