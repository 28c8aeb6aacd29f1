"""The PyTorch side of `compare_conditional_steps.py`: steps on given weights, images and noise.

    python benchmarks/torch_conditional_steps.py 'CASE AS JSON' float32 START.npz END.npz

START.npz holds parameters and statistics by gan_jax's names and in its layout; END.npz gets those
after the last step, averaged ones where there are any, and the losses of every step.
"""

import sys

import conditional_inputs
import numpy as np
import torch
import torch_conditional
from conditional_inputs import Case
from torch import Tensor
from torch_conditional import Network
from torch_layout import from_torch, to_torch

Leaves = dict[str, np.ndarray]


class Trainer:
    """Both networks, their optimizers, and the generator's average."""

    def __init__(self, case: Case, dtype: torch.dtype, leaves: Leaves):
        self.case, self.dtype, self.steps = case, dtype, 0
        epsilons = {
            "spectral_epsilon": 1e-8 if case.system == "biggan" else 1e-12,
            "batch_epsilon": 2e-5 if case.system == "sngan_projection" else 1e-5,
        }
        self.networks, self.optimizers = {}, {}
        for name in ("generator", "discriminator"):
            state = {
                path.partition("/")[2]: torch.from_numpy(to_torch(path, leaf)).to(dtype)
                for path, leaf in leaves.items()
                if path.startswith(f"{name}/")
            }
            trained = [leaf for path, leaf in state.items() if path.startswith("params/")]
            for leaf in trained:
                leaf.requires_grad_()
            attention = case.attention[name] if case.system == "sagan" else 0
            self.networks[name] = Network(state, attention, **epsilons)
            self.optimizers[name] = (
                torch.optim.Adam(trained, betas=case.betas)
                if case.optimizer == "adam"
                else torch.optim.SGD(trained)
            )
        self.average = self._generator_state() if case.system == "biggan" else {}

    def _generator_state(self) -> dict[str, Tensor]:
        state = self.networks["generator"].state
        return {path: leaf.detach().clone() for path, leaf in state.items()}

    def step(self, batch: Leaves) -> list[float]:
        """One step on a batch of `conditional_inputs.batch`: the two players' losses."""
        for name, optimizer in self.optimizers.items():
            decays = self.case.system == "sngan_projection"
            rate = self.case.rates[name] * (1 - self.steps / 50_000 if decays else 1)
            optimizer.param_groups[0]["lr"] = rate
        self.steps += 1
        given = {name: torch.from_numpy(array) for name, array in batch.items()}
        for name, array in given.items():
            given[name] = array.to(self.dtype) if array.is_floating_point() else array.long()
        losses = [self._discriminator_update(given, n) for n in range(self.case.critic_steps)]
        losses = [float(np.mean(losses)), self._generator_update(given)]
        self._update_average()
        return losses

    def _discriminator_update(self, given: dict[str, Tensor], number: int) -> float:
        real, labels = given["image"][number].permute(0, 3, 1, 2), given["label"][number]
        generator, net = self.networks["generator"], self.networks["discriminator"]
        fake_labels = given["fake_label"][number]
        with torch.no_grad():
            # gan_jax keeps vectors and statistics of the generator's own updates alone.
            kept = _with_own_state(generator)
            fake = torch_conditional.generate(kept, given["latent"][number], fake_labels)
        if self.case.system == "biggan":
            both = torch_conditional.discriminate(
                net, torch.cat([real, fake]), torch.cat([labels, fake_labels])
            )
            real_logits, fake_logits = both.chunk(2)
        else:
            real_logits = torch_conditional.discriminate(net, real, labels)
            fake_logits = torch_conditional.discriminate(net, fake, fake_labels)
        return self._descend(
            "discriminator", torch_conditional.discriminator_loss(real_logits, fake_logits)
        )

    def _generator_update(self, given: dict[str, Tensor]) -> float:
        labels = given["generator_label"][0]
        fake = torch_conditional.generate(
            self.networks["generator"], given["generator_latent"][0], labels
        )
        logits = torch_conditional.discriminate(self.networks["discriminator"], fake, labels)
        return self._descend("generator", -logits.mean())

    def _descend(self, name: str, loss: Tensor) -> float:
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        loss.backward()
        self.optimizers[name].step()
        return float(loss.detach())

    def _update_average(self) -> None:
        decay = 0.0 if self.steps < self.case.ema_start else self.case.ema_decay
        new = self._generator_state()
        for path in self.average:
            self.average[path] = decay * self.average[path] + (1 - decay) * new[path]

    def leaves(self) -> Leaves:
        """Everything, by gan_jax's names and in its layout."""
        states = {name: network.state for name, network in self.networks.items()}
        found = {
            f"{name}/{path}": leaf.detach().numpy()
            for name, state in states.items()
            for path, leaf in state.items()
        }
        result = {path: from_torch(path, leaf) for path, leaf in found.items()}
        for path, leaf in self.average.items():
            result[f"ema/generator/{path}"] = from_torch(f"generator/{path}", leaf.numpy())
        return result


def _with_own_state(network: Network) -> Network:
    """The same network with a dictionary of its own, in which a pass may replace tensors."""
    return Network(
        dict(network.state), network.attention, network.spectral_epsilon, network.batch_epsilon
    )


def main(arguments: list[str]) -> int:
    """Does the steps; returns the exit status."""
    case, dtype = Case.from_json(arguments[0]), getattr(torch, arguments[1])
    with np.load(arguments[2]) as file:
        trainer = Trainer(case, dtype, dict(file))
    losses = [trainer.step(conditional_inputs.batch(case, n)) for n in range(case.steps)]
    np.savez(arguments[3], losses=np.array(losses), **trainer.leaves())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
