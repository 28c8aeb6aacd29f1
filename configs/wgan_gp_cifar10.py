"""WGAN-GP on CIFAR-10, on the second DCGAN's networks, five critic steps.

Paper: Gulrajani et al. 2017, arXiv:1704.00028: penalty 10, Adam 1e-4 with decays 0.0 and 0.9, a
critic of 128, 256, 512 channels without normalization, its kernels initialized as He et al. 2015.
Command: python main.py --config=configs/wgan_gp_cifar10.py --workdir=runs/wgan_gp
One critic step per generator step: --config.model.discriminator.steps=1. The first recipe's smaller
networks, which learn much more slowly: --config.model.network=dcgan_8x8.
Hardware: one GPU or TPU core.
Seen at --config.model.width=0.375 after 1,600 steps: every image differs, dark and light shapes
against blue, green, white and brown backgrounds, some of them boats, cars and animals on grass by
their outline; the critic's real minus fake about 2.9, penalty 0.026. FID is not measured here yet;
StudioGAN publishes 54.0, other code bases 19.8 for a larger CNN.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("wgan_gp")
    config.model.network = "dcgan_4x4"
    config.model.loss = "wasserstein"
    config.model.penalty.name = "gradient_penalty"
    config.model.discriminator.steps = 5
    config.model.discriminator.initializer = "he"
    config.model.generator_optimizer = common.optimizer("adam", 1e-4, b1=0.0, b2=0.9)
    config.model.discriminator_optimizer = common.optimizer("adam", 1e-4, b1=0.0, b2=0.9)
    config.steps = 50_000
    return common.finish(config, variant)
