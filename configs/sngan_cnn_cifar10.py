"""SNGAN's standard CNN on CIFAR-10: a DCGAN with spectral normalization, hinge loss.

Paper: Miyato, Kataoka, Koyama & Yoshida 2018, arXiv:1802.05957, setting C: Adam 2e-4 with decays
0.5 and 0.999, one discriminator update, batch 64.
Command: python main.py --config=configs/sngan_cnn_cifar10.py --workdir=runs/sngan_cnn
With labels: --config.model.conditional=True --config.model.discriminator.conditioning=projection
Hardware: one GPU or TPU core.
Parameters: 5,860,865 of the discriminator, as in the code to which an author points for these
networks (chainer-gan-lib), whose channels double with each halving; the paper's table has 2,935,873
and a slope of 0.1, the code of 0.2. 3,804,739 of the generator: 3,813,379 in the code, of which
8,640 are biases before batch normalizations, which remove them. The code draws latents from
U(-1, 1), the paper and this config from N(0, 1).
FID is not measured here yet; the paper gives 29.3 (5,000 images against 10,000 of the test set).
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("sngan_cnn")
    config.model.network = "sndcgan"
    config.model.latent_dim = 128
    config.model.loss = "hinge"
    config.model.discriminator.normalization = "spectral"
    config.steps = 100_000
    return common.finish(config, variant)
