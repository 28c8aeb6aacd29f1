"""Cases, images, labels and noise for steps of the class-conditional networks. NumPy only."""

import dataclasses

import numpy as np
from step_inputs import AnyCase, random_of

SYSTEMS = ("sngan_projection", "sagan", "biggan")
CLASSES = 10


@dataclasses.dataclass(frozen=True)
class Case(AnyCase):
    """Some training steps of one of `SYSTEMS`.

    Attributes:
      system: Its config is `configs/SYSTEM_cifar10.py`.
      width: Factor on the channels.
      image_size: Height and width of the images.
      latent_dim: Length of a latent.
      batch_size: Real images in an update.
      optimizer: "adam", with the config's rates, or "sgd" with a rate of 0.002.
      steps: Steps to do.
    """

    system: str
    width: float = 0.125
    image_size: int = 32
    latent_dim: int = 128
    batch_size: int = 8
    optimizer: str = "adam"
    steps: int = 3

    # Of BigGAN: the average begins within the steps.
    ema_decay = 0.9
    ema_start = 2

    @property
    def critic_steps(self) -> int:
        """Updates of the discriminator in a step."""
        return 1 if self.system == "sagan" else 2

    @property
    def generator_batch(self) -> int:
        """Images of the generator's update."""
        return self.batch_size * (2 if self.system == "sngan_projection" else 1)

    @property
    def attention(self) -> dict[str, int]:
        """Side of SAGAN's maps with attention."""
        return {"generator": self.image_size // 2, "discriminator": 8}

    @property
    def rates(self) -> dict[str, float]:
        """The players' learning rates."""
        if self.optimizer == "sgd":
            return {"generator": 0.002, "discriminator": 0.002}
        if self.system == "sagan":
            return {"generator": 1e-4, "discriminator": 4e-4}
        return {"generator": 2e-4, "discriminator": 2e-4}

    @property
    def betas(self) -> tuple[float, float]:
        """Adam's decays."""
        return 0.0, 0.9 if self.system == "sngan_projection" else 0.999


# Of the golden numbers in the tests.
SMALL = Case("sagan", 1 / 64, 16, latent_dim=6, batch_size=4, optimizer="sgd", steps=2)


def batch(case: Case, step: int) -> dict[str, np.ndarray]:
    """Images in [-1, 1], labels and noise of one step, as gan_jax takes them."""
    random = random_of(f"{case.system} step {step}")
    lead = case.critic_steps, case.batch_size
    own = case.critic_steps, case.generator_batch
    size = (*lead, case.image_size, case.image_size, 3)
    return {
        "image": random.uniform(-1, 1, size).astype(np.float32),
        "label": random.randint(0, CLASSES, lead).astype(np.int32),
        "fake_label": random.randint(0, CLASSES, lead).astype(np.int32),
        "generator_label": random.randint(0, CLASSES, own).astype(np.int32),
        "latent": random.standard_normal((*lead, case.latent_dim)).astype(np.float32),
        "generator_latent": random.standard_normal((*own, case.latent_dim)).astype(np.float32),
        "alpha": np.zeros(lead, np.float32),
    }
