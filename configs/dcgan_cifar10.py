"""DCGAN on CIFAR-10, first recipe (dense 8x8x256, two transposed convolutions).

Paper: Radford, Metz & Chintala 2015, arXiv:1511.06434.
Command: python main.py --config=configs/dcgan_cifar10.py --workdir=runs/dcgan
Hardware: one GPU or TPU core; about 0.3 s a step on two CPU cores.
Length: 30 epochs, 23,400 steps of batch 64.
Expect: object-like colour blobs against backgrounds after 1,500 steps. FID is not measured
here yet; StudioGAN publishes 48.3 at best for its DCGAN, and 137 at the end of the same run.
"""

from ml_collections import ConfigDict

from configs import common


def get_config(variant: str = "full") -> ConfigDict:
    """The config; `variant` is full or smoke."""
    config = common.base()
    config.sample_epochs = (1, 25, 30)
    return common.finish(config, variant)
