"""Weights, images and noise that depend on names alone, for steps of two frameworks. NumPy only.

NumPy promises that the stream of `RandomState` never changes, so numbers computed from it today can
be compared with tomorrow's.
"""

import dataclasses
import itertools
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np


@dataclasses.dataclass(frozen=True)
class AnyCase:
    """Some training steps, which go to the other framework's process as JSON."""

    def to_json(self) -> str:
        """The case as one line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The case that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclasses.dataclass(frozen=True)
class Case(AnyCase):
    """Some training steps of SNGAN.

    Attributes:
      channels: Of the generator's hidden layers; the discriminator has half of them, at least 4.
      image_size: Height and width of the images.
      latent_dim: Length of a latent.
      batch_size: Real images in an update.
      critic_steps: Updates of the discriminator in a step.
      optimizer: "adam", 2e-4 (0, 0.9), or "sgd" with a rate of 0.002; both fall to zero over 50,000
        steps.
      steps: Steps to do.
    """

    channels: int = 32
    image_size: int = 32
    latent_dim: int = 128
    batch_size: int = 8
    critic_steps: int = 5
    optimizer: str = "adam"
    steps: int = 3

    @property
    def rate(self) -> float:
        """The first step's learning rate."""
        return 2e-4 if self.optimizer == "adam" else 0.002


# Of the golden numbers in the tests.
SMALL = Case(4, image_size=16, latent_dim=6, batch_size=4, critic_steps=2, optimizer="sgd", steps=2)


@dataclasses.dataclass(frozen=True)
class InfoGANCase(AnyCase):
    """Some training steps of InfoGAN, with one category and two continuous codes.

    Attributes:
      width: Factor on the number of channels and units.
      image_size: Height and width of the images, of one channel.
      latent_dim: Length of the noise.
      categories: Values of the category.
      batch_size: Images in an update.
      optimizer: "adam", 2e-4 and 1e-3 (0.5, 0.999), or "sgd" with a rate of 0.01.
      steps: Steps to do.
    """

    width: float = 1.0
    image_size: int = 28
    latent_dim: int = 62
    categories: int = 10
    batch_size: int = 16
    optimizer: str = "adam"
    steps: int = 3

    @property
    def rates(self) -> dict[str, float]:
        """The players' learning rates."""
        if self.optimizer == "sgd":
            return {"discriminator": 0.01, "generator": 0.01}
        return {"discriminator": 2e-4, "generator": 1e-3}


INFOGAN_SMALL = InfoGANCase(
    1 / 16, image_size=8, latent_dim=5, categories=3, batch_size=8, optimizer="sgd", steps=2
)


def infogan_batch(case: InfoGANCase, step: int) -> dict[str, np.ndarray]:
    """Images in [-1, 1], noise and codes of one step.

    Returns:
      "image" [B, S, S, 1], "z" [B, latent_dim], "code_0" and "code_1" [B], float32, and "category"
      int32 [B] of the discriminator's update; all but the images with "generator_" before their
      names of the generator's.
    """
    random, size = random_of(f"infogan step {step}"), case.batch_size
    image = random.uniform(-1, 1, (size, case.image_size, case.image_size, 1))
    batch = {"image": image.astype(np.float32)}
    for player in ("", "generator_"):
        noise = random.uniform(-1, 1, (size, case.latent_dim + 2)).astype(np.float32)
        batch[f"{player}z"] = noise[:, 2:]
        batch[f"{player}code_0"], batch[f"{player}code_1"] = noise[:, 0], noise[:, 1]
        batch[f"{player}category"] = random.randint(0, case.categories, size).astype(np.int32)
    return batch


# Steps of AC-GAN of fully connected networks; `weight` is the auxiliary classifier's.
ACGAN = {
    "latent_dim": 3,
    "classes": 3,
    "size": 4,
    "batch": 5,
    "weight": 0.5,
    "rate": 0.1,
    "steps": 2,
}


