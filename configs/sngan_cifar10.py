"""SNGAN on CIFAR-10: residual networks, spectral normalization, hinge loss.

Paper: Miyato, Kataoka, Koyama & Yoshida 2018, arXiv:1802.05957: Adam 2e-4 with decays 0.0 and 0.9,
five discriminator updates, batch 64, 50,000 steps with a rate that falls linearly to zero.
Command: python main.py --config=configs/sngan_cifar10.py --workdir=runs/sngan
Without the spectral normalization: --config.model.discriminator.normalization=none.
Hardware: one GPU or TPU core.
Parameters: 4,276,739 of the generator, 1,053,824 of the discriminator, as in the authors' code,
which differs in three ways: it trains the generator on batches of 128, not of 64; it adds uniform
noise of one gray level to real images; its step begins with the generator's update, not with the
discriminator's five.
FID is not measured here yet; the paper gives 21.7 (5,000 images against 10,000 of the test set),
mimicry's networks reach 16.8 (50,000 against 50,000).
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("sngan")
    config.model.network = "resnet"
    config.model.latent_dim = 128
    config.model.loss = "hinge"
    config.model.discriminator.steps = 5
    config.model.discriminator.normalization = "spectral"
    for player in ("generator", "discriminator"):
        optimizer = common.optimizer("adam", 2e-4, b1=0.0, b2=0.9)
        optimizer.schedule = "linear"
        config.model[f"{player}_optimizer"] = optimizer
    config.steps = 50_000
    return common.finish(config, variant)
