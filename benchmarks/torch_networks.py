"""The networks of the PyTorch reference.

Networks, with images [B, 3, 32, 32] (Radford et al. 2015, https://arxiv.org/abs/1511.06434):
  dcgan_4x4   z 100, dense 4x4x512, transposed convolutions 256, 128, 3 (4x4, stride 2), tanh;
              BatchNorm and LeakyReLU 0.2 between them. Convolutions 128, 256, 512 (4x4, stride 2)
              with LeakyReLU 0.2 and dropout 0.3 (none in WGAN-GP), dense 1.
  dcgan_8x8   z 100, dense 8x8x256, transposed convolutions 128, 64 (4x4, stride 2), 3 (3x3, stride
              1), tanh; BatchNorm and ReLU between them. Convolutions 64, 128 (4x4, stride 2) with
              LeakyReLU 0.2, dense 1.
  resnet      SNGAN's, in `torch_sngan.py`.
"""

import itertools

import torch_sngan
from torch import nn

LATENT_DIM = 100  # of all but resnet


def _channels(full: int, width: float) -> int:
    return max(4, round(full * width))


def generator_network(networks: str, width: float = 1.0) -> nn.Module:
    """The generator, z [B, 100], resnet's [B, 128] -> images [B, 3, 32, 32] in [-1, 1]."""
    if networks == "resnet":
        return torch_sngan.Generator(_channels(torch_sngan.GENERATOR_CHANNELS, width))
    side, widths, activation = {
        "dcgan_4x4": (4, (512, 256, 128), lambda: nn.LeakyReLU(0.2)),
        "dcgan_8x8": (8, (256, 128, 64), nn.ReLU),
    }[networks]
    widths = tuple(wide // widths[-1] * _channels(widths[-1], width) for wide in widths)
    layers = [
        nn.Linear(LATENT_DIM, side * side * widths[0], bias=False),
        nn.Unflatten(1, (widths[0], side, side)),
        nn.BatchNorm2d(widths[0]),
        activation(),
    ]
    for before, after in itertools.pairwise(widths):
        layers += [
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
            nn.BatchNorm2d(after),
            activation(),
        ]
    last = (
        nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1)
        if networks == "dcgan_4x4"
        else nn.ConvTranspose2d(widths[-1], 3, 3, 1, 1)
    )
    return nn.Sequential(*layers, last, nn.Tanh())


def discriminator_network(networks: str, dropout_rate: float, width: float = 1.0) -> nn.Module:
    """The discriminator or critic, images [B, 3, 32, 32] -> logits [B]."""
    if networks == "resnet":
        return torch_sngan.Discriminator(_channels(torch_sngan.DISCRIMINATOR_CHANNELS, width))
    widths = {"dcgan_4x4": (128, 256, 512), "dcgan_8x8": (64, 128)}[networks]
    widths = tuple(wide // widths[0] * _channels(widths[0], width) for wide in widths)
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((3, *widths)):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
        if dropout_rate:
            layers.append(nn.Dropout(dropout_rate))
    side = 32 // 2 ** len(widths)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * side**2, 1), nn.Flatten(0))


def initialize(network: nn.Module, *, he: bool = False) -> None:
    """Draws kernels from N(0, 0.02) as Radford et al., or N(0, 2 / fan_in); biases are zero."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            if he:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            else:
                nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
