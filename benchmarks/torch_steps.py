"""The PyTorch side of `compare_steps.py`: steps of `torch_reference.py` on given weights and noise.

    python benchmarks/torch_steps.py 'CASE AS JSON' float32 START.npz END.npz

START.npz holds parameters and statistics by gan_jax's names and in its layout; END.npz gets those
after the last step, and the losses of every step.
"""

import sys

import numpy as np
import step_inputs
import torch
import torch_sngan
from step_inputs import Case
from torch import Tensor, nn
from torch_layout import from_torch, to_torch
from torch_reference import Trainer
from worker_protocol import Settings

Leaves = dict[str, np.ndarray]
NAMES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
    "u": "u",
}


class GivenTrainer(Trainer):
    """The reference's trainer, on networks, images and noise that it is given."""

    def __init__(self, case: Case, dtype: torch.dtype):
        self.case, self.dtype = case, dtype
        super().__init__(
            Settings(
                system="sngan",
                networks="resnet",
                batch_size=case.batch_size,
                critic_steps=case.critic_steps,
            )
        )
        self._rate = case.rate
        self._batch: dict[str, Tensor] = {}
        self._own_losses: list[float] = []
        self.pixels: dict[str, int] = {}
        for name, module in self.generator.named_modules():
            if isinstance(module, nn.BatchNorm2d):
                module.register_forward_pre_hook(self._count(name))

    def _count(self, name: str):
        def hook(_, inputs):
            self.pixels[name] = inputs[0].numel() // inputs[0].shape[1]

        return hook

    def _networks(self) -> tuple[nn.Module, nn.Module]:
        case = self.case
        generator = torch_sngan.Generator(case.channels, case.image_size, case.latent_dim)
        discriminator = torch_sngan.Discriminator(max(4, case.channels // 2), case.image_size)
        return generator.to(self.dtype), discriminator.to(self.dtype)

    def _optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        if self.case.optimizer == "adam":
            return super()._optimizer(network)
        return torch.optim.SGD(network.parameters(), lr=self.case.rate)

    def _load_images(self) -> Tensor:
        return torch.zeros(1)

    def _real(self, index: Tensor) -> Tensor:
        return self._batch["image"][int(index)].permute(0, 3, 1, 2).contiguous()

    def _fake(self) -> Tensor:
        if torch.is_grad_enabled():
            return self.generator(self._batch["generator_latent"])
        # gan_jax keeps the running statistics of the generator's own updates alone.
        kept = {name: buffer.clone() for name, buffer in self.generator.named_buffers()}
        fake = self.generator(self._latents.pop(0))
        self.generator.load_state_dict(kept, strict=False)
        return fake

    def _sngan_discriminator_loss(self, index: Tensor) -> Tensor:
        loss = super()._sngan_discriminator_loss(index)
        self._own_losses.append(float(loss.detach()))
        return loss

    def _logits(self, images: Tensor) -> Tensor:
        return self.discriminator(images)

    def given_step(self, batch: Leaves) -> tuple[float, float]:
        """One step on a batch of `step_inputs.batch`.

        Returns:
          The discriminator's mean loss over its updates, and the generator's.
        """
        self._own_losses.clear()
        self._batch = {
            name: torch.from_numpy(array).to(self.dtype) for name, array in batch.items()
        }
        self._latents = list(self._batch["latent"])
        losses = self.step(torch.arange(self.case.critic_steps))
        return float(np.mean(self._own_losses)), float(losses["generator"])


def load(trainer: GivenTrainer, leaves: Leaves) -> None:
    """Puts parameters and statistics into the networks.

    Raises:
      KeyError: A network has no place for a leaf, or gets nothing for one of its own.
    """
    states: dict[str, dict[str, Tensor]] = {"generator": {}, "discriminator": {}}
    for path, leaf in leaves.items():
        network, _, *modules, name = path.split("/")
        key = ".".join([*modules, NAMES[name]])
        states[network][key] = torch.from_numpy(to_torch(path, leaf)).to(trainer.dtype)
    for network, state in states.items():
        module = getattr(trainer, network)
        expected = {key for key in module.state_dict() if not key.endswith("num_batches_tracked")}
        if expected != set(state):
            raise KeyError(f"{network}: {sorted(expected ^ set(state))} on one side only")
        module.load_state_dict(state, strict=False)


def unload(trainer: GivenTrainer, paths: list[str], steps: int) -> Leaves:
    """Parameters and statistics by gan_jax's names and in its layout, after some steps."""
    leaves = {}
    for path in paths:
        network, _, *modules, name = path.split("/")
        state = getattr(trainer, network).state_dict()
        leaf = state[".".join([*modules, NAMES[name]])].numpy()
        if name == "var":
            # PyTorch keeps the unbiased variance, from a start of 1.
            of_start, pixels = 0.9**steps, trainer.pixels[".".join(modules)]
            leaf = of_start + (leaf - of_start) * (pixels - 1) / pixels
        leaves[path] = from_torch(path, leaf)
    return leaves


def main(arguments: list[str]) -> int:
    """Does the steps; returns the exit status."""
    case, dtype = Case.from_json(arguments[0]), getattr(torch, arguments[1])
    with np.load(arguments[2]) as file:
        leaves = dict(file)
    trainer = GivenTrainer(case, dtype)
    load(trainer, leaves)
    losses = [trainer.given_step(step_inputs.batch(case, step)) for step in range(case.steps)]
    result = unload(trainer, list(leaves), case.steps)
    np.savez(arguments[3], losses=np.array(losses), **result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
