"""WGAN with weight clipping on CIFAR-10, on the first DCGAN's networks.

Paper: Arjovsky, Chintala & Bottou 2017, arXiv:1701.07875: weights clipped at 0.01, RMSProp 5e-5,
five critic steps.
Command: python main.py --config=configs/wgan_cifar10.py --workdir=runs/wgan
Hardware: one GPU or TPU core.
FID is not measured here yet, StudioGAN publishes 107.7.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("wgan")
    config.model.loss = "wasserstein"
    config.model.weight_clip = 0.01
    config.model.discriminator.steps = 5
    config.model.generator_optimizer = common.optimizer("rmsprop", 5e-5, b1=0.0, b2=0.99)
    config.model.discriminator_optimizer = common.optimizer("rmsprop", 5e-5, b1=0.0, b2=0.99)
    config.steps = 50_000
    return common.finish(config, variant)
