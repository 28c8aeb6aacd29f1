"""AC-GAN on CIFAR-10: the discriminator also names the class, and the generator is to help it.

Paper: Odena, Olah & Shlens 2017, arXiv:1610.09585: cross-entropy of the class on real and generated
images in both players' losses, weight 1, Adam 2e-4 with a first moment of 0.5, batch 100, no label
given to the discriminator. Labels of generated images are drawn uniformly.
Networks: those of dcgan_cifar10; the paper's are deeper, with dropout and convolutions of 5x5.
Command: python main.py --config=configs/acgan_cifar10.py --workdir=runs/acgan
Hardware: one GPU or TPU core.
FID is not measured here yet.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("acgan")
    config.model.conditional = True
    config.model.network = "dcgan_radford"
    config.model.generator.labels = "uniform"
    config.model.discriminator.normalization = "batch"
    config.model.discriminator.conditioning = "none"
    config.model.discriminator.auxiliary_classifier = 1.0
    config.batch_size = 100
    return common.finish(config, variant)
