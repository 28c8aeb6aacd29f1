"""LSGAN on CIFAR-10: least squares on the first DCGAN's networks.

Paper: Mao et al. 2017, arXiv:1611.04076.
Command: python main.py --config=configs/lsgan_cifar10.py --workdir=runs/lsgan
Hardware: one GPU or TPU core.
FID is not measured here yet; StudioGAN publishes 40.2.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("lsgan")
    config.model.loss = "least_squares"
    return common.finish(config, variant)
