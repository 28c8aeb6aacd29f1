"""DCGAN on CIFAR-10, second recipe: smoothed labels, dropout, augmentation, 100 epochs.

Paper: Radford, Metz & Chintala 2015, arXiv:1511.06434; label smoothing, feature matching and
minibatch discrimination after Salimans et al. 2016, arXiv:1606.03498.
Command: python main.py --config=configs/dcgan_smoothed_cifar10.py --workdir=runs/dcgan_smoothed
Against mode collapse: --config.model.feature_matching=1.0 and
--config.model.discriminator.minibatch_discrimination=50.
Hardware: one GPU or TPU core.
Length: 100 epochs, 78,150 steps of batch 64.
FID is not measured here yet; other code bases publish 24.7 to 48.3 for DCGAN.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base("dcgan")
    config.model.network = "dcgan_4x4"
    config.model.real_label = 0.9
    config.model.fake_label = 0.1
    config.model.discriminator.dropout = 0.3
    config.data.augment.flip = True
    config.data.augment.crop_padding = 2
    config.data.augment.rotation_degrees = 5.0
    config.steps = 78_150
    config.sample_epochs = (1, 25, 50, 75, 100)
    return common.finish(config, variant)
