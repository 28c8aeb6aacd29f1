"""Hinge loss on CIFAR-10, on the first DCGAN's networks.

Paper: Lim & Ye 2017, arXiv:1705.02894.
Command: python main.py --config=configs/hinge_cifar10.py --workdir=runs/hinge
Hardware: one GPU or TPU core.
FID is not measured here yet.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("hinge")
    config.model.loss = "hinge"
    return common.finish(config, variant)