def acgan_shapes() -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters, by gan_jax's names."""
    latent, classes, pixels = ACGAN["latent_dim"], ACGAN["classes"], ACGAN["size"] ** 2
    found: dict[str, tuple[int, ...]] = {
        "generator/params/LabelEmbedding_0/embedding": (classes, latent)
    }
    for network, widths in (
        ("generator", (2 * latent, 4, 5, 10, pixels)),
        ("discriminator", (pixels, 5, 4, 1)),
        ("classifier", (4, classes)),
    ):
        for n, pair in enumerate(itertools.pairwise(widths)):
            found[f"{network}/params/Dense_{n}/kernel"] = pair
            found[f"{network}/params/Dense_{n}/bias"] = pair[1:]
    return found


def acgan_batch(step: int) -> dict[str, np.ndarray]:
    """Images in [-1, 1], noise and labels of one step of AC-GAN.

    Returns:
      "image" [B, S, S, 1], "latent" and "generator_latent" [B, latent_dim], float32, and "label",
      "fake_label" and "generator_label" int32 [B].
    """
    random, size, count = random_of(f"acgan step {step}"), ACGAN["size"], ACGAN["batch"]
    batch = {"image": random.uniform(-1, 1, (count, size, size, 1)).astype(np.float32)}
    for name in ("latent", "generator_latent"):
        noise = random.standard_normal((count, ACGAN["latent_dim"]))
        batch[name] = noise.astype(np.float32)
    for name in ("label", "fake_label", "generator_label"):
        batch[name] = random.randint(0, ACGAN["classes"], count).astype(np.int32)
    return batch


def random_of(name: str) -> np.random.RandomState:
    """Numbers that depend on a name alone."""
    return np.random.RandomState(zlib.crc32(name.encode()))


def start(path: str, shape: tuple[int, ...]) -> np.ndarray:
    """The start of a parameter or statistic of gan_jax's networks, float32.

    Args:
      path: "NETWORK/COLLECTION/MODULE/.../LEAF"; a leaf is kernel, bias, scale, mean, var, u,
        gamma, or the embedding of a module, whose name may be scale or bias.
      shape: Its shape, a kernel's with the output last.
    """
    leaf, noise = path.rpartition("/")[2], np.asarray(random_of(path).standard_normal(shape))
    if leaf == "embedding":
        leaf = path.split("/")[-2]
    if leaf == "mean":
        values = np.zeros(shape)
    elif leaf == "var":
        values = np.ones(shape)
    elif leaf == "scale":
        values = 1.0 + 0.2 * noise
    elif leaf == "bias":
        # Not close to zero, since errors are compared with a leaf's size.
        values = np.copysign(0.1, noise) + 0.1 * noise
    elif leaf == "kernel":
        values = 1.25 * noise / np.sqrt(np.prod(shape[:-1]))
    else:
        values = noise
    return values.astype(np.float32)


def batch(case: Case, step: int) -> dict[str, np.ndarray]:
    """Images in [-1, 1] and noise of one step, float32.

    Returns:
      "image" [critic_steps, B, S, S, 3], "latent" [critic_steps, B, latent_dim] of the
      discriminator's updates and "generator_latent" [B, latent_dim] of the generator's.
    """
    random, lead = random_of(f"step {step}"), (case.critic_steps, case.batch_size)
    size = (*lead, case.image_size, case.image_size, 3)
    return {
        "image": random.uniform(-1, 1, size).astype(np.float32),
        "latent": random.standard_normal((*lead, case.latent_dim)).astype(np.float32),
        "generator_latent": random.standard_normal((lead[1], case.latent_dim)).astype(np.float32),
    }


def digest(path: str, leaf: np.ndarray) -> tuple[float, float]:
    """A sum that weighs every entry of a leaf differently, and the leaf's norm."""
    leaf = np.asarray(leaf, np.float64)
    weights = random_of(f"digest {path}").standard_normal(leaf.shape)
    return float(np.sum(weights * leaf)), float(np.linalg.norm(leaf))


def golden_text(values: Mapping[str, Sequence[float]]) -> str:
    """What the tests' files of numbers hold: JSON with nine digits, a name per line."""
    lines = (
        f"  {json.dumps(name)}: {json.dumps([float(f'{x:.9g}') for x in of])}"
        for name, of in values.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """The norm of the difference over the norm of what is expected."""
    found, expected = (np.asarray(array, np.float64) for array in (found, expected))
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))
