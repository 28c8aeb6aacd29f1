"""Steps of InfoGAN in PyTorch, on given weights, images, noise and codes.

    python benchmarks/torch_infogan.py 'CASE AS JSON' float32 START.npz END.npz

START.npz holds parameters and statistics by gan_jax's names and in its layout; END.npz gets those
after the last step, and the losses of every step. Functions of tensors by name; nothing of gan_jax.
"""

import sys
from collections.abc import Callable

import numpy as np
import step_inputs
import torch
from step_inputs import InfoGANCase
from torch import Tensor
from torch.nn import functional

Tensors = dict[str, Tensor]
# Who trains what.
PLAYERS = {"discriminator": ("trunk", "discriminator", "code_head"), "generator": ("generator",)}


class Model:
    """The networks, on parameters and statistics by path; images are [B, H, W, C]."""

    def __init__(self, leaves: Tensors):
        self.leaves = leaves
        # Statistics that the passes of the present update have made of the running ones.
        self.passed: Tensors = {}

    def _linear(self, path: str, x: Tensor) -> Tensor:
        return x @ self.leaves[f"{path}/kernel"] + self.leaves[f"{path}/bias"]

    def _conv(self, path: str, x: Tensor, apply: Callable[..., Tensor]) -> Tensor:
        weight = self.leaves[f"{path}/kernel"].permute(3, 2, 0, 1)
        bias = self.leaves[f"{path}/bias"]
        return apply(x.permute(0, 3, 1, 2), weight, bias, 2, 1).permute(0, 2, 3, 1)

    def _norm(self, network: str, name: str, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        for leaf, own in (("mean", flat.mean(0)), ("var", flat.var(0, unbiased=False))):
            path = f"{network}/batch_stats/{name}/{leaf}"
            before = self.passed.get(path, self.leaves[path])
            self.passed[path] = 0.9 * before + 0.1 * own.detach()
        scale, bias = (self.leaves[f"{network}/params/{name}/{leaf}"] for leaf in ("scale", "bias"))
        normal = functional.batch_norm(flat, None, None, scale, bias, training=True, eps=1e-5)
        return normal.reshape(x.shape)

    def generator(self, latent: Tensor, image_size: int) -> Tensor:
        """Images in [0, 1]."""
        of, x = "generator/params", latent
        for n in (0, 1):
            x = functional.relu(
                self._norm("generator", f"BatchNorm_{n}", self._linear(f"{of}/Dense_{n}", x))
            )
        x = x.reshape(len(x), image_size // 4, image_size // 4, -1)
        x = self._conv(f"{of}/ConvTranspose_0", x, functional.conv_transpose2d)
        x = functional.relu(self._norm("generator", "BatchNorm_2", x))
        return torch.sigmoid(self._conv(f"{of}/ConvTranspose_1", x, functional.conv_transpose2d))

    def trunk(self, images: Tensor) -> Tensor:
        """Features of images in [0, 1]."""
        of = "trunk/params"
        x = functional.leaky_relu(self._conv(f"{of}/Conv_0", images, functional.conv2d), 0.01)
        x = self._norm("trunk", "BatchNorm_0", self._conv(f"{of}/Conv_1", x, functional.conv2d))
        x = functional.leaky_relu(x, 0.01).flatten(1)
        x = self._norm("trunk", "BatchNorm_1", self._linear(f"{of}/Dense_0", x))
        return functional.leaky_relu(x, 0.01)

    def logit(self, features: Tensor) -> Tensor:
        """The discriminator's, [B]."""
        return self._linear("discriminator/params/Dense_0", features)[:, 0]

    def guess(self, features: Tensor) -> Tensor:
        """Logits of the category, then means and unused numbers of the two codes."""
        x = self._linear("code_head/params/Dense_0", features)
        x = functional.leaky_relu(self._norm("code_head", "BatchNorm_0", x), 0.01)
        return self._linear("code_head/params/Dense_1", x)


def not_known(guess: Tensor, category: Tensor, codes: Tensor) -> Tensor:
    """The negative log-likelihood of the codes."""
    sizes = [guess.shape[1] - 2 * codes.shape[1], codes.shape[1], codes.shape[1]]
    logits, mean, _ = guess.split(sizes, dim=1)
    normal = torch.distributions.Normal(mean, torch.ones_like(mean))
    return functional.cross_entropy(logits, category) - normal.log_prob(codes).sum(1).mean()


def loss(model: Model, player: str, batch: Tensors, case: InfoGANCase) -> Tensor:
    """The loss of one player on noise and codes of its own."""
    own = "" if player == "discriminator" else "generator_"
    category = batch[f"{own}category"].long()
    codes = torch.stack([batch[f"{own}code_0"], batch[f"{own}code_1"]], dim=1)
    one_hot = functional.one_hot(category, case.categories).to(codes.dtype)
    fake = model.generator(torch.cat([batch[f"{own}z"], one_hot, codes], 1), case.image_size)
    if player == "generator":
        features = model.trunk(fake)
        adversarial = -functional.logsigmoid(model.logit(features)).mean()
    else:
        real = model.logit(model.trunk((batch["image"] + 1) / 2))
        features = model.trunk(fake.detach())
        fake_logit = model.logit(features)
        adversarial = -(functional.logsigmoid(real) + functional.logsigmoid(-fake_logit)).mean()
    return adversarial + not_known(model.guess(features), category, codes)


def update(model: Model, player: str, optimizer, batch: Tensors, case: InfoGANCase) -> float:
    """One update of one player; returns its loss before it."""
    model.passed = {}
    value = loss(model, player, batch, case)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    # gan_jax keeps the running statistics of the networks that the player trains.
    for path, tensor in model.passed.items():
        if path.split("/")[0] in PLAYERS[player]:
            model.leaves[path] = tensor
    return float(value.detach())


def make_optimizer(model: Model, player: str, case: InfoGANCase) -> torch.optim.Optimizer:
    """Adam of the authors' code, or plain descent."""
    trained = [
        leaf.requires_grad_()
        for path, leaf in model.leaves.items()
        if path.split("/")[0] in PLAYERS[player] and path.split("/")[1] == "params"
    ]
    if case.optimizer == "sgd":
        return torch.optim.SGD(trained, lr=case.rates[player])
    return torch.optim.Adam(trained, lr=case.rates[player], betas=(0.5, 0.999))


def main(arguments: list[str]) -> int:
    """Does the steps; returns the exit status."""
    case, dtype = InfoGANCase.from_json(arguments[0]), getattr(torch, arguments[1])
    with np.load(arguments[2]) as file:
        model = Model({path: torch.from_numpy(leaf).to(dtype) for path, leaf in file.items()})
    optimizers = {player: make_optimizer(model, player, case) for player in PLAYERS}
    losses = []
    for step in range(case.steps):
        arrays = step_inputs.infogan_batch(case, step)
        batch = {name: torch.from_numpy(array).to(dtype) for name, array in arrays.items()}
        losses.append(
            [update(model, player, optimizers[player], batch, case) for player in PLAYERS]
        )
    found = {path: leaf.detach().numpy() for path, leaf in model.leaves.items()}
    np.savez(arguments[3], losses=np.array(losses), **found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
