"""Two steps of AC-GAN of fully connected networks in PyTorch; writes what the tests compare with.

    python benchmarks/torch_acgan.py tests/gans/acgan_golden.json

Weights, images, noise and labels depend on names alone. Nothing of gan_jax: dense networks with
LeakyReLU 0.2, a label's embedding next to the latent, the non-saturating loss, plain descent.
"""

import sys
from pathlib import Path

import step_inputs
import torch
from step_inputs import ACGAN
from torch import Tensor
from torch.nn import functional

PLAYERS = {"discriminator": ("discriminator", "classifier"), "generator": ("generator",)}
Tensors = dict[str, Tensor]


def dense(leaves: Tensors, name: str, x: Tensor) -> Tensor:
    """One layer, by the place of its parameters."""
    return x @ leaves[f"{name}/kernel"] + leaves[f"{name}/bias"]


def generate(leaves: Tensors, latents: Tensor, labels: Tensor) -> Tensor:
    """Images [B, H * W]."""
    table = leaves["generator/params/LabelEmbedding_0/embedding"]
    x = torch.cat([latents, table[labels]], dim=1)
    for n in range(3):
        x = functional.leaky_relu(dense(leaves, f"generator/params/Dense_{n}", x), 0.2)
    return torch.tanh(dense(leaves, "generator/params/Dense_3", x))


def discriminate(leaves: Tensors, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of being real [B] and of the classes [B, K]."""
    x = images
    for n in range(2):
        x = functional.leaky_relu(dense(leaves, f"discriminator/params/Dense_{n}", x), 0.2)
    real = dense(leaves, "discriminator/params/Dense_2", x)[:, 0]
    return real, dense(leaves, "classifier/params/Dense_0", x)


def loss(leaves: Tensors, player: str, batch: Tensors) -> Tensor:
    """The loss of one player."""
    if player == "generator":
        labels = batch["generator_label"]
        real, classes = discriminate(leaves, generate(leaves, batch["generator_latent"], labels))
        adversarial = functional.binary_cross_entropy_with_logits(real, torch.ones_like(real))
        return adversarial + ACGAN["weight"] * functional.cross_entropy(classes, labels)
    fake = generate(leaves, batch["latent"], batch["fake_label"]).detach()
    total = torch.zeros(())
    for images, labels, target in (
        (batch["image"], batch["label"], 1.0),
        (fake, batch["fake_label"], 0.0),
    ):
        real, classes = discriminate(leaves, images)
        total = total + functional.binary_cross_entropy_with_logits(
            real, torch.full_like(real, target)
        )
        total = total + ACGAN["weight"] * functional.cross_entropy(classes, labels)
    return total


def main(arguments: list[str]) -> int:
    """Does the steps and writes digests, one leaf per line; returns the exit status."""
    leaves = {
        path: torch.from_numpy(step_inputs.start(path, shape)).double().requires_grad_()
        for path, shape in step_inputs.acgan_shapes().items()
    }
    losses = []
    for step in range(ACGAN["steps"]):
        arrays = step_inputs.acgan_batch(step)
        batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
        batch = {n: t.long() if "label" in n else t.double() for n, t in batch.items()}
        batch["image"] = batch["image"].flatten(1)
        for player, networks in PLAYERS.items():
            trained = [leaf for path, leaf in leaves.items() if path.split("/")[0] in networks]
            optimizer = torch.optim.SGD(trained, lr=ACGAN["rate"])
            value = loss(leaves, player, batch)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(float(value.detach()))
    found = {path: step_inputs.digest(path, leaf.detach().numpy()) for path, leaf in leaves.items()}
    Path(arguments[0]).write_text(step_inputs.golden_text({**found, "losses": losses}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
