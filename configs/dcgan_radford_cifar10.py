"""DCGAN as in the paper, here on CIFAR-10's airplanes (third recipe).

Paper: Radford, Metz & Chintala 2015, arXiv:1511.06434: transposed convolutions from 1x1, batch
normalisation in both networks but for the discriminator's first layer, Adam.
Command: python main.py --config=configs/dcgan_radford_cifar10.py --workdir=runs/airplanes
Other data: --config.data.name=emnist/letters, or --config.data.name=celeb_a
--config.data.image_size=64. All ten classes: --config.data.classes='()'.
Hardware: one GPU or TPU core; about a second a step on two CPU cores.
Expect: airplane-like shapes against sky after some thousand steps. FID is not measured here yet.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base()
    config.network = "dcgan_radford"
    config.discriminator.normalization = "batch"
    config.data.classes = ("airplane",)
    config.data.augment.flip = True
    config.steps = 20_000
    return common.finish(config, variant)
