"""SAGAN on CIFAR-10: self-attention, spectral normalization in both networks, two rates.

Paper: Zhang, Goodfellow, Metaxas & Odena 2019, arXiv:1805.08318: Adam 1e-4 for the generator, 4e-4
for the discriminator, one discriminator update, hinge loss. The paper trains on ImageNet at
128x128; the networks for 32x32 are mimicry's: attention on the generator's map of 16x16 and the
discriminator's of 8x8.
Command: python main.py --config=configs/sagan_cifar10.py --workdir=runs/sagan
Hardware: one GPU or TPU core.
Parameters: 4,386,308 of the generator, 1,075,586 of the discriminator, as mimicry's. As in the
authors' code Adam's decays are 0.0 and 0.999 (0.9 in the paper), and attention has values of half
of the channels and pooled keys and values. Here unlike there: batch 64, for 256; every pass of the
discriminator is a power iteration, there the one of real images alone; sigma's vectors have no
gradient; running statistics keep 0.9 at each update, there 0.999.
FID is not measured here yet, and the paper has none for CIFAR-10.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("sagan")
    config.model.network = "sagan"
    config.model.latent_dim = 128
    config.model.conditional = True
    config.model.loss = "hinge"
    config.model.generator.normalization = "spectral"
    config.model.generator.attention = 16
    config.model.generator.labels = "uniform"
    config.model.discriminator.normalization = "spectral"
    config.model.discriminator.attention = 8
    config.model.discriminator.conditioning = "projection"
    for player, rate in (("generator", 1e-4), ("discriminator", 4e-4)):
        config.model[f"{player}_optimizer"] = common.optimizer("adam", rate, b1=0.0, b2=0.999)
    config.steps = 100_000
    return common.finish(config, variant)
