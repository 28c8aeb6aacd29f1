"""PyTorch reference of SNGAN's networks and losses (Miyato et al. 2018, arXiv:1802.05957).

Written from the paper and from the authors' description of their layers, not from gan_jax. Modules
have the names of gan_jax's, so that weights can be exchanged; shapes are PyTorch's, images NCHW.

A kernel is normalized by one power iteration in every pass in training, which keeps its vector u.
The discriminator's real and generated images go through it as two batches, one after the other: as
one batch they would share a single power iteration, which is another game. 1x1 convolutions of
shortcuts are done at the smaller size, where they give the same.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

LATENT_DIM = 128
GENERATOR_CHANNELS, DISCRIMINATOR_CHANNELS = 256, 128
EPSILON = 1e-12


class SpectralConv2d(nn.Conv2d):
    """A convolution, of odd size and stride 1, by the kernel over its largest singular value."""

    def __init__(self, before: int, after: int, size: int):
        super().__init__(before, after, size, padding=size // 2)
        self.register_buffer("u", torch.randn(after))

    def forward(self, x: Tensor) -> Tensor:
        """Maps x [B, I, H, W] to [B, O, H, W]."""
        weight = normalized(self.weight, self.u, self.training)
        return functional.conv2d(x, weight, self.bias, padding=self.padding)


class SpectralLinear(nn.Linear):
    """A linear layer without bias by the matrix over its largest singular value."""

    def __init__(self, before: int, after: int):
        super().__init__(before, after, bias=False)
        self.register_buffer("u", torch.randn(after))

    def forward(self, x: Tensor) -> Tensor:
        """Maps x [B, I] to [B, O]."""
        return functional.linear(x, normalized(self.weight, self.u, self.training))


def normalized(weight: Tensor, u: Tensor, training: bool) -> Tensor:
    """The weight [O, ...] over its largest singular value; moves u [O] on in training."""
    # Output channels first and the others in the order in which they lie, so that nothing is
    # copied: the singular value does not depend on the order.
    order = (0, 2, 3, 1) if weight.ndim == 4 else (0, 1)
    with torch.autocast(weight.device.type, enabled=False):
        matrix = weight.permute(order).reshape(len(weight), -1)
        with torch.no_grad():
            v = functional.normalize(torch.mv(matrix.t(), u), dim=0, eps=EPSILON)
            new = functional.normalize(torch.mv(matrix, v), dim=0, eps=EPSILON)
            if training:
                u.copy_(new)
        return weight / torch.dot(new, torch.mv(matrix, v))


def _glorot(module: nn.Module, gain: float = 1.0) -> nn.Module:
    nn.init.xavier_uniform_(module.weight, gain)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=2e-5)


class UpBlock(nn.Module):
    """BN, ReLU, nearest upsampling, 3x3, BN, ReLU, 3x3; 1x1 and upsampling beside it."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.BatchNorm_0 = _batch_norm(before)
        self.UpsampleConv_0 = _glorot(nn.Conv2d(before, after, 3, padding=1), math.sqrt(2))
        self.BatchNorm_1 = _batch_norm(after)
        self.Conv_1 = _glorot(nn.Conv2d(after, after, 3, padding=1), math.sqrt(2))
        self.Conv_0 = _glorot(nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps x [B, I, H, W] to [B, O, 2H, 2W]."""
        main = functional.interpolate(functional.relu(self.BatchNorm_0(x)), scale_factor=2)
        main = functional.relu(self.BatchNorm_1(self.UpsampleConv_0(main)))
        return self.Conv_1(main) + functional.interpolate(self.Conv_0(x), scale_factor=2)


class Generator(nn.Module):
    """z [B, 128] -> images [B, 3, S, S] in [-1, 1], through an `UpBlock` for each doubling of 4."""

    def __init__(self, channels: int, image_size: int = 32, latent_dim: int = LATENT_DIM):
        super().__init__()
        self.Dense_0 = _glorot(nn.Linear(latent_dim, 16 * channels))
        self.blocks = [f"UpBlock_{n}" for n in range(int(math.log2(image_size // 4)))]
        for name in self.blocks:
            self.add_module(name, UpBlock(channels, channels))
        self.BatchNorm_0 = _batch_norm(channels)
        self.Conv_0 = _glorot(nn.Conv2d(channels, 3, 3, padding=1))

    def forward(self, z: Tensor) -> Tensor:
        """Maps z [B, latent_dim] to images [B, 3, S, S]."""
        x = self.Dense_0(z).reshape(len(z), -1, 4, 4)
        for name in self.blocks:
            x = getattr(self, name)(x)
        return torch.tanh(self.Conv_0(functional.relu(self.BatchNorm_0(x))))


class DownBlock(nn.Module):
    """(ReLU,) 3x3, ReLU, 3x3 (and means over 2x2); beside it (means and 1x1) or the input."""

    def __init__(self, before: int, after: int, *, downsample: bool, activate_input: bool):
        super().__init__()
        self.downsample, self.activate_input = downsample, activate_input
        # gan_jax counts what it makes by kind: the shortcut's convolution first, if there is one.
        first, second = ("Conv_1", "ConvPool_0") if downsample else ("Conv_0", "Conv_1")
        self.first, self.second = first, second
        self.add_module(first, _glorot(SpectralConv2d(before, after, 3), math.sqrt(2)))
        self.add_module(second, _glorot(SpectralConv2d(after, after, 3), math.sqrt(2)))
        if downsample:
            self.Conv_0 = _glorot(SpectralConv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps x [B, I, H, W] to [B, O, H / 2, W / 2], or to [B, O, H, W]."""
        main = functional.relu(x) if self.activate_input else x
        main = getattr(self, self.first)(main)
        main = getattr(self, self.second)(functional.relu(main))
        if not self.downsample:
            return main + x
        return functional.avg_pool2d(main, 2) + self.Conv_0(functional.avg_pool2d(x, 2))


class Discriminator(nn.Module):
    """Images [B, 3, S, S] -> logits [B]: a `DownBlock` for each halving down to 8, and two more."""

    def __init__(self, channels: int, image_size: int = 32):
        super().__init__()
        halvings = int(math.log2(image_size // 8))
        self.blocks = [f"DownBlock_{n}" for n in range(halvings + 2)]
        for n, name in enumerate(self.blocks):
            before = channels if n else 3
            block = DownBlock(before, channels, downsample=n < halvings, activate_input=n > 0)
            self.add_module(name, block)
        self.Dense_0 = _glorot(SpectralLinear(channels, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, S, S] -> logits [B]."""
        x = images
        for name in self.blocks:
            x = getattr(self, name)(x)
        dtype = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            return self.Dense_0(functional.relu(x).sum((2, 3), dtype=dtype)).squeeze(1)


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The hinge loss (Lim & Ye 2017, arXiv:1705.02894)."""
    return functional.relu(1.0 - real_logits).mean() + functional.relu(1.0 + fake_logits).mean()


def generator_loss(fake_logits: Tensor) -> Tensor:
    """The generator's side of the hinge loss."""
    return -fake_logits.mean()
