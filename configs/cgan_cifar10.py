"""Conditional GAN on CIFAR-10.

Paper: Mirza & Osindero 2014, arXiv:1411.1784. The label's embedding, as long as the latent, is
concatenated with it; the discriminator gets an embedded label as one more plane of the image.
Networks: those of dcgan_cifar10. The first recipe's: --config.model.network=dcgan_8x8
--config.model.discriminator.normalization=none.
Command: python main.py --config=configs/cgan_cifar10.py --workdir=runs/cgan
Vehicles alone: --config.data.classes="('airplane','automobile','ship','truck')"
Animals alone: --config.data.classes='(2,3,4,5,6,7)'
Hardware: one GPU or TPU core.
Expect: one row per class. Seen at --config.model.width=0.375 after 1,500 steps: colors and
backgrounds that fit the class (blue behind airplanes, green behind deer), dark blurred shapes in
front. FID is not measured here yet.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("cgan")
    config.model.conditional = True
    config.model.network = "dcgan_radford"
    config.model.discriminator.normalization = "batch"
    return common.finish(config, variant)
