"""Conditional GAN on scikit-learn's digits: the quickstart, no download.

Paper: Mirza & Osindero 2014, arXiv:1411.1784.
Command: make quickstart, or
python main.py --config=configs/cgan_digits.py --workdir=runs/quickstart
Hardware: any; install and training took just under four minutes on two busy CPU cores.
Expect: a grid of ten rows, one digit per row, that one can read.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("cgan")
    config.model.conditional = True
    config.model.network = "dcgan_radford"
    config.model.discriminator.normalization = "batch"
    config.model.width = 0.125
    config.model.latent_dim = 64
    # With equal rates the generator outruns so small a discriminator and ignores its latent: every
    # row is then one digit ten times.
    config.model.discriminator_optimizer.learning_rate = 1e-3
    config.model.ema_decay = 0.99
    config.data.name = "digits"
    config.steps = 3_000
    config.log_every = 100
    config.sample_every = 500
    config.checkpoint_every = 500
    return common.finish(config, variant)
