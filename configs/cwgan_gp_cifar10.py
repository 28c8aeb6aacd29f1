"""Conditional WGAN-GP on CIFAR-10: WGAN-GP with both networks conditioned on the label.

Paper: Gulrajani et al. 2017, arXiv:1704.00028; the conditioning is that of cgan_cifar10.
Command: python main.py --config=configs/cwgan_gp_cifar10.py --workdir=runs/cwgan_gp
Hardware: one GPU or TPU core.
Seen at --config.model.width=0.375 after 1,600 steps: grainy images that differ along a row in
shape and light, with the class's colors (sky behind airplanes and ships, green behind deer and
frogs, a white animal on black in some) and a shape that one could name in about one of five; the
critic's real minus fake about 2. FID is not measured here yet.
"""

from ml_collections import ConfigDict

from configs import wgan_gp_cifar10


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = wgan_gp_cifar10.get_config(variant)
    config.name = "cwgan_gp"
    config.model.conditional = True
    return config
