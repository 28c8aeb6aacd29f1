"""Class-conditional SNGAN on CIFAR-10: scales by class, and a projection discriminator.

Paper: Miyato & Koyama 2018, arXiv:1802.05637; networks and training of Miyato et al. 2018,
arXiv:1802.05957: Adam 2e-4 with decays 0.0 and 0.9, five discriminator updates, batch 64, 50,000
steps with a rate that falls linearly to zero.
Command: python main.py --config=configs/sngan_projection_cifar10.py --workdir=runs/projection
The label as one more channel: --config.model.discriminator.conditioning=concat.
Hardware: one GPU or TPU core.
Parameters: 4,304,387 of the generator, 1,055,104 of the discriminator, as in the authors' code. As
there, labels of generated images are uniform and the generator's update has 128 images. Two things
differ: the code adds uniform noise of one gray level to real images; its step begins with the
generator's update, not with the discriminator's five.
FID is not measured here yet; mimicry reports 17.5 of the paper (5,000 images against 10,000 of the
test set), and 10.8 of its own networks (50,000 against 50,000).
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("sngan_projection")
    config.model.network = "resnet"
    config.model.latent_dim = 128
    config.model.conditional = True
    config.model.loss = "hinge"
    config.model.generator.labels = "uniform"
    config.model.generator.batch = 2
    config.model.discriminator.steps = 5
    config.model.discriminator.normalization = "spectral"
    config.model.discriminator.conditioning = "projection"
    for player in ("generator", "discriminator"):
        optimizer = common.optimizer("adam", 2e-4, b1=0.0, b2=0.9)
        optimizer.schedule = "linear"
        config.model[f"{player}_optimizer"] = optimizer
    config.steps = 50_000
    return common.finish(config, variant)
