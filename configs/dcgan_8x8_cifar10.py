"""DCGAN on CIFAR-10, first recipe (dense 8x8x256, two transposed convolutions).

Paper: Radford, Metz & Chintala 2015, arXiv:1511.06434.
Command: python main.py --config=configs/dcgan_8x8_cifar10.py --workdir=runs/dcgan_8x8
Hardware: one GPU or TPU core.
Length: 30 epochs, 23,450 steps of batch 64.
Expect: slow. The discriminator has no normalization; D(x) and D(G(z)) both stayed near 0.5 for the
first 660 steps that were seen; dcgan_cifar10 learns faster. FID is not measured here yet.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("dcgan")
    config.sample_epochs = (1, 25, 30)
    return common.finish(config, variant)
