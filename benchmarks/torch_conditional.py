"""PyTorch reference of the class-conditional residual networks: SNGAN projection, SAGAN, BigGAN.

Written from the papers and descriptions of the authors' code, not from gan_jax. Functions of a
dictionary of tensors; its names are gan_jax's, so that weights can be exchanged, its layout is
PyTorch's. What a pass in training changes (vectors of spectral normalization, running statistics)
it replaces in that dictionary.
"""

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

State = dict[str, Tensor]


@dataclasses.dataclass
class Network:
    """One of the two networks.

    Attributes:
      state: `{path below the network: tensor}`: "params/...", "batch_stats/...", "spectral/...".
      attention: Side of the map with self-attention; 0 for none.
      spectral_epsilon: Added to lengths of vectors.
      batch_epsilon: Added to variances.
    """

    state: State
    attention: int = 0
    spectral_epsilon: float = 1e-12
    batch_epsilon: float = 2e-5

    def has(self, name: str) -> bool:
        """Whether there is a module of a name."""
        return any(path.startswith(f"params/{name}/") for path in self.state)

    def weight(self, name: str, leaf: str = "kernel") -> Tensor:
        """A weight, over its largest singular value where the module has a vector u."""
        weight, path = self.state[f"params/{name}/{leaf}"], f"spectral/{name}/u"
        if path not in self.state:
            return weight
        rows = weight.flatten(1)
        with torch.no_grad():
            v = _unit(rows.T @ self.state[path], self.spectral_epsilon)
            u = _unit(rows @ v, self.spectral_epsilon)
        self.state[path] = u
        return weight / (u @ rows @ v)

    def bias(self, name: str) -> Tensor | None:
        """A bias, where the module has one."""
        return self.state.get(f"params/{name}/bias")

    def conv(self, name: str, x: Tensor) -> Tensor:
        """A convolution of stride 1 that keeps the size."""
        weight = self.weight(name)
        return functional.conv2d(x, weight, self.bias(name), padding=weight.shape[-1] // 2)

    def linear(self, name: str, x: Tensor) -> Tensor:
        """A linear layer."""
        return functional.linear(x, self.weight(name), self.bias(name))

    def _normal(self, name: str, x: Tensor) -> Tensor:
        """Values of mean 0 and variance 1 in each channel; a tenth goes into the running ones."""
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        for leaf, value in (("mean", mean), ("var", var)):
            path = f"batch_stats/{name}/{leaf}"
            self.state[path] = 0.9 * self.state[path] + 0.1 * value.detach()
        shape = (1, -1, 1, 1)
        return (x - mean.view(shape)) / (var.view(shape) + self.batch_epsilon).sqrt()

    def batch_norm(self, name: str, x: Tensor) -> Tensor:
        """Batch normalization with one scale and bias."""
        scale, bias = (self.state[f"params/{name}/{leaf}"] for leaf in ("scale", "bias"))
        return self._normal(name, x) * scale.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)

    def class_norm(self, name: str, x: Tensor, labels: Tensor) -> Tensor:
        """Batch normalization with a scale and a bias for each class."""
        scale, bias = (
            functional.embedding(labels, self.state[f"params/{name}/{leaf}/embedding"])
            for leaf in ("scale", "bias")
        )
        normal = self._normal(f"{name}/BatchNorm_0", x)
        return normal * scale[:, :, None, None] + bias[:, :, None, None]

    def attend(self, x: Tensor) -> Tensor:
        """Self-attention, where this map is to have it."""
        if x.shape[-1] != self.attention:
            return x
        name = "SelfAttention_0"
        query = self.conv(f"{name}/query", x).flatten(2)
        key = functional.max_pool2d(self.conv(f"{name}/key", x), 2).flatten(2)
        value = functional.max_pool2d(self.conv(f"{name}/value", x), 2).flatten(2)
        weights = (query.transpose(1, 2) @ key).softmax(dim=2)
        attended = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.state[f"params/{name}/gamma"] * self.conv(f"{name}/output", attended)


def generate(net: Network, z: Tensor, labels: Tensor) -> Tensor:
    """Images [B, 3, S, S] of latents and labels [B], in training."""
    x = net.linear("Dense_0", z).reshape(len(z), -1, 4, 4)
    number = 0
    while net.has(block := f"UpBlock_{number}"):
        main = functional.relu(net.class_norm(f"{block}/ConditionalBatchNorm_0", x, labels))
        main = net.conv(f"{block}/UpsampleConv_0", functional.interpolate(main, scale_factor=2))
        main = functional.relu(net.class_norm(f"{block}/ConditionalBatchNorm_1", main, labels))
        main = net.conv(f"{block}/Conv_1", main)
        x = main + net.conv(f"{block}/Conv_0", functional.interpolate(x, scale_factor=2))
        x, number = net.attend(x), number + 1
    return torch.tanh(net.conv("Conv_0", functional.relu(net.batch_norm("BatchNorm_0", x))))


def discriminate(net: Network, x: Tensor, labels: Tensor) -> Tensor:
    """Logits [B] of images and labels [B], in training."""
    attended, number = False, 0
    while net.has(block := f"DownBlock_{number}"):
        halves = net.has(f"{block}/ConvPool_0")
        first, second = ("Conv_1", "ConvPool_0") if halves else ("Conv_0", "Conv_1")
        main = net.conv(f"{block}/{first}", functional.relu(x) if number else x)
        main = net.conv(f"{block}/{second}", functional.relu(main))
        if halves:
            main = functional.avg_pool2d(main, 2)
            x = functional.avg_pool2d(net.conv(f"{block}/Conv_0", x), 2)
        x, number = main + x, number + 1
        if not attended and x.shape[-1] == net.attention:
            x, attended = net.attend(x), True
    h = functional.relu(x).sum((2, 3))
    table = net.weight("Projection_0/LabelEmbedding_0", "embedding")
    return net.linear("Dense_0", h)[:, 0] + (table[labels] * h).sum(1)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """The hinge loss."""
    return (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()


def _unit(vector: Tensor, epsilon: float) -> Tensor:
    return vector / (vector.norm() + epsilon)
